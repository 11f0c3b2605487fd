"""`python -m bench.held`: the write-ahead log beside the store while somebody reads, in some seconds.

Another program that stays in its transaction keeps the log from being emptied: it grows with every commit, and nothing
in SQLite bounds it. Our own readers leave theirs after each step; a foreign one is told of (`store.held`).
"""

import asyncio
import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from agent.station import load_station
from bench.backlog import Yesterdays
from bench.load import Load
from bench.retention import CENTRE, EVERY_S, MB, REFERENCE, made, unsynced, wal_bytes
from buffer.database import WAL_LIMIT_BYTES
from buffer.snapshot import open_snapshot
from buffer.store import Store
from buffer.writer import Inline
from telemetry import keyfile

CYCLES = 3_000
READER = """
import sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None)
conn.execute("BEGIN")
print(conn.execute("SELECT count(*) FROM entry").fetchone()[0], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Held:
    """The log's largest size in bytes: with nobody, with our own reader, with a foreign one that stays.

    `commits_until_back`: after that one left, commits until the log was within its limit again; None: it never was.
    """

    load: Load
    commits: int
    alone: int
    with_ours: int
    with_foreign: int
    commits_until_back: int | None
    after: int


def measure(place: Path, load: Load = REFERENCE, cycles: int = CYCLES) -> Held:
    """So many commits each time, one for each poll cycle."""
    file = made(place, load)
    with unsynced():
        return asyncio.run(_measured(file, load, cycles))


async def _measured(file: Path, load: Load, cycles: int) -> Held:
    station = load_station(file)
    past = Yesterdays(station, keyfile.load(station.identity.key), 1_800_000_000_000, EVERY_S * 1_000)
    path = station.buffer.path
    async with await Store.open(
        path,
        destinations=[CENTRE],
        quota_bytes=station.buffer.quota_bytes,
        keep_ms=station.buffer.keep_ms,
        executor=Inline(),
    ) as store:

        async def commit() -> int:
            past.cycle()
            await store.append(past.take(), past.tail)
            return wal_bytes(path)

        await store.begin_with(past.take(), past.tail, past.notes)
        alone = max([await commit() for _ in range(cycles)])
        with open_snapshot(path) as snapshot:
            ours = 0
            reading = snapshot.entries(past.tail.ledger)
            for _ in range(cycles):
                next(reading, None)
                ours = max(ours, await commit())
        with foreign(path):
            theirs = max([await commit() for _ in range(cycles)])
        after = [await commit() for _ in range(cycles)]
    back = next((number for number, size in enumerate(after, 1) if size <= WAL_LIMIT_BYTES), None)
    return Held(load, cycles, alone, ours, theirs, back, after[-1])


@contextmanager
def foreign(path: Path) -> Iterator[None]:
    """Another process that began to read, and stays in its transaction until the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        reader.stdout.readline()
        try:
            yield
        finally:
            with contextlib.suppress(BrokenPipeError):
                reader.stdin.close()
            reader.wait()


def as_text(held: Held) -> str:
    """A line for people."""
    back = "never" if held.commits_until_back is None else f"after {held.commits_until_back} commits"
    return (
        f"write-ahead log, {held.load}, {held.commits} commits each: alone at most {held.alone / MB:.2f} MB, with our"
        f" own reader {held.with_ours / MB:.2f}, with a foreign one that stays in its transaction"
        f" {held.with_foreign / MB:.2f} and growing; back within {WAL_LIMIT_BYTES / MB:.1f} MB {back}"
        f" ({held.after / MB:.2f} MB at the end)"
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Where the store is put.")
def held(*, as_json: bool, folder: str | None) -> None:
    """Measure the write-ahead log while somebody reads.

    Example: python -m bench.held
    """
    with tempfile.TemporaryDirectory(prefix="tram-held-", dir=folder) as place:
        found = measure(Path(place) / "station")
    click.echo(json.dumps(dataclasses.asdict(found)) if as_json else as_text(found))


if __name__ == "__main__":
    held()
