"""`python -m bench.instruments DEVICES CHANNELS`: Modbus TCP instruments in a process of their own.

Prints their ports as one line of JSON and serves until its standard input ends.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack

from drivers.protocols.modbus import Point
from sim.face import Face
from sim.hosts.tcp import TcpHost
from sim.instrument import Instrument, Quantity
from sim.served import ServedLog
from sim.signals import living
from sim.wire import Wire


def instrument(number: int, channels: int) -> Instrument:
    """One instrument: float32 values that change with every second."""
    quantities = [
        Quantity(
            Point(f"ch{channel:02d}", "holding", 2 * channel, "float32", count=2),
            living(40.0 + channel, 5.0, 1000 * number + channel, low=0.0, high=200.0),
        )
        for channel in range(channels)
    ]
    return Instrument(f"d{number:03d}", quantities)


async def serve(devices: int, channels: int) -> None:
    """All of them on ports that the kernel chooses."""
    served = ServedLog(keep=0)
    async with AsyncExitStack() as on_the_air:
        hosts = [
            await on_the_air.enter_async_context(
                TcpHost(Wire(f"line-{number}", Face({1: instrument(number, channels)}), served=served))
            )
            for number in range(devices)
        ]
        print(json.dumps([host.port for host in hosts]), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
