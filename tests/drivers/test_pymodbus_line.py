"""Real ports: every fault of pymodbus 3.16.1 that was measured, and lines that cannot be opened."""

import asyncio
import logging
import os
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.bus import Bus
from drivers.errors import DriverError, Garbled, NoAnswer, Unreachable
from drivers.line import LineSettings
from drivers.pymodbus_line import PymodbusWire
from tests.drivers.raw_slave import RawSlave, closing, instead, late, mbap, on_pty, on_tcp, rtu, silent

pytestmark = pytest.mark.system

KINDS = ("tcp", "rtu+tcp", "serial")
TIMEOUT_S = 0.05


def mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def line(url: str, **more: Any) -> LineSettings:
    settings = {"timeout": f"{TIMEOUT_S}s", "guard": "50ms", "reconnect": "20ms", "retries": 0, **more}
    return LineSettings.model_validate({"url": url, **settings})


@asynccontextmanager
async def a_line(kind: str, slave: RawSlave, **more: Any) -> AsyncIterator[Bus]:
    if kind == "serial":
        async with (
            on_pty(slave) as port,
            Bus(line(f"serial://{port.path}?baudrate=115200", **more), mono_ms) as bus,
        ):
            yield bus
    else:
        async with (
            on_tcp(slave, rtu_frames=kind != "tcp") as number,
            Bus(line(f"{kind}://127.0.0.1:{number}", **more), mono_ms) as bus,
        ):
            yield bus


async def read(
    bus: Bus, slave: RawSlave, *, unit: int = 3, function: int = 3, address: int = 0, count: int = 2
) -> list[int]:
    """The registers, compared with what the slave served for this very request."""
    answer = await bus.exchange(unit, struct.pack(">BHH", function, address, count))
    words = list(struct.unpack(f">{count}H", answer.pdu[2:]))
    assert words == slave.served[-1], "the answer to another request"
    return words


async def failure(bus: Bus, slave: RawSlave, **question: int) -> DriverError:
    with pytest.raises(DriverError) as error:
        await read(bus, slave, **question)
    return error.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 125])
