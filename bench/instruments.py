"""`python -m bench.instruments DEVICES CHANNELS`: Modbus TCP instruments in a process of their own.

Prints their ports as one line of JSON and serves until its standard input ends. They share one process, as real ones do
not, so what they show is worked out between the polls: ten answers in a row must not cost more than the agent that is
measured (`sim.instrument` takes 230 µs for twenty values).
"""

import asyncio
import json
import struct
import sys
import time
from functools import partial
from typing import cast

from drivers.protocols import modbus_tcp
from drivers.protocols.modbus_pdu import ReadRequest, decode_request, encode_reply
from drivers.protocols.modbus_tcp import Adu
from sim.signals import Sum, living


class Instrument:
    """Float32 values in holding registers from 0 on, new ones with every `prepare`."""

    def __init__(self, number: int, channels: int) -> None:
        self.words: tuple[int, ...] = ()
        self._signals: list[Sum] = [
            living(40.0 + channel, 5.0, 1000 * number + channel, low=0.0, high=200.0)
            for channel in range(channels)
        ]

    def prepare(self, utc_s: float) -> None:
        """What it shows from now on."""
        values = [signal.at(utc_s, 0.0) for signal in self._signals]
        self.words = struct.unpack(f">{2 * len(values)}H", struct.pack(f">{len(values)}f", *values))


class Conversation(asyncio.Protocol):
    """One master's questions, each answered at once."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
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
            words = self._instrument.words[request.address : request.address + request.count]
            self._transport.write(
                modbus_tcp.encode(Adu(adu.transaction, adu.unit, encode_reply(request, words)))
            )


async def serve(devices: int, channels: int) -> None:
    """All of them on ports that the kernel chooses."""
    instruments = [Instrument(number, channels) for number in range(devices)]
    ports = []
    for instrument in instruments:
        instrument.prepare(time.time())
        server = await asyncio.get_running_loop().create_server(
            partial(Conversation, instrument), "127.0.0.1", 0
        )
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not ended.done():
        await asyncio.sleep(1.5 - time.time() % 1)  # polls are at the beginning of a second
        for instrument in instruments:
            instrument.prepare(time.time())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
