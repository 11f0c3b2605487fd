"""A Modbus slave of some hundred lines that misbehaves on order: on a pseudo-terminal, or on a TCP port.

It shares no code with the product and none with pymodbus. Every request takes the next act from `script`
(without one: a prompt, right answer). An act gets the right answer's frame and says what to send when.
Every answer's registers differ from every other's, so that a stale one can be told from the right one.
"""

import asyncio
import os
import pty
import struct
import tty
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

CLOSE = b""
"""Sent instead of bytes: the connection is closed."""

Act = Callable[[bytes], list[tuple[float, bytes]]]
Values = Callable[["Asked"], list[int]]


class Asked(NamedTuple):
    """One request as it came; `number` counts all requests from 1."""

    number: int
    unit: int
    function: int
    address: int
    length: int


def crc(data: bytes) -> bytes:
    """Bit by bit, from the specification's appendix."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ 0xA001 if register & 1 else register >> 1
    return struct.pack("<H", register)


def rtu(unit: int, pdu: bytes) -> bytes:
    """A frame with its CRC."""
    body = bytes([unit]) + pdu
    return body + crc(body)


def mbap(transaction: bytes, unit: int, pdu: bytes) -> bytes:
    """A Modbus TCP frame."""
    return transaction + struct.pack(">HHB", 0, len(pdu) + 1, unit) + pdu


def promptly(frame: bytes) -> list[tuple[float, bytes]]:
    """The right answer at once."""
    return [(0, frame)]


def silent(_frame: bytes) -> list[tuple[float, bytes]]:
    """Nothing."""
    return []


def late(delay_s: float) -> Act:
    """The right answer after a while."""
    return lambda frame: [(delay_s, frame)]


def instead(frame: bytes) -> Act:
    """Other bytes."""
    return lambda _right: [(0, frame)]


def closing(_frame: bytes) -> list[tuple[float, bytes]]:
    """The connection is closed."""
    return [(0, CLOSE)]


def numbered(asked: Asked) -> list[int]:
    """Registers that name the request they answer."""
    return [(asked.number * 256 + asked.address + i) & 0xFFFF for i in range(asked.length)]


class RawSlave:
    """`units` it answers for (None: all). `served` are the words of each answer it was asked for."""

    def __init__(self, *, values: Values = numbered, units: set[int] | None = None) -> None:
        self.script: deque[Act] = deque()
        self.asked: list[Asked] = []
        self.served: list[list[int]] = []
        self.connections = 0
        self._values = values
        self._units = units

    def pdu(self, asked: Asked) -> bytes:
        """The right answer: registers big-endian, bits lowest first."""
        words = self._values(asked)
        self.served.append(words)
        if asked.function in (1, 2):
            body = bytearray((asked.length + 7) // 8)
            for i, word in enumerate(words):
                body[i // 8] |= (word & 1) << i % 8
        else:
            body = bytearray(struct.pack(f">{len(words)}H", *words))
        return bytes([asked.function, len(body)]) + bytes(body)

    def react(
        self, unit: int, pdu: bytes, frame: Callable[[bytes], bytes], send: Callable[[bytes], None]
    ) -> None:
        """Answers one request as the script says."""
        if self._units is not None and unit not in self._units:
            return
        function, address, length = struct.unpack(">BHH", pdu)
        asked = Asked(len(self.asked) + 1, unit, function, address, length)
        self.asked.append(asked)
        act = self.script.popleft() if self.script else promptly
        for delay_s, data in act(frame(self.pdu(asked))):
            if delay_s:
                asyncio.get_running_loop().call_later(delay_s, send, data)
            else:
                send(data)


class _RtuRequests:
    """Takes requests of eight bytes out of a byte stream."""

    def __init__(self, slave: RawSlave, send: Callable[[bytes], None]) -> None:
        self._slave = slave
        self._send = send
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 8:
            frame, self._buffer = self._buffer[:8], self._buffer[8:]
            unit = frame[0]
            if crc(frame[:6]) == frame[6:]:
                self._slave.react(unit, frame[1:6], lambda pdu, unit=unit: rtu(unit, pdu), self._send)  # type: ignore[misc]


class PtyPort(NamedTuple):
    """Where the slave listens: `path` to open, `master` to write raw bytes to."""

    path: str
    master: int


@asynccontextmanager
async def on_pty(slave: RawSlave) -> AsyncIterator[PtyPort]:
    """The slave on a pseudo-terminal; closing the master is pulling the adapter's plug."""
    master, port = pty.openpty()
    tty.setraw(master)
    os.set_blocking(master, False)
    loop = asyncio.get_running_loop()
    closed = False

    def send(data: bytes) -> None:
        nonlocal closed
        if closed:
            return
        if data == CLOSE:
            closed = True
            loop.remove_reader(master)
            os.close(master)
            return
        os.write(master, data)

    requests = _RtuRequests(slave, send)

    def readable() -> None:
        try:
            requests.feed(os.read(master, 4096))
        except (BlockingIOError, OSError):
            return

    loop.add_reader(master, readable)
    try:
        yield PtyPort(os.ttyname(port), master)
    finally:
        send(CLOSE)
        os.close(port)


@asynccontextmanager
async def on_tcp(slave: RawSlave, *, rtu_frames: bool = False, port: int = 0) -> AsyncIterator[int]:
    """The slave on a TCP port of the kernel's choice, with Modbus TCP or with RTU frames."""
    serving: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        slave.connections += 1
        serving[asyncio.current_task()] = writer

        def send(data: bytes) -> None:
            if data == CLOSE:
                writer.close()
            elif not writer.is_closing():
                writer.write(data)

        try:
            if rtu_frames:
                requests = _RtuRequests(slave, send)
                while data := await reader.read(4096):
                    requests.feed(data)
                return
            while True:
                head = await reader.readexactly(7)
                pdu = await reader.readexactly(struct.unpack(">H", head[4:6])[0] - 1)
                slave.react(head[6], pdu, lambda p, head=head: mbap(head[:2], head[6], p), send)  # type: ignore[misc]
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in serving.values():
            writer.close()
        await asyncio.gather(*[task for task in serving if task is not None])
        await server.wait_closed()
