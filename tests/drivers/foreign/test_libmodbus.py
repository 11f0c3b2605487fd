"""A slave that shares nothing with us: libmodbus, compiled here, over TCP and over a serial line."""

import asyncio
import json
import os
import pty
import shutil
import struct
import subprocess
import time
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.bus import Bus
from drivers.endpoint import ThisMachine, endpoint
from drivers.errors import NoAnswer
from drivers.interview import everything
from drivers.line import LineSettings
from drivers.modbus import ModbusDriver
from drivers.modbus_settings import Settings
from drivers.scan import Found, Limits, Scan
from drivers.scan_port import scan_port
from drivers.trials import Setting, Trial, Trials, network_trials, serial_trials

pytestmark = pytest.mark.system

SOURCE = Path(__file__).with_name("libmodbus_server.c")
PH = struct.unpack(">f", struct.pack(">f", 7.85))[0]

EXPECTED: dict[str, tuple[dict[str, Any], Any]] = {
    "abcd": ({"address": 0, "type": "float32", "order": "ABCD"}, PH),
    "cdab": ({"address": 2, "type": "float32", "order": "CDAB"}, PH),
    "badc": ({"address": 4, "type": "float32", "order": "BADC"}, PH),
    "dcba": ({"address": 6, "type": "float32", "order": "DCBA"}, PH),
    "int16": ({"address": 10, "type": "int16"}, -1234),
    "uint16": ({"address": 11, "type": "uint16"}, 54321),
    "int32": ({"address": 12, "type": "int32"}, -123456789),
    "uint32": ({"address": 14, "type": "uint32"}, 4000000000),
    "int64": ({"address": 16, "type": "int64"}, -1234567890123456789),
    "float64": ({"address": 20, "type": "float64"}, -2.5e-3),
    "bcd16": ({"address": 24, "type": "bcd16"}, 1234),
    "bcd32": ({"address": 25, "type": "bcd32"}, 12345678),
    "string": ({"address": 27, "type": "string", "length": 8}, "CA80-VN"),
    "bit2": ({"address": 31, "type": "bit", "bit": 2}, 1),
    "bit3": ({"address": 31, "type": "bit", "bit": 3}, 0),
    "scaled": ({"address": 11, "type": "uint16", "scale": 0.1}, 5432.1),
    "coil0": ({"address": 0, "type": "bit", "table": "coil"}, 1),
    "coil10": ({"address": 10, "type": "bit", "table": "coil"}, 0),
    "discrete20": ({"address": 20, "type": "bit", "table": "discrete"}, 1),
    "input": ({"address": 0, "type": "float32", "table": "input"}, PH),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: libmodbus as a foreign peer is not tried")
    binary = tmp_path_factory.mktemp("libmodbus") / "libmodbus_server"
    built = subprocess.run(
        [compiler, "-O1", "-o", str(binary), str(SOURCE), "-lmodbus"],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode and "modbus" in built.stderr:
        pytest.skip("libmodbus-dev is not installed: libmodbus as a foreign peer is not tried")
    assert built.returncode == 0, built.stderr
    return binary


@contextmanager
def running(*command: str) -> Iterator[int]:
    """The server's port once it says that it is ready."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().removeprefix("ready "))
        finally:
            process.kill()


@asynccontextmanager
async def joined_ptys() -> AsyncIterator[tuple[str, str]]:
    """Two serial ports with a cable between them."""
    loop = asyncio.get_running_loop()
    (left, left_port), (right, right_port) = pty.openpty(), pty.openpty()

    def carry(source: int, target: int) -> None:
        os.write(target, os.read(source, 4096))

    for master, port in ((left, left_port), (right, right_port)):
        tty.setraw(port)
        os.set_blocking(master, False)
    loop.add_reader(left, carry, left, right)
    loop.add_reader(right, carry, right, left)
    try:
        yield os.ttyname(left_port), os.ttyname(right_port)
    finally:
        loop.remove_reader(left)
        loop.remove_reader(right)
        for end in (left, left_port, right, right_port):
            os.close(end)


def bus(url: str) -> Bus:
    settings = {"url": url, "timeout": "500ms", "guard": "50ms"}
    return Bus(LineSettings.model_validate(settings), lambda: time.monotonic_ns() // 1_000_000)


def device(exchange: Bus, channels: list[dict[str, Any]], unit: int = 3) -> ModbusDriver:
    settings = Settings.model_validate_json(json.dumps({"unit": unit, "channel": channels}))
    assert list(settings.problems()) == []
    return ModbusDriver(settings, exchange)


async def check_everything(exchange: Bus) -> None:
    channels = [
        {"id": name, "table": "holding", "unit": "1", **table} for name, (table, _) in EXPECTED.items()
    ]
    everything = device(exchange, channels)
    for _ in range(3):
        cycle = await everything.read()
        read = {reading.channel: reading.value for block in cycle.blocks for reading in block.readings}
        assert read == {name: value for name, (_, value) in EXPECTED.items()}
        assert cycle.errors == ()


async def check_refusal(exchange: Bus) -> None:
    """Register 64 is not there: one block is refused, split, and only the wrong channel stays without value."""
    beyond = [
        {"id": "there", "table": "holding", "address": 60, "type": "uint16", "unit": "1"},
        {"id": "not-there", "table": "holding", "address": 64, "type": "uint16", "unit": "1"},
    ]
    cycle = await device(exchange, beyond).read()
    read = {reading.channel: reading.value for block in cycle.blocks for reading in block.readings}
    assert read == {"there": 0, "not-there": None}
    assert [type(error).__name__ for error in cycle.errors] == ["Refused", "Refused"]


async def test_libmodbus_over_tcp(server: Path) -> None:
    with running(str(server), "tcp") as number:
        async with bus(f"tcp://127.0.0.1:{number}") as exchange:
            await check_everything(exchange)
            await check_refusal(exchange)


async def test_libmodbus_over_a_serial_line(server: Path) -> None:
    async with joined_ptys() as (ours, theirs):
        with running(str(server), "rtu", theirs):
            async with bus(f"serial://{ours}?baudrate=115200") as exchange:
                await check_everything(exchange)
                await check_refusal(exchange)
                with pytest.raises(NoAnswer):
                    await device(
                        exchange, [{"id": "a", "table": "coil", "address": 0, "type": "bit"}], 4
                    ).read()
                await check_everything(exchange)


async def test_a_scan_finds_libmodbus_behind_its_port_and_sees_that_it_looks_at_no_address(
    server: Path,
) -> None:
    """Over TCP libmodbus answers whatever the unit address is, and refuses a name plate with exception 1."""
    with running(str(server), "tcp") as number:
        few = await scanned(f"tcp://127.0.0.1:{number}", network_trials((3, 4)))
        assert {(unit.unit, unit.exception, unit.known.plate) for unit in few.found} == {
            (3, 0, ()),
            (4, 0, ()),
        }
        whole = await scanned(f"tcp://127.0.0.1:{number}", network_trials(range(1, 248)))
        assert whole.everywhere
        assert [unit.unit for unit in whole.found] == [1]


async def test_a_scan_finds_libmodbus_on_a_serial_line(server: Path) -> None:
    async with joined_ptys() as (ours, theirs):
        with running(str(server), "rtu", theirs):
            some = (Setting(9600), Setting(19200))
            found = (await scanned(f"serial://{ours}?baudrate=9600", serial_trials(some, range(1, 6)))).found
    assert {(unit.setting, unit.unit) for unit in found} == {(setting, 3) for setting in some}, (
        "a pseudo-terminal has no speed, and libmodbus does not look"
    )


async def scanned(url: str, trials: Trials) -> Scan:
    """At the end of everything."""
    where = endpoint(url)
    assert not isinstance(where, ThisMachine)
    scan = Scan(scan_port(where), trials, Limits(0.05, float("inf")), Nobody(), everything())
    assert await scan.run() == "complete"
    return scan


class Nobody:
    """Nobody looks on."""

    def trying(self, trial: Trial, done: int, total: int) -> None: ...

    def found(self, unit: Found) -> None: ...

    def note(self, text: str) -> None: ...
