"""The bus that a line's devices need, by what they speak."""

import random
from collections.abc import Callable, Sequence

from drivers.bus import Bus, Wire
from drivers.character_bus import CharacterBus
from drivers.cutting import Framing
from drivers.driver import Driver, DriverSettings
from drivers.endpoint import SerialPort, UdpHost
from drivers.line import LineSettings
from drivers.machine import MachineBus
from drivers.modbus_wire import modbus_wire

MonoMs = Callable[[], int]
AnyBus = Bus | CharacterBus | MachineBus


def bus_for(
    line: LineSettings,
    devices: Sequence[DriverSettings],
    mono_ms: MonoMs,
    *,
    wire: Callable[[LineSettings, MonoMs], Wire] = modbus_wire,
    jitter: Callable[[], float] = random.random,
) -> AnyBus:
    """For devices that all speak alike, as the station file's check demands. Nothing is opened yet.

    `wire` makes the connection of Modbus devices.
    """
    if line.machine is not None:
        return MachineBus(line.machine, mono_ms)
    if any(device.speech() == "characters" for device in devices):
        streams = any(device.streams() for device in devices)
        return CharacterBus(line, mono_ms, streams=streams, jitter=jitter)
    return Bus(line, mono_ms, wire=wire(line, mono_ms), jitter=jitter)


def framing(line: LineSettings, devices: Sequence[DriverSettings]) -> Framing:
    """How the bytes on a wire are put into frames, by where it leads and what its devices speak."""
    where = line.endpoint
    if any(device.speech() == "characters" for device in devices):
        return "characters"
    if isinstance(where, UdpHost):
        return "udp"
    if isinstance(where, SerialPort):
        return where.framer
    return "rtu" if where.rtu else "ascii" if where.ascii else "tcp"


def on(bus: AnyBus, driver: type[Driver], settings: DriverSettings) -> Driver:
    """The driver of a device on its line."""
    if isinstance(bus, MachineBus):
        return driver(settings, bus.machine)
    return driver(settings, bus if isinstance(bus, CharacterBus) else bus.exchange)
