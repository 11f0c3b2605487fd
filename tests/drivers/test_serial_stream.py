"""A serial port on the event loop, and each fault of pyserial that was measured. Real pseudo-terminals."""

import asyncio
import errno
import os
import pty
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import serial

from drivers.endpoint import SerialPort
from drivers.errors import Unreachable
from drivers.serial_stream import SerialStream

pytestmark = pytest.mark.system


class Port:
    """A pseudo-terminal: `master` is the instrument's end, `port` where our end is, `heard` and `lost` what it says."""

    def __init__(self) -> None:
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.where = SerialPort(os.ttyname(self._slave), 9600, "N", 1)
        self.heard = bytearray()
        self.lost: list[Unreachable] = []

    def stream(self, **changes: object) -> SerialStream:
        return SerialStream(self.where._replace(**changes), self._received, self.lost.append)  # type: ignore[arg-type]

    def open(self, **changes: object) -> SerialStream:
        stream = self.stream(**changes)
        stream.open()
        return stream

    def refused(self, **changes: object) -> str:
        with pytest.raises(Unreachable) as error:
            self.open(**changes)
        return str(error.value)

    def _received(self, data: bytes) -> None:
        self.heard += data

    def pull(self) -> None:
        """The adapter leaves its socket."""
        for end in (self.master, self._slave):
            if end >= 0:
                os.close(end)
        self.master = self._slave = -1


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port()
    yield port
    port.pull()


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0)


def descriptors() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_bytes_go_both_ways(port: Port) -> None:
    stream = port.open()
    stream.write(b"\x02?\r")
    assert os.read(port.master, 100) == b"\x02?\r"
    os.write(port.master, b"7.85\r\n\x00\xff\x11\x13\x1a")
    await until(lambda: len(port.heard) == 11)
    assert port.heard == b"7.85\r\n\x00\xff\x11\x13\x1a"
    stream.close()
    assert port.lost == []


