"""Slaves on a pseudo-terminal, seen through a plain file descriptor and through pyserial."""

import asyncio
import errno
import os
import select
import tty
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import serial

from drivers.protocols import modbus_rtu
from drivers.protocols.modbus_pdu import ReadRequest
from sim.face import Face
from sim.faults import Flipped, Noisy, Silent, Slow, Truncated, WrongUnit
from sim.hosts.pty import PtyHost
from sim.wire import Wire
from tests.sim.bench import ph_meter

pytestmark = pytest.mark.system

ASK = ReadRequest(3, 0, 2)
READ_PH = modbus_rtu.encode_frame(3, bytes.fromhex("03 00 00 00 02"))
PH = modbus_rtu.encode_frame(3, bytes.fromhex("03 04 40 f0 00 00"))


def make_wire() -> Wire:
    return Wire("rs485", Face({3: ph_meter("a"), 4: ph_meter("b", ph=6.5)}))


class Master:
    """The computer's end of the line, for the thread that blocks on it."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)

    def __enter__(self) -> "Master":
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self.fd)

    def send(self, wire: bytes) -> None:
        os.write(self.fd, wire)

    async def receive(self, length: int, *, within_s: float = 5.0) -> bytes:
        """`length` bytes, or what came before the line was quiet for `within_s`."""
        return await asyncio.to_thread(self._receive, length, within_s)

    def _receive(self, length: int, within_s: float) -> bytes:
        received = b""
        while len(received) < length and select.select([self.fd], [], [], within_s)[0]:
            piece = os.read(self.fd, length - len(received))
            if not piece:
                raise EOFError("the adapter is gone")
            received += piece
        return received


async def test_several_units_answer_on_one_line() -> None:
    async with PtyHost(make_wire()) as line:
        with Master(line.path) as master:
            for unit, ph in ((3, "40 f0"), (4, "40 d0"), (3, "40 f0")):
                master.send(modbus_rtu.encode_frame(unit, bytes.fromhex("03 00 00 00 02")))
                reply = modbus_rtu.encode_frame(unit, bytes.fromhex(f"03 04 {ph} 00 00"))
                assert await master.receive(9) == reply


async def test_a_foreign_unit_on_the_line_is_ignored_without_a_word() -> None:
    async with PtyHost(make_wire()) as line:
        with Master(line.path) as master:
            master.send(modbus_rtu.encode_frame(17, bytes.fromhex("03 00 00 00 02")) + READ_PH)
            assert await master.receive(9) == PH
            assert await master.receive(1, within_s=0.05) == b""
        assert line.wire.served.count == 1


async def test_noise_before_a_request_is_passed_over() -> None:
    async with PtyHost(make_wire()) as line:
        with Master(line.path) as master:
            master.send(b"\x00\xff\x03" + READ_PH)
            assert await master.receive(9) == PH


async def test_a_request_cut_short_is_forgotten_when_the_line_falls_silent() -> None:
    async with PtyHost(make_wire(), silence_s=0.01) as line:
        with Master(line.path) as master:
            master.send(READ_PH[:6])
            assert await master.receive(1, within_s=0.1) == b""
            master.send(READ_PH)
            assert await master.receive(9) == PH


async def test_an_unknown_function_is_refused_once_the_line_is_silent() -> None:
    async with PtyHost(make_wire()) as line:
        with Master(line.path) as master:
            master.send(modbus_rtu.encode_frame(3, b"\x11"))
            assert await master.receive(5) == modbus_rtu.encode_frame(3, b"\x91\x01")


async def test_a_late_answer_really_lands_late_between_two_other_answers() -> None:
    """The trap: the bytes of request 1 are on the wire after request 2 was asked."""
    wire = make_wire()
    wire.script.add(Slow(0.1, name="late"), 3)
    async with PtyHost(wire) as line:
        with Master(line.path) as master:
            master.send(READ_PH)
            assert await master.receive(1, within_s=0.03) == b""
            master.send(modbus_rtu.encode_frame(4, bytes.fromhex("03 00 00 00 02")))
            assert (await master.receive(9))[0] == 4
            assert await master.receive(9) == PH
    first, second = wire.served.kept
    assert (first.unit, second.unit) == (4, 3)
    assert second.mono_ms - second.asked_mono_ms >= 100


@pytest.mark.parametrize(
    ("fault", "length"), [(Noisy(b"\xff\x00"), 11), (Truncated(0.5), 4), (Flipped(), 9), (WrongUnit(), 9)]
)
async def test_damage_reaches_the_master_and_the_next_answer_is_whole(
    fault: Noisy | Truncated | Flipped | WrongUnit, length: int
) -> None:
    wire = make_wire()
    wire.script.add(fault, 3)
    async with PtyHost(wire) as line:
        with Master(line.path) as master:
            master.send(READ_PH)
            damaged = await master.receive(length)
            assert len(damaged) == length
            assert damaged != PH
            assert await master.receive(1, within_s=0.03) == b""
            master.send(READ_PH)
            buffer = bytearray(await master.receive(9))
            assert modbus_rtu.take_reply(buffer, 3, ASK) == PH[1:-2]


async def test_a_silent_slave_leaves_the_line_silent() -> None:
    wire = make_wire()
    wire.script.add(Silent(), 3)
    async with PtyHost(wire) as line:
        with Master(line.path) as master:
            master.send(READ_PH)
            assert await master.receive(1, within_s=0.05) == b""


async def test_an_adapter_is_pulled_and_comes_back_under_its_own_name(tmp_path: Path) -> None:
    name = tmp_path / "usb-FTDI_FT232R_A9-if00-port0"
    async with PtyHost(make_wire(), link=name) as line:
        assert line.path == str(name)
        with Master(line.path) as master:
            master.send(READ_PH)
            assert await master.receive(9) == PH
            line.unplug()
            line.unplug()
            assert not name.is_symlink()
            with pytest.raises(EOFError):
                await master.receive(1)
            with pytest.raises(OSError, match="Input/output error"):
                master.send(READ_PH)
        line.plug_in()
        with Master(line.path) as master:
            master.send(READ_PH)
            assert await master.receive(9) == PH
    assert not name.is_symlink()


async def test_a_name_that_an_earlier_run_left_behind_is_taken_over(tmp_path: Path) -> None:
    name = tmp_path / "adapter"
    name.symlink_to("/dev/pts/999999")
    async with PtyHost(make_wire(), link=name) as line:
        with Master(line.path) as master:
            master.send(READ_PH)
            assert await master.receive(9) == PH


async def test_two_masters_one_after_the_other_find_the_line_alive() -> None:
    async with PtyHost(make_wire()) as line:
        for _ in range(3):
            with serial.Serial(line.path, 9600, timeout=5, exclusive=True) as port:
                await asyncio.to_thread(port.write, READ_PH)
                assert await asyncio.to_thread(port.read, 9) == PH


async def test_a_line_without_a_master_is_not_read_in_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the stream is an event and not a state that is asked for again and again."""
    async with PtyHost(make_wire()) as line:
        with Master(line.path) as master:
            master.send(READ_PH)
            assert await master.receive(9) == PH
        reads: list[int] = []
        real = os.read

        def counted(descriptor: int, length: int) -> bytes:
            reads.append(descriptor)
            return real(descriptor, length)

        monkeypatch.setattr(os, "read", counted)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(reads) <= 1


