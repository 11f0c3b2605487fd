"""The line as a scan uses it: one question at a time, and everything that is heard until its time is up.

Unlike a bus it keeps no silence after an answer that did not come: an answer tells whose it is, so a late one is a
finding. The port stays open while its speed changes, and with it the lock that keeps others out.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from drivers.endpoint import Endpoint, SerialPort, TcpHost, UdpHost
from drivers.errors import Misconfigured, Unreachable
from drivers.inquiry import LONGEST_FRAME_BYTES, Frames, Inquiry, RtuFrames, Spoken, TcpFrames
from drivers.network_stream import NetworkStream
from drivers.serial_stream import SerialStream
from drivers.trials import BYTE_BITS, Setting

RTU_PAUSE_S = 0.005
"""Through a serial server whose speed is not known here."""
SHOWN_NOISE_BYTES = 256
"""The beginning of noise tells what it is."""
MOST_BYTES = 1 << 20
"""That are kept while nobody looks for an answer in them."""


@dataclass(slots=True)
class Heard:
    """What followed a question. `answer`: the asked unit's PDU. `late`: answers of others. `noise`: the rest."""

    answer: bytes | None = None
    late: list[Spoken] = field(default_factory=list)
    noise: bytes = b""


class ScanPort(Protocol):
    """What a scan needs of a line."""

    @property
    def shared(self) -> bool:
        """Whether every unit hears every question."""
        ...

    async def open(self) -> None:
        """Unreachable: held by another program, not there, ..."""
        ...

    async def tune(self, setting: Setting | None) -> None:
        """Speed and parity from now on. Unreachable: the port cannot do that."""
        ...

    async def ask(self, unit: int, asked: Inquiry, wait_s: float) -> Heard:
        """One question; waits at most `wait_s` for its answer. Unreachable: the line is gone."""
        ...

    async def listen(self, for_s: float) -> bytes:
        """What comes while nobody asks."""
        ...

    def close(self) -> None:
        """Lets go."""
        ...


class StreamPort:
    """A serial port or a TCP connection. One that its host closes is opened again for the next question."""

    def __init__(self, where: SerialPort | TcpHost, *, connect_s: float = 5.0) -> None:
        self._where = where
        self._connect_s = connect_s
        self._frames: Frames = TcpFrames() if where.numbered else RtuFrames()
        self._stream: SerialStream | NetworkStream | None = None
        self._lost: Unreachable | None = None
        self._buffer = bytearray()
        self._arrived = asyncio.Event()

    @property
    def shared(self) -> bool:
        """See ScanPort."""
        return not self._where.numbered

    async def open(self) -> None:
        """See ScanPort."""
        self._lost = None
        self._buffer.clear()
        if isinstance(self._where, SerialPort):
            port = SerialStream(self._where, self._received, self._gone)
            port.open()
            self._stream = port
        else:
            host = NetworkStream(self._where, self._received, self._gone)
            await host.open(self._connect_s)
            self._stream = host

    async def tune(self, setting: Setting | None) -> None:
        """See ScanPort."""
        if isinstance(self._stream, SerialStream) and isinstance(self._where, SerialPort) and setting:
            speed, parity, bits = setting
            where = self._where._replace(baudrate=speed, parity=parity, bytesize=bits, stopbits=1)
            self._stream.retune(where)
            self._where = where
            self._buffer.clear()

    async def ask(self, unit: int, asked: Inquiry, wait_s: float) -> Heard:
        """See ScanPort."""
        if self._stream is None:
            await self._reopen()
        assert self._stream is not None
        question = self._frames.question(unit, asked)
        before = bytes(self._buffer)
        self._buffer.clear()
        self._stream.write(question)
        heard = Heard(noise=before)
        try:
            async with asyncio.timeout(wait_s + self._carries_s(len(question))):
                await self._wait(unit, asked, heard)
            await asyncio.sleep(self._pause_s())
        except TimeoutError:
            pass
        heard.noise += bytes(self._buffer).removeprefix(question)
        self._buffer.clear()
        if heard.noise and self._where.numbered:
            self.close()  # a stream that has lost its step
        return heard

    async def say(self, request: bytes, wait_s: float) -> bytes:
        """Everything that is heard within `wait_s` behind it (drivers.hails)."""
        if self._stream is None:
            await self._reopen()
        assert self._stream is not None
        self._buffer.clear()
        self._stream.write(request)
        heard = await self.listen(wait_s + self._carries_s(len(request)))
        if self._lost is not None and isinstance(self._where, SerialPort):
            raise self._lost
        return heard

    async def listen(self, for_s: float) -> bytes:
        """See ScanPort."""
        await asyncio.sleep(for_s)
        heard = bytes(self._buffer)
        self._buffer.clear()
        return heard

    def close(self) -> None:
        """See ScanPort."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    async def _wait(self, unit: int, asked: Inquiry, heard: Heard) -> None:
        begin = 0
        while True:
            while (spoken := self._frames.take(self._buffer, asked, begin)) is not None:
                begin = 0
                if spoken.unit == unit:
                    heard.answer = spoken.pdu
                    return
                heard.late.append(spoken)
            if self._lost is not None:
                if isinstance(self._where, SerialPort):
                    raise self._lost
                return  # a host that hangs up in place of an answer
            begin = self._without_noise()
            self._arrived.clear()
            await self._arrived.wait()

    def _without_noise(self) -> int:
        """From where on an answer may yet begin. Of the noise before it the beginning stays."""
        begin = max(0, len(self._buffer) - LONGEST_FRAME_BYTES)
        del self._buffer[SHOWN_NOISE_BYTES:begin]
        return min(begin, SHOWN_NOISE_BYTES)

    async def _reopen(self) -> None:
        if isinstance(self._where, SerialPort):
            raise self._lost or Unreachable(f"{self._where}: the port is not open")
        await self.open()

    def _carries_s(self, size: int) -> float:
        return size * BYTE_BITS / self._where.baudrate if isinstance(self._where, SerialPort) else 0.0

    def _pause_s(self) -> float:
        """The silence between frames that the line needs."""
        if isinstance(self._where, SerialPort):
            return self._where.silence_s
        return 0.0 if self._where.numbered else RTU_PAUSE_S

    def _received(self, data: bytes) -> None:
        self._buffer += data[: MOST_BYTES - len(self._buffer)]
        self._arrived.set()

    def _gone(self, error: Unreachable) -> None:
        self._lost, self._stream = error, None
        self._arrived.set()


def scan_port(where: Endpoint) -> StreamPort:
    """For Modbus units. Nothing is opened yet. Misconfigured: a kind of line that is not scanned."""
    return _port(where, _not_scanned(where))


def text_port(where: Endpoint) -> StreamPort:
    """For those that speak in characters, which have a framing of their own."""
    return _port(
        where, _not_scanned(where._replace(framer="rtu") if isinstance(where, SerialPort) else where)
    )


def _port(where: Endpoint, kind: str | None) -> StreamPort:
    if kind is not None or isinstance(where, UdpHost):
        raise Misconfigured(
            f"{where}: a line with {kind} is not scanned",
            hint="serial:// with RTU, tcp:// and rtu+tcp:// are",
        )
    return StreamPort(where)


def _not_scanned(where: Endpoint) -> str | None:
    """What the line carries that a scan does not speak; None: it can be scanned."""
    if isinstance(where, UdpHost):
        return "Modbus over UDP"
    if isinstance(where, TcpHost) and where.tls:
        return "TLS"
    is_ascii = where.framer == "ascii" if isinstance(where, SerialPort) else where.ascii
    return "Modbus ASCII" if is_ascii else None