async def test_a_port_is_closed_without_waiting_for_what_its_adapter_does_not_send(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a real adapter can hold bytes back: a pseudo-terminal hands them over at once."""
    flushed: list[int] = []
    stream = port.open()
    stream.write(b"?\r")
    monkeypatch.setattr(termios, "tcflush", lambda _port, queue: flushed.append(queue))
    stream.close()
    assert flushed == [termios.TCOFLUSH]


async def test_what_lay_in_the_port_before_it_was_opened_is_not_read(port: Port) -> None:
    os.write(port.master, b"old")
    stream = port.open()
    os.write(port.master, b"new")
    await until(lambda: port.heard)
    assert port.heard == b"new"
    stream.close()


async def test_the_port_is_ours_alone(port: Port) -> None:
    """By itself pyserial locks nothing unless it is told to; TIOCEXCL would not stop root, flock does."""
    stream = port.open()
    assert port.refused().startswith(f"{port.where}: another program holds it; stop that program")
    with pytest.raises(serial.SerialException, match="exclusively lock"):
        serial.Serial(port.where.path, exclusive=True)
    stream.close()
    port.open().close()


async def test_a_port_that_another_program_holds_is_not_opened(port: Port) -> None:
    hold = "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); print('held', flush=True); input()"
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        hold,
        port.where.path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert other.stdin is not None
    assert other.stdout is not None
    async with asyncio.timeout(20):
        assert await other.stdout.readline() == b"held\n"
        assert "another program holds it" in port.refused()
        other.stdin.write(b"\n")
        await other.wait()
    port.open().close()


async def test_a_setting_that_the_port_refuses_is_said_as_one_and_leaves_nothing_open(port: Port) -> None:
    """A pseudo-terminal takes 7E1 once without a word and does 8N1, then pyserial lets a termios.error through."""
    before = descriptors()
    for _ in range(3):
        said = port.refused(bytesize=7, parity="E")
        assert said.startswith(f"{port.where}: it refuses 9600 Bd 7E1; this adapter cannot do that")
        assert "it refuses 9600 Bd 8E1" in port.refused(parity="E")
    assert descriptors() == before
    port.open(stopbits=2).close()
    port.open().close()


async def test_an_error_of_termios_is_translated(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no OSError."""

    def refuse(*_settings: object) -> None:
        raise termios.error(errno.EINVAL, "Invalid argument")

    before = descriptors()
    monkeypatch.setattr(termios, "tcsetattr", refuse)
    assert "it refuses 9600 Bd 8N1" in port.refused()
    assert descriptors() == before


async def test_the_parity_bit_is_looked_at(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself pyserial turns the check off: a damaged character would pass for another digit."""
    settings = termios.tcgetattr(port.master)

    def take(_port: int, _when: int, wanted: list[int]) -> None:
        settings[:] = wanted

    monkeypatch.setattr(termios, "tcsetattr", take)
    monkeypatch.setattr(termios, "tcgetattr", lambda _port: list(settings))
    port.open(parity="E").close()
    assert settings[0] & termios.INPCK
    assert not settings[0] & (termios.IGNPAR | termios.PARMRK)
    port.open().close()
    assert not settings[0] & termios.INPCK


async def test_a_port_without_a_direction_to_switch_says_so(port: Port) -> None:
    before = descriptors()
    said = port.refused(rs485=True)
    assert "the kernel cannot switch the direction of this port; leave rs485=kernel out" in said
    assert descriptors() == before


async def test_a_direction_is_switched_by_the_kernel_where_it_can(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[object] = []
    monkeypatch.setattr(serial.Serial, "_set_rs485_mode", lambda _port, mode: modes.append(mode))
    port.open(rs485=True).close()
    assert isinstance(modes[-1], serial.rs485.RS485Settings)


async def test_a_port_that_knows_no_low_latency_is_opened_all_the_same(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished: list[bool] = []

    def refuse(_port: serial.Serial, wish: bool) -> None:
        wished.append(wish)
        raise ValueError("Failed to update ASYNC_LOW_LATENCY flag to True: Inappropriate ioctl for device")

    monkeypatch.setattr(serial.Serial, "set_low_latency_mode", refuse)
    port.open().close()
    assert wished == [True]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/dev/serial-that-is-not-there", "there is no such device; is"),
        ("/dev/null", "this is not a serial port"),
        ("/dev", "this is not a serial port"),
    ],
)
async def test_what_is_no_port_is_said_in_the_technicians_words(path: str, words: str) -> None:
    before = descriptors()
    with pytest.raises(Unreachable) as error:
        SerialStream(SerialPort(path, 9600, "N", 1), lambda _: None, lambda _: None).open()
    assert str(error.value).startswith(f"{path}: {words}")
    assert descriptors() == before


async def test_an_adapter_that_is_pulled_is_told_once(port: Port) -> None:
    stream = port.open()
    port.pull()
    await until(lambda: port.lost)
    for _ in range(20):
        await asyncio.sleep(0)
    stream.write(b"?\r")
    stream.close()
    assert [str(error) for error in port.lost] == [
        f"{port.where}: the adapter is gone; plug it in again; it is tried again by itself"
    ]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENXIO, errno.ENODEV])
async def test_a_write_that_fails_tells_that_the_adapter_is_gone(
    port: Port, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    stream = port.open()

    def broken(_descriptor: int, _data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", broken)
        stream.write(b"?\r")
    assert ["the adapter is gone" in str(error) for error in port.lost] == [True]
    os.write(port.master, b"late")  # nobody reads any more
    for _ in range(20):
        await asyncio.sleep(0)
    assert port.heard == b""


async def test_a_read_that_finds_nothing_is_no_end(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = port.open()
    tried: list[int] = []
    real = os.read

    def first_nothing(descriptor: int, length: int) -> bytes:
        tried.append(length)
        if len(tried) == 1:
            raise BlockingIOError(errno.EAGAIN, "again")
        return real(descriptor, length)

    monkeypatch.setattr(os, "read", first_nothing)
    os.write(port.master, b"7")
    await until(lambda: port.heard)
    assert port.heard == b"7"
    assert not port.lost
    stream.close()


async def test_a_request_that_the_kernel_takes_in_parts_goes_out_whole(port: Port) -> None:
    stream = port.open()
    request = bytes(range(256)) * 100
    stream.write(request)
    received = bytearray()

    def drained() -> bool:
        with suppress(BlockingIOError):
            received.extend(os.read(port.master, 4096))
        return len(received) >= len(request)

    await until(drained)
    assert received == request
    stream.close()


async def test_what_is_left_of_a_request_that_was_given_up_is_not_sent_with_the_next(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instrument would answer twice, and the first answer would be taken for the second."""
    stream = port.open()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda _descriptor, _data: 0)
        stream.write(b"first\r")
    stream.write(b"second\r")
    await asyncio.sleep(0)
    assert os.read(port.master, 100) == b"second\r"
    stream.close()


async def test_a_stream_that_was_closed_reads_writes_and_tells_nothing(port: Port) -> None:
    stream = port.open()
    stream.close()
    stream.close()
    stream.write(b"?\r")
    os.write(port.master, b"7.85\r\n")
    for _ in range(20):
        await asyncio.sleep(0)
    assert port.heard == b""
    assert not port.lost