async def test_a_terminal_that_fails_is_unplugged_and_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_descriptor: int, _length: int) -> bytes:
        failed.append(1)
        raise OSError(errno.EIO, "Input/output error")

    failed: list[int] = []
    async with PtyHost(make_wire()) as line:
        with Master(line.path) as master, monkeypatch.context() as patch:
            patch.setattr(os, "read", broken)
            master.send(READ_PH)
            assert await _until(lambda: bool(failed))
            for _ in range(10):
                await asyncio.sleep(0)
        assert len(failed) == 1
        line.plug_in()
        with Master(line.path) as master:
            master.send(READ_PH)
            assert await master.receive(9) == PH


async def test_a_master_that_never_reads_loses_bytes_and_blocks_nobody() -> None:
    wire = make_wire()
    assert isinstance(wire.face, Face)
    wire.face.instruments[3].gaps_read_zero = True
    async with PtyHost(wire) as line:
        with Master(line.path) as master:
            for number in range(1, 501):
                master.send(modbus_rtu.encode_frame(3, bytes.fromhex("03 00 00 00 64")))
                assert await _until(lambda asked=number: wire.served.count == asked)  # type: ignore[misc]
            assert line.lost_bytes > 0


async def _until(done: Callable[[], bool]) -> bool:
    """Gives the loop its turns until `done`."""
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0)
    return True


async def test_an_instrument_hears_one_speed_and_is_deaf_at_every_other() -> None:
    """A pseudo-terminal carries bytes at any speed; the instruments ask it at which one the master speaks."""
    units = {
        3: replace(ph_meter("a"), baudrate=9600),
        4: replace(ph_meter("b", ph=6.5), baudrate=19200),
        5: ph_meter("c"),
    }
    async with PtyHost(Wire("rs485", Face(units))) as line:
        heard: dict[int, list[int]] = {}
        with serial.Serial(line.path, 9600, timeout=0) as port:
            for speed in (9600, 19200, 115200):
                port.baudrate = speed
                assert line.speed() == speed
                heard[speed] = []
                for unit in units:
                    port.write(modbus_rtu.encode_frame(unit, bytes.fromhex("03 00 00 00 02")))
                    if await came(port, within_s=0.1):
                        heard[speed].append(port.read(9)[0])
    assert heard == {9600: [3, 5], 19200: [4, 5], 115200: [5]}


async def test_a_line_of_one_speed_hears_nothing_at_another() -> None:
    async with PtyHost(make_wire(), baudrate=19200) as line:
        with serial.Serial(line.path, 9600, timeout=0) as port:
            port.write(READ_PH)
            assert not await came(port, within_s=0.1)
            port.baudrate = 19200
            port.write(READ_PH)
            assert await came(port, within_s=5)
            assert port.read(9) == PH


async def test_what_is_said_at_another_speed_is_heard_as_other_bytes() -> None:
    wire = make_wire()
    wire.script.add(Slow(0.05), 3)
    async with PtyHost(wire, baudrate=19200) as line:
        with serial.Serial(line.path, 19200, timeout=0) as port:
            port.write(READ_PH)
            while not wire.script.asked(3):
                await asyncio.sleep(0)
            port.baudrate = 9600
            assert await came(port, within_s=5)
            heard = port.read(9)
    assert len(heard) == len(PH)
    assert all(ours != theirs for ours, theirs in zip(heard, PH, strict=True))


async def came(port: serial.Serial, *, within_s: float) -> bool:
    """Whether nine bytes came."""
    try:
        async with asyncio.timeout(within_s):
            while port.in_waiting < 9:
                await asyncio.sleep(0)
    except TimeoutError:
        return False
    return True
