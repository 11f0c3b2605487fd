"""`python -m bench.wear`: what a record costs the card, in some seconds for each way to write.

Cycles follow each other at once. In the field there is time between them, and the file system writes down on its own
when a file was changed: what that costs for each cycle, `surcharges` measures in as many minutes as it takes.

The real recorder and the real store, with a sync per commit, on an ext4 file system of its own (`bench.card`). The
station is in service: each receipt is booked, and for each record that comes an old one goes. So the figure is the
whole price of a record: its row, its share of commits, checkpoints and the file system's journal, its receipt, its end.
"""

import asyncio
import dataclasses
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import click

from agent.ledger import UPKEEP_S
from agent.station import load_station
from bench import card
from bench.backlog import Yesterdays
from bench.card import Card
from bench.load import Load
from bench.retention import CENTRE, made
from buffer.entry import Entry, Tail
from buffer.store import Store
from buffer.writer import Inline
from telemetry import keyfile

COMMITS = 1_500
"""Some pages of the log are written more than once before a checkpoint: many commits make the figure steady."""
RECEIPT_S = 1.5
"""The centre's patience, `central.receipts.AFTER_MS`."""


@dataclass(frozen=True, slots=True)
class Writing:
    """`together`: the records of one poll cycle share a commit, else each has its own."""

    load: Load
    every_s: int
    together: bool

    def __str__(self) -> str:
        together = self.together and self.load.devices > 1
        how = f"{self.load.devices} records in a commit" if together else "a commit for each record"
        return f"{self.load} every {self.every_s} s, {how}"


@dataclass(frozen=True, slots=True)
class Worn:
    """Bytes for each record."""

    writing: Writing
    records: int
    envelope_bytes: float
    written_bytes: float


PLANS = (
    Writing(Load(1, 10), 1, together=False),
    Writing(Load(4, 10), 60, together=False),
    Writing(Load(4, 10), 60, together=True),
    Writing(Load(10, 20), 1, together=False),
    Writing(Load(10, 20), 1, together=True),
)


def measure(place: Path, plans: Sequence[Writing] = PLANS, commits: int = COMMITS) -> tuple[Worn, ...]:
    """On a card that is put into `place`. Each plan has a store of its own on it."""
    with card.put_in(place) as fresh:
        return tuple(worn(fresh, writing, commits) for writing in plans)


def worn(on: Card, writing: Writing, commits: int = COMMITS) -> Worn:
    """One way to write."""
    folder = on.place / "station"
    file = made(folder, writing.load)
    try:
        return asyncio.run(_worn(on, file, writing, commits))
    finally:
        shutil.rmtree(folder)


def surcharges(place: Path, paces: Mapping[int, int]) -> dict[int, float]:
    """By period in s, the bytes that each poll cycle costs more because time passes. `paces`: cycles by period.

    All at once, each on a card of its own: they only wait.
    """
    with ThreadPoolExecutor(len(paces)) as pool:
        rows = pool.map(lambda pace: surcharge(place / str(pace[0]), *pace), paces.items())
        return dict(zip(paces, rows, strict=True))


def surcharge(place: Path, every_s: int, cycles: int) -> float:
    """The same cycles of the same station, with and without the time between them."""
    writing = Writing(Load(4, 10), every_s, together=True)
    with card.put_in(place) as fresh:
        at_once, paused = (_paced(fresh, writing, cycles, pause_s) for pause_s in (0, every_s))
    return max(0.0, paused - at_once) / cycles


def _paced(on: Card, writing: Writing, cycles: int, pause_s: float) -> int:
    """Bytes."""
    folder = on.place / "station"
    file = made(folder, writing.load)

    async def write() -> int:
        async with _in_service(file, writing, cycles) as service:
            before = on.written()
            for _ in range(cycles):
                await service.cycle()
                await asyncio.sleep(pause_s)
            return on.written() - before

    try:
        return asyncio.run(write())
    finally:
        shutil.rmtree(folder)


async def _worn(on: Card, file: Path, writing: Writing, commits: int) -> Worn:
    at_once = writing.load.devices if writing.together else 1
    cycles = -(-commits * at_once // writing.load.devices)
    async with _in_service(file, writing, cycles) as service:
        before, envelopes = on.written(), list[int]()
        for _ in range(cycles):
            envelopes += await service.cycle()
        return Worn(writing, len(envelopes), fmean(envelopes), (on.written() - before) / len(envelopes))


@asynccontextmanager
async def _in_service(file: Path, writing: Writing, cycles: int) -> AsyncIterator["_Service"]:
    """A store that has been full for a while: it keeps so many cycles, and pruning goes along."""
    station = load_station(file)
    every_ms = writing.every_s * 1_000
    past = Yesterdays(station, keyfile.load(station.identity.key), 1_800_000_000_000, every_ms)
    async with await Store.open(
        station.buffer.path,
        destinations=[CENTRE],
        quota_bytes=station.buffer.quota_bytes,
        keep_ms=cycles * every_ms,
        executor=Inline(),
    ) as store:
        await store.begin_with(past.take(), past.tail, past.notes)
        service = _Service(store, past, writing.load.devices if writing.together else 1)
        for _ in range(cycles):
            await service.cycle()
        yield service


@dataclass(slots=True)
class _Service:
    """What the agent does with its store, cycle by cycle, on the clock of `past`."""

    store: Store
    past: Yesterdays
    at_once: int
    receipt_ms: float = 0.0
    prune_ms: float = 0.0

    async def cycle(self) -> list[int]:
        """One poll of every device. Gives the sizes of its envelopes."""
        self.past.cycle()
        entries = self.past.take()
        for at in range(0, len(entries), self.at_once):
            batch = entries[at : at + self.at_once]
            await self.store.append(batch, self._tail_after(batch[-1]))
        now_ms = self.past.clock.now_ms
        if now_ms >= self.receipt_ms + RECEIPT_S * 1_000:
            self.receipt_ms = now_ms
            await self.store.delivered(CENTRE, self.past.tail.ledger, [(1, entries[-1].seq)])
        if now_ms >= self.prune_ms + UPKEEP_S * 1_000:
            self.prune_ms = now_ms
            await self.store.prune(now_ms)
        return [len(entry.envelope) for entry in entries]

    def _tail_after(self, entry: Entry) -> Tail:
        """Of a batch in the middle of a cycle the next record names it: any 32 bytes weigh the same."""
        tail = self.past.tail
        return (
            tail if entry.seq == tail.next_seq - 1 else Tail(tail.ledger, entry.seq + 1, entry.envelope[-32:])
        )


def as_text(row: Worn) -> str:
    """One line for people."""
    return (
        f"wear, {row.writing}: {row.written_bytes:.0f} bytes reach the card for a record of {row.envelope_bytes:.0f}"
        f" (x {row.written_bytes / row.envelope_bytes:.0f})"
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Where the card's file is put.")
def wear(*, as_json: bool, folder: str | None) -> None:
    """Measure what reaches the card for each record. Needs root: a file system is mounted.

    Example: python -m bench.wear
    """
    lacking = card.why_not()
    if lacking:
        raise click.ClickException(f"no card can be put in here: {lacking}")
    with tempfile.TemporaryDirectory(prefix="tram-wear-", dir=folder) as place:
        rows = measure(Path(place))
    for row in rows:
        click.echo(json.dumps(dataclasses.asdict(row)) if as_json else as_text(row))


if __name__ == "__main__":
    wear()
