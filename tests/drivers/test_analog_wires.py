"""Input modules on real wires with everything that goes wrong there: a right value, or a reason."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.station import load_station
from agent.tables import settings_of, wire_of
from drivers import catalogue
from drivers.driver import Driver
from drivers.errors import DriverError
from drivers.lines import bus_for, on
from sim.reconcile import Stored, reconcile
from sim.rehearsal import Rehearsal, rewrite
from sim.served import ServedLog
from sim.twin import Wishes, serve

pytestmark = pytest.mark.system

STATION = """\
[station]
id = "LOOPS"

[[line]]
id = "wire"
url = "{url}"
timeout = "{timeout}"
guard = "100ms"
reconnect = "50ms"

[[device]]
id = "io"
line = "wire"
driver = "analog"
unit = 1
every = "1s"
module = "{module}"
block_gap = 64
channel = [
  {{ id = "COD", input = 0, span = [0, 500], unit = "mg/L" }},
  {{ id = "level", input = 5, span = [5, 0], unit = "m" }},
]
contact = [ {{ means = "maintenance", table = "coil", address = 3, active = 0 }} ]
"""
RS485 = "serial:///dev/ttyS77?baudrate=115200&parity=N"
ASCII = RS485 + "&framer=ascii"
TCP = "tcp://127.0.0.1:1"
UDP = "udp://127.0.0.1:1"
ASCII_TCP = "ascii+tcp://127.0.0.1:1"
FAULTS = (
    "silent",
    "late=0.15",
    "truncated",
    "noise",
    "unit",
    "function",
    "short",
    "exception",
    "close",
    "reboot=0.1",
)


def mono_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


async def polled(driver: Driver, polls: int) -> tuple[list[Stored], int]:
    """What a record would hold of each poll, and how many polls brought something."""
    stored, answered = [], 0
    for number in range(polls):
        try:
            cycle = await driver.read()
        except DriverError:
            continue
        answered += 1
        readings = [reading for block in cycle.blocks for reading in block.readings]
        assert sorted(reading.channel for reading in readings) == ["COD", "level"]
        assert all(reading.value is not None or reading.flags for reading in readings)
        values = {reading.channel: reading.value for reading in readings if reading.value is not None}
        ended_mono_ms = mono_ms()
        stored.append(Stored("io", number, ended_mono_ms, values))
        while mono_ms() == ended_mono_ms:  # the account tells polls apart by ms
            await asyncio.sleep(0)
    return stored, answered


async def rehearsed(
    folder: Path, url: str, module: str, faults: Sequence[str], polls: int = 4
) -> tuple[int, tuple[str, ...]]:
    """(polls with an answer, values that were never served)."""
    file = folder / "station.toml"
    file.write_text(STATION.format(url=url, module=module, timeout="100ms" if faults else "500ms"))
    served = ServedLog()
    wishes = Wishes(faults=faults, links=folder)
    async with serve(load_station(file, elsewhere=True), wishes, served) as (urls, _places):
        copy = folder / "rehearsal.toml"
        copy.write_text(rewrite(file.read_text(), "station.toml", Rehearsal(urls, "k.pem", "l.db")))
        station = load_station(copy, elsewhere=True)
        (table,) = station.devices
        settings = settings_of(table)
        async with bus_for(wire_of(station.lines[0]), [settings], mono_ms) as bus:
            driver = on(bus, catalogue.driver(table.driver), settings)
            stored, answered = await polled(driver, polls)
    return answered, reconcile(served.kept, stored).wrong


@pytest.mark.parametrize("module", ["ADAM-6017", "ioLogik E1240", "ioLogik E1240 scaled", "M-7017C"])
@pytest.mark.parametrize(
    "url", [RS485, ASCII, TCP, UDP, ASCII_TCP], ids=["serial", "ascii", "tcp", "udp", "ascii+tcp"]
)
async def test_the_twin_of_a_module_is_read_right(tmp_path: Path, url: str, module: str) -> None:
    assert await rehearsed(tmp_path, url, module, [], polls=3) == (3, ())


@pytest.mark.parametrize(
    ("url", "fault"),
    [(url, fault) for url in (RS485, ASCII) for fault in (*FAULTS, "flip")]
    + [(ASCII_TCP, "late=0.15"), (ASCII_TCP, "close"), (ASCII_TCP, "flip")],
)
async def test_no_fault_of_a_serial_line_makes_a_wrong_value(tmp_path: Path, url: str, fault: str) -> None:
    _, wrong = await rehearsed(tmp_path, url, "ioLogik E1240", [f"{fault}%40"])
    assert wrong == ()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("url", [TCP, UDP], ids=["tcp", "udp"])
async def test_no_fault_of_a_network_makes_a_wrong_value(tmp_path: Path, url: str, fault: str) -> None:
    """But for a flipped bit: Modbus TCP has no checksum of its own."""
    _, wrong = await rehearsed(tmp_path, url, "ioLogik E1240", [f"{fault}%40"])
    assert wrong == ()
