"""A driver, a kind of line and a machine that are nobody's: `config` must not know the real ones."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from config.errors import Problem, StationFileError
from config.load import check_text
from config.machine import Role
from config.position import Place
from config.quantity import duration_ms
from config.settings import Kinds, Tree
from config.station import Station

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)

TEXT = """\
[station]
id = "NUO001"
timezone = "Asia/Ho_Chi_Minh"

[identity]
key = "keys/station.pem"

[buffer]
quota = "4GB"

[[line]]
id = "rs485"
url = "serial:///dev/ttyUSB0"
timeout = "1s"

[[device]]
id = "ph"
line = "rs485"
driver = "wire"
port = 502
every = "5s"

[[device.channel]]
id = "pH"
address = 0
unit = "pH"

[[device.channel]]
id = "temperature"
address = 2
unit = "degC"

[[destination]]
id = "so-tnmt"
url = "mqtts://broker.example:8883"
receipt_keys = ["keys/so-tnmt.pub"]
"""


class FakeLine(BaseModel):
    """As much of a line as the checks across tables look at."""

    model_config = STRICT
    url: str
    timeout_s: Annotated[float, BeforeValidator(lambda text: duration_ms(text) / 1000)] = Field(
        1.0, alias="timeout"
    )
    guard_s: Annotated[float, BeforeValidator(lambda text: duration_ms(text) / 1000)] = Field(
        1.0, alias="guard"
    )

    def refuses_speech(self, speech: str) -> str | None:
        """A port of seven bits has no Modbus."""
        return "seven bits are too few" if speech == "modbus" and "bytesize=7" in self.url else None


class FakeChannel(BaseModel):
    """One channel with every kind of field."""

    model_config = STRICT
    id: str
    address: int
    unit: str = "1"
    type: Literal["int16", "float32", "float64"] = "float32"
    scale: float = 1.0
    range: tuple[float, float] | None = None
    loud: bool = False
    register_: int | str | None = Field(None, alias="register")

    @field_validator("unit")
    @classmethod
    def _unit(cls, unit: str) -> str:
        if unit not in {"1", "pH", "degC", "mg/L"}:
            raise ValueError('is not a known unit of measure, did you mean "mg/L"?')
        return unit


class FakeProblem(NamedTuple):
    """A driver's own finding."""

    path: Place
    message: str


class FakeMeaning(NamedTuple):
    """A channel to the outside."""

    id: str
    unit: str
    bits: int = 64


class FakeSettings(BaseModel):
    """A driver's settings; channels on neighbouring addresses overlap."""

    model_config = STRICT
    port: int = Field(ge=0, le=65535, examples=[502])
    channel: tuple[FakeChannel, ...] = Field(min_length=1)
    unit: int | None = Field(None, gt=0, lt=248)
    label: str = Field("", min_length=0, max_length=8)

    def channels(self) -> tuple[FakeMeaning, ...]:
        """In the order of the file."""
        return tuple(FakeMeaning(channel.id, channel.unit) for channel in self.channel)

    def problems(self) -> Iterator[FakeProblem]:
        """Two registers each."""
        taken: set[int] = set()
        for index, channel in enumerate(self.channel):
            if channel.address - 1 in taken:
                yield FakeProblem(("channel", index, "address"), "overlaps another in part")
            taken.add(channel.address)

    def address(self) -> int | None:
        """The unit address."""
        return self.unit

    def wrong_status(self, channel: str, meanings: Mapping[str, str]) -> Iterator[str]:
        """Floats say nothing of others, and there is one word."""
        (status,) = [each for each in self.channel if each.id == channel]
        if status.type != "int16":
            yield "only a whole number is a status"
        elif set(meanings.values()) != {"calibration"}:
            yield "the word is calibration"

    def speech(self) -> str:
        """As the label says; else Modbus."""
        return "characters" if self.label == "talk" else "modbus"

    def streams(self) -> bool:
        """As the port says."""
        return self.port == 4

    def patience_s(self) -> float:
        """As many minutes as the label has letters behind `talk`."""
        return 60.0 * len(self.label.removeprefix("talk")) if self.streams() else 0.0

    def alone(self) -> bool:
        """As the port says."""
        return self.port == 5


def broken_driver() -> type[BaseModel]:
    """A driver whose library is not there."""
    raise ImportError("No module named 'snap7'")


PROFILES: Mapping[str, Tree] = {
    "cm44": {
        "driver": "wire",
        "port": 503,
        "channel": [{"id": "pH", "address": 10, "unit": "pH"}, {"id": "T", "address": 12, "unit": "degC"}],
    },
    "bad": {"channel": [{"id": "pH", "address": "ten"}, {"id": "T", "address": "two"}]},
    "talk": {"driver": "voice", "channel": [{"id": "pH", "words": "?"}]},
}
KINDS = Kinds(
    drivers={"wire": lambda: FakeSettings, "broken": broken_driver},
    line_settings=FakeLine,
    profiles={name: lambda table=table: table for name, table in PROFILES.items()},  # type: ignore[misc]
)


class FakeMachine:
    """A machine with these faulty files and two time zones."""

    def __init__(self, faults: Mapping[str, str] | None = None) -> None:
        self.faults = faults or {}
        self.asked: list[tuple[str, Role]] = []

    def has_timezone(self, name: str) -> bool:
        """Of two."""
        return name in self.timezones()

    def timezones(self) -> Collection[str]:
        """Two."""
        return ["Asia/Ho_Chi_Minh", "UTC"]

    def file_problem(self, path: Path, role: Role) -> str | None:
        """As it was told."""
        self.asked.append((str(path), role))
        return self.faults.get(str(path))


FILE = Path("station.toml")


def read(text: str = TEXT, machine: FakeMachine | None = None) -> Station:
    """The station, or its problems."""
    return check_text(text, file=FILE, kinds=KINDS, machine=machine or FakeMachine())


def problems(text: str, machine: FakeMachine | None = None) -> list[Problem]:
    """All of them; there must be one."""
    with pytest.raises(StationFileError) as caught:
        read(text, machine)
    return list(caught.value.problems)


def said(text: str, machine: FakeMachine | None = None) -> list[str]:
    """All of them as they are printed."""
    return [str(problem) for problem in problems(text, machine)]


def changed(old: str, new: str, text: str = TEXT) -> str:
    """The file with one thing changed; it must be there."""
    assert old in text
    return text.replace(old, new, 1)
