"""What every driver is: frozen settings, a constructor that does nothing, and `async read()`.

It never opens, retries, logs, schedules or sleeps.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, field_validator

from drivers.errors import DriverError
from drivers.protocols.modbus import Table
from drivers.status import StatusRule, rule
from telemetry.reading import Block

Speech = Literal["modbus", "characters", "machine"]
"""What a line carries. Modbus devices are given an `Exchange`, those of characters a
`drivers.characters.CharacterLine`, and the gateway itself a `drivers.machine.Machine`."""


class Cycle(NamedTuple):
    """One poll: every channel exactly once over the blocks, and the errors that explain missing values.

    A channel whose block failed comes as a reading without value and with flags, at the time of the
    latest answer of this poll. An error may also be a notice: a block that was split is said once.
    """

    blocks: tuple[Block, ...]
    errors: tuple[DriverError, ...] = ()


class ChannelMeaning(NamedTuple):
    """What a channel's number means. `low` and `high` in `unit`; None: no limit. `bits`: the widest it is written."""

    id: str
    unit: str
    low: float | None = None
    high: float | None = None
    bits: int = 64


class SettingProblem(NamedTuple):
    """One mistake that needs a look at several settings; `path` leads to it from the device table."""

    path: tuple[str | int, ...]
    message: str


def channels_twice(ids: Iterable[str]) -> Iterator[SettingProblem]:
    """Names that an earlier channel of the same device has."""
    seen: set[str] = set()
    for index, name in enumerate(ids):
        if name in seen:
            yield SettingProblem(("channel", index, "id"), f'channel "{name}" is there twice')
        seen.add(name)


class DriverSettings(BaseModel):
    """What is left of a `[[device]]` table after id, line, driver, every and profile."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("channel", check_fields=False)
    @classmethod
    def _something_is_measured(cls, channels: tuple[object, ...]) -> tuple[object, ...]:
        # not Field(min_length=1): that counts wrong channels as missing and says so as well
        if not channels:
            raise ValueError("a device needs at least one [[device.channel]]")
        return channels

    def speech(self) -> Speech:
        """What the device's line carries."""
        return "modbus"

    def streams(self) -> bool:
        """Whether the device talks by itself: it then has its line for itself."""
        return False

    def patience_s(self) -> float:
        """How long one poll may wait for an instrument that talks by itself; 0: it is asked."""
        return 0.0

    def alone(self) -> bool:
        """Whether nothing in its answers says whose they are: it then has its line for itself as well."""
        return False

    def quiet(self) -> dict[tuple[Table, int], int]:
        """Registers and bits that are read beside the channels, and what they hold while all is well."""
        return {}

    def wrong_status(self, channel: str, meanings: Mapping[str, str]) -> Iterator[str]:
        """What keeps this channel from being a status of other devices' values that means this."""
        yield (
            f'"{channel}" is a measurement of this driver and no status: '
            "name a bit or a whole number of a device with driver modbus or ascii"
        )

    def status_rule(self, channel: str, flagged: tuple[str, ...], meanings: Mapping[str, str]) -> StatusRule:
        """What this channel says of another device's channels. ValueError where `wrong_status` finds something."""
        return rule(channel, flagged, meanings)

    @abstractmethod
    def channels(self) -> tuple[ChannelMeaning, ...]:
        """The channels in the order of the file."""

    @abstractmethod
    def problems(self) -> Iterator[SettingProblem]:
        """Mistakes across settings; those within one setting are pydantic's."""

    @abstractmethod
    def rows(self) -> list[list[object]]:
        """Per channel [id, table, address, type, order, scale, offset, unit, range]: record kind 4.

        Of a driver that is not Modbus, `table` names what the instrument is asked, `address` the field of its answer.
        """

    @abstractmethod
    def address(self) -> int | str | None:
        """The device's address on its line, a number or a letter, unique there; None where lines have none."""


class Driver(Protocol):
    """Reads one device."""

    settings: ClassVar[type[DriverSettings]]

    def __init__(self, settings: DriverSettings, line: Any) -> None:  # noqa: ANN401 - by `settings.speech()`
        """Plan only; no I/O."""

    async def read(self) -> Cycle:
        """One poll. Raises DriverError only when nothing at all was read; its `flags` then hold for all."""
        ...
