"""The gateway itself: its disk, memory, temperature, load, clock and UPS as channels like all others.

A fact that this machine does not have is a reading without a value and an instrument fault, and the error says what
there is. A UPS that only its own program knows (NUT, apcupsd) is not seen here.
"""

from collections.abc import Iterator
from typing import ClassVar

from drivers.character_settings import CharacterChannel, CharacterSettings
from drivers.driver import Cycle, DriverSettings, SettingProblem, Speech
from drivers.errors import DriverError
from drivers.machine import Lacking, Machine
from drivers.machine_facts import FACTS, UNITS, Wish
from telemetry.reading import Block, Reading


class Settings(CharacterSettings):
    """The machine on a line `local://`. A channel's `field` is a fact's name; its unit is one that the fact has."""

    disk: str = "/"
    """A folder on the file system to watch, best that of the store."""
    thermal_zone: str | None = None
    """The `type` of the thermal zone that is the processor's; without it the one whose name says so."""
    supply: str | None = None
    """The name of the UPS below /sys/class/power_supply; without it the first that fits."""

    def speech(self) -> Speech:
        """Its own."""
        return "machine"

    def asks(self) -> str:
        """Nobody is asked."""
        return "this machine"

    def fields(self) -> frozenset[str]:
        """The facts."""
        return frozenset(FACTS)

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels, then units that a fact cannot be told in."""
        yield from super().problems()
        for index, channel in enumerate(self.channel):
            fact = FACTS.get(channel.source)
            if fact is not None and channel.unit not in UNITS[fact.unit]:
                units = ", ".join(UNITS[fact.unit])
                wrong = f"{channel.source} is told in {units} (got {channel.unit})"
                yield SettingProblem(("channel", index, "unit"), wrong)


class SystemDriver:
    """One machine."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: Machine) -> None:
        assert isinstance(settings, Settings)
        self._channels = settings.channel
        self._wish = Wish(settings.disk, settings.thermal_zone, settings.supply)
        self._machine = line

    async def read(self) -> Cycle:
        """Everything at one instant."""
        errors: list[DriverError] = []
        readings = tuple(self._reading(channel, errors) for channel in self._channels)
        return Cycle((Block(self._machine.mono_ms(), readings),), tuple(errors))

    def _reading(self, channel: CharacterChannel, errors: list[DriverError]) -> Reading:
        fact = FACTS[channel.source]
        try:
            number = fact.read(self._machine, self._wish)
        except Lacking as lacking:
            errors.append(lacking)
            return channel.reading(None)
        times = UNITS[fact.unit][channel.unit]
        return channel.reading(number if times == 1 else number * times)
