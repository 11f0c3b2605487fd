"""One device read once for a person: its values, what went over the line for them, and what that tells."""

from dataclasses import dataclass

from agent.clock import SystemClock
from agent.tables import settings_of, wire_of
from config.station import Device, Station
from drivers import catalogue
from drivers.bus import Bus
from drivers.checks import Check, of_characters, of_modbus
from drivers.driver import Cycle, DriverSettings
from drivers.errors import DriverError, Garbled, NoAnswer
from drivers.line import LineSettings
from drivers.lines import bus_for, on
from drivers.machine import MachineBus
from drivers.modbus_settings import Settings
from drivers.neighbours import Beside, look_beside
from drivers.registers import Block, blocks
from drivers.trace import Bytes, Trace, TracedExchange
from drivers.verdict import Heard, verdict


@dataclass(frozen=True, slots=True)
class OneShot:
    """`cycle` None: nothing was read, `error` says why. `read` are the blocks of a Modbus device."""

    device: Device
    line: LineSettings
    cycle: Cycle | None
    error: DriverError | None
    passed: tuple[Bytes, ...]
    read: tuple[Block, ...]
    check: Check | None
    verdict: tuple[str, ...]

    @property
    def settings(self) -> DriverSettings:
        """The device's."""
        return settings_of(self.device)

    @property
    def errors(self) -> tuple[DriverError, ...]:
        """Why a value is missing."""
        if self.error is not None:
            return (self.error,)
        return () if self.cycle is None else self.cycle.errors


async def read_once(station: Station, device: str) -> OneShot:
    """Reads it; a place beside what is refused or impossible is read as well."""
    (table,) = [each for each in station.devices if each.id == device]
    (line,) = [wire_of(each) for each in station.lines if each.id == table.line]
    settings, trace = settings_of(table), Trace()
    async with bus_for(line, [settings], SystemClock().mono_ms) as bus:
        if not isinstance(bus, MachineBus):
            bus.tap.join(trace)
        exchange = TracedExchange(bus.exchange) if isinstance(bus, Bus) else None
        kind = catalogue.driver(table.driver)
        driver = on(bus, kind, settings) if exchange is None else kind(settings, exchange)
        cycle, error = None, None
        try:
            cycle = await driver.read()
        except DriverError as raised:
            error = raised
        passed, heard = tuple(trace.passed), trace.last_heard
        read = () if exchange is None else blocks(exchange.asked)
        beside: tuple[Beside, ...] = ()
        if isinstance(bus, Bus) and isinstance(settings, Settings):
            beside = await look_beside(bus.exchange, settings, read)
    check = _check(table, line, heard)
    said: tuple[str, ...] = ()
    if line.machine is None:
        modbus = isinstance(bus, Bus)
        told = Heard(line.endpoint, settings.address(), error, read, beside, check, modbus)
        said = (*verdict(told, settings), *_where_else(station, table, error if modbus else None))
    return OneShot(table, line, cycle, error, passed, read, check, said)


def _where_else(station: Station, table: Device, error: DriverError | None) -> tuple[str, ...]:
    """Whoever does not answer may have another address or speed."""
    if not isinstance(error, NoAnswer | Garbled):
        return ()
    return (f"Look for it: tram scan {station.file} {table.line}",)


def _check(table: Device, line: LineSettings, heard: bytes) -> Check | None:
    if not heard or line.machine is not None:
        return None
    settings = settings_of(table)
    if settings.speech() == "modbus":
        return of_modbus(line.endpoint, heard)
    return of_characters(table.driver, settings, heard)
