"""What this room may ask of settings that are handed in: it knows no driver and no kind of line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from pydantic import BaseModel

from config.position import Place

Tree = Mapping[str, object]
Drivers = Mapping[str, Callable[[], type[BaseModel]]]
"""Settings models by the name of their driver, imported when called. ImportError: it is broken."""
Profiles = Mapping[str, Callable[[], Tree]]
"""Device tables by the name of their profile: `driver` (whose settings they are), `channel`, and what else it sets."""


class SettingProblem(Protocol):
    """One mistake that a driver found; `path` leads to it from the device's table."""

    @property
    def path(self) -> Place:
        """Keys and indices from 0."""
        ...

    @property
    def message(self) -> str:
        """One sentence."""
        ...


class Meaning(Protocol):
    """One channel: its id, its unit of measure, and how wide its number is."""

    @property
    def id(self) -> str:
        """As in the file."""
        ...

    @property
    def unit(self) -> str:
        """As it stands in the record."""
        ...

    @property
    def bits(self) -> int:
        """8, 16, 32 or 64."""
        ...


class Settings(Protocol):
    """What the settings of a driver can be asked."""

    def channels(self) -> Sequence[Meaning]:
        """In the order of the file."""
        ...

    def problems(self) -> Iterator[SettingProblem]:
        """Mistakes across settings."""
        ...

    def address(self) -> int | str | None:
        """Unit address on the line, a number or a letter; None where lines have none."""
        ...

    def wrong_status(self, channel: str, meanings: Mapping[str, str]) -> Iterator[str]:
        """What keeps this channel from being a status of other devices' values that means this."""
        ...

    def speech(self) -> str:
        """What the device's line carries, "modbus", "characters" or "machine"."""
        ...

    def streams(self) -> bool:
        """Whether the device talks by itself."""
        ...

    def patience_s(self) -> float:
        """How long one poll may wait for a device that talks by itself; 0: it is asked."""
        ...

    def alone(self) -> bool:
        """Whether nothing in its answers says whose they are."""
        ...


class Kinds(NamedTuple):
    """What a file's devices and lines can be; the rooms that know it hand it in."""

    drivers: Drivers
    line_settings: type[BaseModel]
    profiles: Profiles
