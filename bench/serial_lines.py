"""`python -m bench.serial_lines LINES UNITS DEAD...`: serial servers with instruments behind them, some dead.

RTU frames over TCP, a port for each line, units 1 to UNITS; DEAD are places, counted from 0 over all lines. Prints the
ports as one line of JSON and serves until its standard input ends; then it prints all requests: line, unit, instant
(CLOCK_BOOTTIME, µs).
"""

import asyncio
import json
import sys
from collections.abc import Set as AbstractSet
from functools import partial
from typing import cast

from bench.trace import now_us
from drivers.protocols import modbus_rtu
from drivers.protocols.modbus_pdu import Malformed, ReadRequest, decode_request, encode_reply

Asked = tuple[int, int, int]


class Conversation(asyncio.Protocol):
    """What the master asks on one line; who is alive answers at once."""

    def __init__(self, line: int, dead: AbstractSet[int], asked: list[Asked]) -> None:
        self._line = line
        self._dead = dead
        self._asked = asked
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The master connected."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Questions, perhaps in parts."""
        self._buffer += data
        while True:
            try:
                taken = modbus_rtu.take_request(self._buffer)
            except Malformed:
                continue
            if taken is None:
                return
            self._answer(*taken)

    def _answer(self, unit: int, pdu: bytes) -> None:
        self._asked.append((self._line, unit, now_us()))
        request = decode_request(pdu)
        if unit in self._dead or not isinstance(request, ReadRequest):
            return
        words = [16_000 + unit] * request.count
        self._transport.write(modbus_rtu.encode_frame(unit, encode_reply(request, words)))


async def serve(lines: int, units: int, dead: AbstractSet[int]) -> None:
    """All of them on ports that the kernel chooses."""
    asked: list[Asked] = []
    ports = []
    for line in range(lines):
        mine = {place % units + 1 for place in dead if place // units == line}
        factory = partial(Conversation, line, mine, asked)
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps(asked), flush=True)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    asyncio.run(serve(numbers[0], numbers[1], set(numbers[2:])))