async def test_registers_are_read(kind: str, count: int) -> None:
    slave = RawSlave()
    async with a_line(kind, slave) as bus:
        before = mono_ms()
        assert len(await read(bus, slave, count=count)) == count
        answer = await bus.exchange(9, struct.pack(">BHH", 4, 7, 1))
        assert before <= answer.at_mono_ms <= mono_ms()
        assert slave.asked[-1][1:] == (9, 4, 7, 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_coils_are_read(kind: str) -> None:
    slave = RawSlave(values=lambda asked: [i % 3 == 0 for i in range(asked.length)])
    async with a_line(kind, slave) as bus:
        answer = await bus.exchange(1, struct.pack(">BHH", 1, 0, 12))
        assert answer.pdu == bytes([1, 2, 0b01001001, 0b0010])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refusal_comes_back_as_it_was_said(kind: str) -> None:
    slave = RawSlave()
    async with a_line(kind, slave) as bus:
        refusal = bytes([0x83, 2])
        await read(bus, slave)
        slave.script.append(
            lambda right: [(0, mbap(right[:2], 3, refusal) if kind == "tcp" else rtu(3, refusal))]
        )
        assert (await bus.exchange(3, struct.pack(">BHH", 3, 0, 2))).pdu == refusal
        assert bus.stats.refused == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_silence_is_one_request_and_one_timeout(kind: str) -> None:
    """Fault 2: pymodbus would ask four times."""
    slave = RawSlave()
    async with a_line(kind, slave) as bus:
        slave.script.append(silent)
        assert isinstance(await failure(bus, slave), NoAnswer)
        assert len(slave.asked) == 1
        await read(bus, slave)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_late_answer_is_not_given_to_the_next_request(kind: str) -> None:
    """Fault 4: over RTU pymodbus gives request 2 the answer of request 1, and so on for ever."""
    slave = RawSlave()
    async with a_line(kind, slave) as bus:
        for question in ({"address": 0}, {"address": 200}, {"address": 0, "count": 5}, {"function": 4}):
            slave.script.append(late(1.5 * TIMEOUT_S))
            assert isinstance(await failure(bus, slave), NoAnswer)
            await read(bus, slave, **question)
        assert bus.stats.late_frames >= (3 if kind == "tcp" else 4)  # over TCP nobody waits for the last


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancelled_read_does_not_shift_the_answers(kind: str) -> None:
    slave = RawSlave()
    async with a_line(kind, slave) as bus:
        await read(bus, slave)
        slave.script.append(late(0.03))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await read(bus, slave)
        assert len(slave.asked) == 2
        await read(bus, slave)


@pytest.mark.parametrize("noise", [b"\0", b"\xff", b"\xff\0\x7f", b"\x03\x03"])
@pytest.mark.parametrize("kind", ["rtu+tcp", "serial"])
async def test_noise_before_an_answer_does_not_cost_it(kind: str, noise: bytes) -> None:
    """Fault 6: pymodbus 3.16.1 loses the frame behind one byte of noise, every time."""
    slave = RawSlave()
    async with a_line(kind, slave) as bus:
        await read(bus, slave)
        slave.script.append(lambda right: [(0, noise + right)])
        await read(bus, slave)
        slave.script.append(lambda right: [(0, noise), (0.005, right[:3]), (0.01, right[3:])])
        await read(bus, slave)


@pytest.mark.parametrize("kind", ["rtu+tcp", "serial"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda right: right[:-3],
        lambda right: right[:4] + bytes([right[4] ^ 0x10]) + right[5:],
        lambda right: right[1:],
        lambda right: rtu(4, right[1:-2]),
        lambda right: rtu(3, bytes([4]) + right[2:-2]),
        lambda right: rtu(3, bytes([3, 2]) + right[3:5]),
        lambda right: rtu(3, bytes([3, 6]) + right[3:-2] + b"\0\0"),
    ],
    ids=["truncated", "bit flip", "first byte lost", "unit", "function", "too short", "too long"],
)
async def test_a_damaged_or_foreign_answer_is_garbled(kind: str, damage: Any) -> None:
    """Fault 5: pymodbus compares neither function nor length with the question."""
    slave = RawSlave()
    async with a_line(kind, slave) as bus:
        slave.script.append(lambda right: [(0, damage(right))])
        error = await failure(bus, slave)
        assert isinstance(error, Garbled)
        assert error.evidence
        await read(bus, slave)


@pytest.mark.parametrize(
    ("unit", "pdu"),
    [(4, [3, 4, 0, 1, 0, 1]), (3, [4, 4, 0, 1, 0, 1]), (3, [3, 2, 0, 1]), (3, [3, 6, 0, 0, 0, 0, 0, 0])],
    ids=["unit", "function", "too short", "too long"],
)
async def test_over_tcp_an_answer_is_compared_with_its_question(unit: int, pdu: list[int]) -> None:
    slave = RawSlave()
    async with a_line("tcp", slave) as bus:
        slave.script.append(lambda right: [(0, mbap(right[:2], unit, bytes(pdu)))])
        assert isinstance(await failure(bus, slave), Garbled)
        await read(bus, slave)
        assert slave.connections == 1


async def test_a_late_and_a_right_answer_in_one_segment() -> None:
    """Pymodbus drops what comes in one piece of more than 264 bytes."""
    slave = RawSlave()
    kept: list[bytes] = []

    def keeping(right: bytes) -> list[tuple[float, bytes]]:
        kept.append(right)
        return []

    async with a_line("tcp", slave) as bus:
        slave.script.append(keeping)
        assert isinstance(await failure(bus, slave, count=120), NoAnswer)
        slave.script.append(lambda right: [(0, kept[0] + right)])
        await read(bus, slave, count=120)
        assert bus.stats.late_frames == 1


async def test_an_answer_to_a_question_of_the_connection_before_is_late() -> None:
    """A gateway that was asked three times in vain and is connected to anew may still have the answers."""
    slave = RawSlave()
    kept: list[bytes] = []

    def keeping(right: bytes) -> list[tuple[float, bytes]]:
        kept.append(right)
        return []

    async with a_line("tcp", slave) as bus:
        slave.script.extend([keeping] * 3)
        for _ in range(3):
            assert isinstance(await failure(bus, slave), NoAnswer)
        slave.script.append(lambda right: [(0, kept[0]), (0, right)])
        await read(bus, slave)
        assert (slave.connections, bus.stats.late_frames) == (2, 1)


async def test_what_is_not_modbus_tcp_is_connected_anew() -> None:
    slave = RawSlave()
    async with a_line("tcp", slave) as bus:
        slave.script.append(instead(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        error = await failure(bus, slave)
        assert "what came is not Modbus TCP" in str(error)
        await read(bus, slave)
        assert slave.connections == 2


@pytest.mark.parametrize("kind", ["tcp", "rtu+tcp"])
async def test_a_device_that_hangs_up_does_not_cost_the_timeout(kind: str) -> None:
    """Fault 8: pymodbus waits the whole timeout for the answer of a connection that is gone."""
    slave = RawSlave()
    async with on_tcp(slave, rtu_frames=kind != "tcp") as number:
        wire = PymodbusWire(line(f"{kind}://127.0.0.1:{number}", timeout="30s"), mono_ms)
        await wire.open()
        slave.script.append(closing)
        async with asyncio.timeout(10):
            with pytest.raises(
                Unreachable, match="it closed the connection; some instruments serve one master"
            ):
                await wire.ask(1, bytes([3, 0, 0, 0, 1]))
        assert not wire.is_open


async def test_pymodbus_does_not_reconnect_behind_our_back() -> None:
    slave = RawSlave()
    async with a_line("tcp", slave) as bus:
        await read(bus, slave)
        slave.script.append(closing)
        await failure(bus, slave)
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert not [task for task in asyncio.all_tasks() if "transport" in task.get_name()]
        assert slave.connections == 1
        assert not bus.stats.is_open


@pytest.mark.parametrize("kind", KINDS)
async def test_pymodbus_logs_nothing(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    slave = RawSlave()
    async with a_line(kind, slave) as bus:
        slave.script += [silent, instead(b"\x05" * 12)]
        await failure(bus, slave)
        await failure(bus, slave)
    assert [record for record in caplog.records if record.name.startswith("pymodbus")] == []


async def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        number = unused.getsockname()[1]
    async with Bus(line(f"tcp://127.0.0.1:{number}"), mono_ms) as bus:
        with pytest.raises(Unreachable) as error:
            await bus.exchange(1, bytes([3, 0, 0, 0, 1]))
        assert str(error.value) == (
            f"127.0.0.1:{number}: it refuses the connection; "
            f"is Modbus TCP in the instrument switched on, and is {number} its port?"
        )


async def test_an_instrument_that_comes_back_is_found_again() -> None:
    slave = RawSlave()
    async with on_tcp(slave) as number:
        pass
    async with Bus(line(f"tcp://127.0.0.1:{number}"), mono_ms) as bus:
        await failure(bus, slave)
        async with on_tcp(slave, port=number):
            async with asyncio.timeout(2):
                while not bus.stats.is_open:
                    try:
                        await read(bus, slave)
                    except Unreachable:
                        await asyncio.sleep(0.01)


async def opening(url: str) -> str:
    with pytest.raises(Unreachable) as error:
        await PymodbusWire(line(url), mono_ms).open()
    return str(error.value)


async def test_a_device_that_is_not_there() -> None:
    assert "/dev/ttyTRAM9: there is no such device; is " in await opening(
        "serial:///dev/ttyTRAM9?baudrate=9600"
    )


async def test_a_file_is_not_a_serial_port(tmp_path: Path) -> None:
    (tmp_path / "tty").write_text("")
    assert "this is not a serial port" in await opening(f"serial://{tmp_path}/tty?baudrate=9600")


async def test_settings_that_the_adapter_refuses_and_the_port_is_free_again() -> None:
    """Fault 12: termios.error is no OSError and escapes pymodbus's connect; a pseudo-terminal knows no parity."""
    slave = RawSlave()
    async with on_pty(slave) as port:
        said = await opening(f"serial://{port.path}?baudrate=9600&parity=E")
        assert said == (
            f"{port.path}: it refuses 9600 Bd 8E1; this adapter cannot do that (a pseudo-terminal does 8N1 only)"
        )
        async with Bus(line(f"serial://{port.path}?baudrate=9600"), mono_ms) as bus:
            await read(bus, slave)


async def test_a_port_that_another_program_holds() -> None:
    slave = RawSlave()
    async with on_pty(slave) as port:
        url = f"serial://{port.path}?baudrate=9600"
        async with Bus(line(url), mono_ms) as first:
            await read(first, slave)
            said = await opening(url)
            assert said == (
                f"{port.path}: another program holds it; stop that program (fuser -v {port.path} names it)"
            )
        async with Bus(line(url), mono_ms) as second:
            await read(second, slave)


async def test_an_adapter_pulled_out_and_back_under_the_same_name_is_opened_again(tmp_path: Path) -> None:
    by_id = tmp_path / "usb-FTDI-if00-port0"
    slave = RawSlave()
    async with Bus(line(f"serial://{by_id}?baudrate=115200"), mono_ms) as bus:
        async with on_pty(slave) as port:
            by_id.symlink_to(port.path)
            await read(bus, slave)
            slave.script.append(closing)
            assert "the adapter is gone" in str(await failure(bus, slave))
            by_id.unlink()
        assert "there is no such device" in str(await failure(bus, slave))
        async with on_pty(slave) as port:
            by_id.symlink_to(port.path)
            async with asyncio.timeout(2):
                while not bus.stats.is_open:
                    try:
                        await read(bus, slave)
                    except Unreachable:
                        await asyncio.sleep(0.01)
            await read(bus, slave)
            assert bus.stats.reconnects == 1


async def test_bytes_of_a_killed_run_are_not_read_by_the_next() -> None:
    slave = RawSlave()
    async with on_pty(slave) as port:
        os.write(port.master, rtu(3, bytes([3, 4, 0, 9, 0, 9])))
        async with Bus(line(f"serial://{port.path}?baudrate=115200"), mono_ms) as bus:
            await read(bus, slave)


async def test_a_wire_that_was_never_opened_or_was_closed_says_so() -> None:
    wire = PymodbusWire(line("tcp://127.0.0.1:1"), mono_ms)
    wire.close()
    with pytest.raises(Unreachable, match="not open"):
        await wire.ask(1, bytes([3, 0, 0, 0, 1]))


async def test_closing_ends_a_question_in_hand() -> None:
    slave = RawSlave()
    async with on_tcp(slave) as number:
        wire = PymodbusWire(line(f"tcp://127.0.0.1:{number}", timeout="20s"), mono_ms)
        await wire.open()
        slave.script.append(silent)
        asking = asyncio.create_task(wire.ask(1, bytes([3, 0, 0, 0, 1])))
        while not slave.asked:
            await asyncio.sleep(0)
        wire.close()
        with pytest.raises(Unreachable, match="closed"):
            await asking
