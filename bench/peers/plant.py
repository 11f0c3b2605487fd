"""`python -m bench.peers.plant DEVICES LOG`: instruments whose every answer can be told from all others.

Like `bench.instruments`, but each read of a device has the next serial number, all values of its answer show that
number, and the log has the instant, device, channels and number of every read: what was read and what arrived can
be compared value by value. Prints the ports as one line of JSON and serves until its standard input ends.
"""

import asyncio
import json
import struct
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from bench.trace import now_us
from drivers.protocols import modbus_tcp
from drivers.protocols.modbus_pdu import ReadRequest, decode_request, encode_reply
from drivers.protocols.modbus_tcp import Adu

_LOGGED = struct.Struct(">QHHHI")
_BASE, _STEPS = 64.0, 1 << 17
"""64..128 in float32 has steps of 2^-17: room for 8 million reads, and as many digits as a real reading has."""


class Read(NamedTuple):
    """One answered read: when (CLOCK_BOOTTIME, µs), the device, its first channel, how many, and its number."""

    at_us: int
    device: int
    first: int
    width: int
    serial: int


def value_of(serial: int) -> float:
    """What all channels show in the read of this number; exact in float32."""
    return _BASE + serial / _STEPS


def serial_of(value: float) -> int:
    """The number that a value shows, also when some of its digits were cut off (10 significant ones are enough)."""
    return round((value - _BASE) * _STEPS)


class Log:
    """Reads the log that the plant writes, each time what is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def new(self) -> Iterator[Read]:
        """Whole entries only."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = len(data) - len(data) % _LOGGED.size
        self._at += whole
        for entry in _LOGGED.iter_unpack(data[:whole]):
            yield Read(*entry)


class Conversation(asyncio.Protocol):
    """One master's questions to one device, each answered at once."""

    def __init__(self, device: "Device") -> None:
        self._device = device
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A master connected."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Questions, perhaps in parts."""
        self._buffer += data
        while (adu := modbus_tcp.take(self._buffer)) is not None:
            request = decode_request(adu.pdu)
            assert isinstance(request, ReadRequest)
            reply = encode_reply(request, self._device.answer(request))
            self._transport.write(modbus_tcp.encode(Adu(adu.transaction, adu.unit, reply)))


class Device:
    """Two holding registers a channel, from 0 on."""

    def __init__(self, number: int, log: BinaryIO) -> None:
        self._number = number
        self._log = log
        self._serial = 0

    def answer(self, request: ReadRequest) -> tuple[int, ...]:
        """The registers of one read."""
        self._serial += 1
        first, count = request.address // 2, request.count // 2
        self._log.write(_LOGGED.pack(now_us(), self._number, first, count, self._serial))
        return struct.unpack(">HH", struct.pack(">f", value_of(self._serial))) * count


async def serve(devices: int, log: BinaryIO) -> None:
    """All of them on ports that the kernel chooses."""
    ports = []
    for number in range(devices):
        server = await asyncio.get_running_loop().create_server(
            partial(Conversation, Device(number, log)), "127.0.0.1", 0
        )
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not ended.done():
        await asyncio.sleep(1.5 - time.time() % 1)  # most polls are at the beginning of a second
        log.flush()


if __name__ == "__main__":
    with Path(sys.argv[2]).open("wb") as out:
        asyncio.run(serve(int(sys.argv[1]), out))
