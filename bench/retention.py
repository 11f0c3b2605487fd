"""`python -m bench.retention`: a station in service for 120 days, in a minute or two, and the size of its file.

The real recorder signs and the real store keeps, books receipts and prunes every ten minutes, as the agent does; the
clock is ours. Size is looked at and not wear, so nothing is synced: SQLite writes the same pages either way.
"""

import asyncio
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import click

from agent.ledger import UPKEEP_S
from agent.station import load_station
from bench.backlog import Yesterdays
from bench.load import Load, station_file
from buffer import database
from buffer.store import Store
from buffer.writer import Inline
from telemetry import keyfile
from telemetry.keys import public_to_pem

DAY_MS = 86_400_000
REFERENCE = Load(4, 10)
EVERY_S = 60
KEEP_DAYS = 90
UP_DAYS = 60
"""Of the machine at the beginning, so that its records do not become longer on the way."""
LOOK_AT_DAYS = (30, 60, 90, 100, 110, 120)
CENTRE = "centre"
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Mark:
    """The file after so many days; sizes in bytes. `free_pages` are part of the file and wait for new records."""

    day: int
    file_bytes: int
    free_pages: int
    rows: int


@dataclass(frozen=True, slots=True)
class Retained:
    """`wal_most`: the largest write-ahead log that was ever beside the file, in bytes."""

    load: Load
    every_s: int
    keep_days: int
    marks: tuple[Mark, ...]
    wal_most: int
    took_s: float

    @property
    def growth(self) -> float:
        """The last mark over that of the day on which the first record went, 0.01 is a percent."""
        full = next(mark for mark in self.marks if mark.day >= self.keep_days)
        return self.marks[-1].file_bytes / full.file_bytes - 1


def measure(
    place: Path,
    load: Load = REFERENCE,
    *,
    every_s: int = EVERY_S,
    keep_days: int = KEEP_DAYS,
    look_at_days: tuple[int, ...] = LOOK_AT_DAYS,
) -> Retained:
    """So many days of a station whose centre answers every poll cycle."""
    file = made(place, load)
    began_s = time.monotonic()
    with unsynced():
        marks, wal_most = asyncio.run(_service(file, every_s, keep_days, look_at_days))
    return Retained(load, every_s, keep_days, tuple(marks), wal_most, time.monotonic() - began_s)


def made(place: Path, load: Load) -> Path:
    """The station file of this load in a new folder, with a key; nobody is behind its lines and its destination."""
    place.mkdir(parents=True)
    station = keyfile.create(place / "station.pem")
    centre = place / "centre.pub"
    centre.write_bytes(public_to_pem(station.public))  # any public key: nobody will sign with it
    file = place / "station.toml"
    file.write_text(station_file(load, range(1, load.devices + 1), "mqtt://127.0.0.1:1", centre))
    return file


@contextmanager
def unsynced() -> Iterator[None]:
    """The store writes as ever and waits for no disk."""
    fast = database._ON_EVERY_CONNECTION.replace("synchronous = FULL", "synchronous = OFF")  # noqa: SLF001
    assert "OFF;" in fast
    with patch.object(database, "_ON_EVERY_CONNECTION", fast):
        yield


async def _service(
    file: Path, every_s: int, keep_days: int, look_at_days: tuple[int, ...]
) -> tuple[list[Mark], int]:
    station = load_station(file)
    from_ms = time.time_ns() // 1_000_000 - look_at_days[-1] * DAY_MS
    key = keyfile.load(station.identity.key)
    past = Yesterdays(station, key, from_ms, every_s * 1_000, UP_DAYS * DAY_MS)
    marks: list[Mark] = []
    wal_most = 0
    async with await Store.open(
        station.buffer.path,
        destinations=[CENTRE],
        quota_bytes=station.buffer.quota_bytes,
        keep_ms=keep_days * DAY_MS,
        executor=Inline(),
    ) as store:
        await store.begin_with(past.take(), past.tail, past.notes)
        prune_ms = from_ms
        while len(marks) < len(look_at_days):
            past.cycle()
            await store.append(past.take(), past.tail)
            await store.delivered(CENTRE, past.tail.ledger, [(1, past.tail.next_seq - 1)])
            if past.clock.now_ms < prune_ms:
                continue
            prune_ms += round(UPKEEP_S * 1_000)
            wal_most = max(wal_most, wal_bytes(station.buffer.path))
            await store.prune(past.clock.now_ms)
            day = look_at_days[len(marks)]
            if past.clock.now_ms >= from_ms + day * DAY_MS:
                marks.append(await _mark(store, day))
    return marks, wal_most


async def _mark(store: Store, day: int) -> Mark:
    stats = await store.stats()
    free_pages = (stats.file_bytes - stats.used_bytes) // database.PAGE_BYTES
    return Mark(day, stats.file_bytes, free_pages, stats.rows)


def wal_bytes(store: Path) -> int:
    """The write-ahead log beside a database."""
    return store.with_name(store.name + "-wal").stat().st_size


def as_text(retained: Retained) -> str:
    """Lines for people."""
    marks = "; ".join(
        f"day {mark.day}: {mark.file_bytes / MB:.1f} MB ({mark.free_pages} free pages)"
        for mark in retained.marks
    )
    return (
        f"retention, {retained.load} every {retained.every_s} s, kept {retained.keep_days} days, pruned every"
        f" {UPKEEP_S / 60:.0f} min: {marks}; {retained.growth:+.2%} after day {retained.keep_days};"
        f" {retained.marks[-1].rows} records; log at most {retained.wal_most / MB:.2f} MB"
    )


@click.command()
@click.option("--devices", default=REFERENCE.devices, show_default=True)
@click.option("--channels", default=REFERENCE.channels, show_default=True, help="Of each device.")
@click.option("--every-s", default=EVERY_S, show_default=True, help="The period.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Where the store is put.")
def retention(*, devices: int, channels: int, every_s: int, as_json: bool, folder: str | None) -> None:
    """Measure the file of a station that has been in service for longer than it keeps its records.

    Example: python -m bench.retention --devices 10 --channels 20
    """
    with tempfile.TemporaryDirectory(prefix="tram-retention-", dir=folder) as place:
        retained = measure(Path(place) / "station", Load(devices, channels), every_s=every_s)
    click.echo(json.dumps(dataclasses.asdict(retained)) if as_json else as_text(retained))


if __name__ == "__main__":
    retention()
