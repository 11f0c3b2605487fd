"""The bus that a line's devices need, by what they speak."""

import random
from collections.abc import Callable, Sequence

from drivers.bus import Bus
from drivers.character_bus import CharacterBus
from drivers.driver import Driver, DriverSettings
from drivers.line import LineSettings

MonoMs = Callable[[], int]


def bus_for(
    line: LineSettings,
    devices: Sequence[DriverSettings],
    mono_ms: MonoMs,
    *,
    jitter: Callable[[], float] = random.random,
) -> Bus | CharacterBus:
    """For devices that all speak alike, as the station file's check demands. Nothing is opened yet."""
    if any(device.speech() == "characters" for device in devices):
        streams = any(device.streams() for device in devices)
        return CharacterBus(line, mono_ms, streams=streams, jitter=jitter)
    return Bus(line, mono_ms, jitter=jitter)


def on(bus: Bus | CharacterBus, driver: type[Driver], settings: DriverSettings) -> Driver:
    """The driver of a device on its line."""
    return driver(settings, bus if isinstance(bus, CharacterBus) else bus.exchange)
