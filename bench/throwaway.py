"""`python -m bench.throwaway FILE BROKER_PORT CHANNELS PORT...`: an afternoon's agent, to compare ours with.

Reads with pymodbus, unpacks, inserts, publishes; prints when the PUBACKs of its first device came (CLOCK_BOOTTIME, µs).
No ledger, no receipts, no units, no errors.
"""

import asyncio
import json
import sqlite3
import struct
import sys
import time

import aiomqtt
from pymodbus.client import AsyncModbusTcpClient


def mono_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


async def poll(name: str, port: int, channels: int, db: sqlite3.Connection, mqtt: aiomqtt.Client) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    while True:
        reply = await client.read_holding_registers(0, count=2 * channels, device_id=1)
        at_us = mono_us()
        raw = struct.pack(f">{2 * channels}H", *reply.registers)
        values = struct.unpack(f">{channels}f", raw)
        payload = json.dumps({"device": name, "at": time.time(), "values": values})
        db.execute("INSERT INTO reading VALUES (?, ?, ?)", (name, at_us, payload))
        await mqtt.publish("throwaway", payload, qos=1)
        if name == "0":
            print(mono_us(), flush=True)
        await asyncio.sleep(1 - time.time() % 1)


async def main(file: str, broker: int, channels: int, *ports: int) -> None:
    db = sqlite3.connect(file, isolation_level=None)
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    db.execute("CREATE TABLE reading (device TEXT, at_us INTEGER, payload TEXT)")
    async with aiomqtt.Client("127.0.0.1", broker, protocol=aiomqtt.ProtocolVersion.V5) as mqtt:
        await asyncio.gather(*(poll(str(n), port, channels, db, mqtt) for n, port in enumerate(ports)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
