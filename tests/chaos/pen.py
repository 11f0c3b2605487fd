"""The agent's writing half in a small process: the real store, ledger, keeper and salvage, and nothing to wait for.

python -m tests.chaos.pen FOLDER CYCLES [--channels N] [--planted]

It goes on with what is in FOLDER/data, signs so many cycles, one commit each, and prints, each line with one write:

    SIGNED ledger seq hash     handed to the keeper
    OK ledger seq hash         its commit returned: a power cut from now on must not take it away
    EVENT name                 what the log would say
    DONE                       ended in order, all is durable

planted: the store's synchronous=FULL is NORMAL, a bug that the replay of a power loss must find.
"""

import argparse
import asyncio
import hashlib
import os
import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from agent import sidecar
from agent.clock import SystemClock
from agent.configuration import Configuration
from agent.ledger import StationLedger
from agent.opening import open_store, told_aside
from agent.salvage import Salvage
from agent.sign import DevicePlan
from buffer import database
from buffer.errors import StoreError
from buffer.store import Entry, Store, Tail
from config.station import Station
from telemetry import keyfile
from telemetry.bodies import ConfigurationBody, named
from telemetry.keys import KeyRing
from telemetry.pack import PackEncoder
from telemetry.reading import Block, Reading

STATION, DEVICE, CENTRE = "PEN", "gauge", "centre"
DELIVERED_EVERY = 7
FLUSH_S = 20.0


def say(*words: object) -> None:
    """One line, one system call: where it stands in a trace is when it was said."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def say_entry(what: str, entry: Entry, ledger: bytes) -> None:
    say(what, ledger.hex(), entry.seq, hashlib.sha256(entry.envelope).hexdigest())


def report(event: str, fields: dict[str, object]) -> None:
    """The log of the agent, its errors' last words with it."""
    say("EVENT", event, str(fields.get("error", ""))[-60:].replace("\n", " "))


async def open_at(folder: Path) -> Store:
    """As the agent opens it: a damaged file is set aside, an unwilling disk is tried again."""
    buffer = SimpleNamespace(path=folder / "data" / "ledger.db", quota_bytes=64 * 2**20, keep_ms=10**10)
    station = SimpleNamespace(buffer=buffer, destinations=[SimpleNamespace(id=CENTRE)])

    async def wait(seconds: float) -> bool:
        await asyncio.sleep(min(seconds, 0.2))
        return True

    wall_ms = SystemClock().wall_ms()
    store = await open_store(cast("Station", station), wall_ms=wall_ms, wait=wait, report=report)
    assert store is not None
    return store


def ledger_at(folder: Path, store: Store) -> StationLedger:
    """As the agent makes it; whatever is signed and whatever is durable is said."""
    key = folder / "station.pem"
    ledger = StationLedger(
        STATION,
        keyfile.load(key),
        sidecar.path_for(key),
        store,
        linger_ms=0,
        clock=SystemClock(),
        rng=random.Random(store.tail.next_seq if store.tail else os.getpid()),
        committed=_said,
        report=report,
        aside=told_aside(folder / "data" / "ledger.db"),
    )
    put = ledger.keeper.put

    def signed(entry: Entry, tail: Tail) -> None:
        say_entry("SIGNED", entry, tail.ledger)
        put(entry, tail)

    ledger.keeper.put = signed  # type: ignore[method-assign]
    return ledger


def _said(batch: Sequence[Entry], ledger: bytes) -> None:
    for entry in batch:
        say_entry("OK", entry, ledger)


def configuration() -> Configuration:
    """One device, nothing else."""
    body = ConfigurationBody(bytes(8), None, 1, 1, {"name": "pen", "software": "", "timezone": "UTC"})
    (part,) = named([body])
    return Configuration(part.hash8, (("", part.encode()),))


async def write(folder: Path, cycles: int, channels: int) -> None:
    store = await open_at(folder)
    ledger = ledger_at(folder, store)
    await ledger.boot(configuration())
    names = tuple(f"c{n}" for n in range(channels))
    plan = DevicePlan(DEVICE, names, PackEncoder(STATION, DEVICE, [(name, "1") for name in names]), {})
    ring = KeyRing([keyfile.load(folder / "station.pem").public])
    salvage = Salvage(folder / "data" / "ledger.db", ledger, ring, report=report)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ledger.keeper.run())
        saving = tasks.create_task(salvage.run())
        for number in range(cycles):
            at_ms = SystemClock().mono_ms()
            ledger.recorder.readings(plan, [Block(at_ms, tuple(Reading(n, float(number), 0) for n in names))])
            async with asyncio.timeout(FLUSH_S):
                await ledger.keeper.flush()
            if number % DELIVERED_EVERY == DELIVERED_EVERY - 1:
                await delivered(store)
        await asyncio.wait([saving], timeout=FLUSH_S)
        await ledger.close(flush_s=FLUSH_S)
        running.cancel()
    ledger.save_beside()
    await store.close()
    say("DONE")


async def delivered(store: Store) -> None:
    """The centre has all but the newest few; a disk that is in trouble is told of by the next record."""
    assert store.tail is not None
    try:
        await store.delivered(CENTRE, store.tail.ledger, [(1, store.tail.next_seq - 3)])
    except StoreError as error:
        report("store.failing", {"error": str(error)})


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cycles", type=int)
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--planted", action="store_true")
    arguments = parser.parse_args()
    if arguments.planted:
        settings = database._ON_EVERY_CONNECTION.replace("= FULL", "= NORMAL")
        database._ON_EVERY_CONNECTION = settings  # type: ignore[misc]
    asyncio.run(write(arguments.folder, arguments.cycles, arguments.channels))


if __name__ == "__main__":
    main()
