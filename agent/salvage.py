"""Saving what can still be read of a store that was set aside, while the station goes on with a new one.

    quarantine/NAME/ ──rows, then raw bytes──▶ signature? ──▶ Store.adopt (owed to all) ──▶ recovery record ──▶ mark
                       (in a thread)             station's key

Envelopes prove themselves, so it does not matter where in the file they lay: what verifies is kept unchanged, as
part of the older ledger that it names. A folder without its mark is not done; after a restart it is read again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from agent.keep import Report
from agent.ledger import StationLedger
from agent.sign import FIRST_KINDS
from buffer import quarantine
from buffer import salvage as damaged
from buffer.errors import StoreError
from buffer.store import Entry, Store
from telemetry import carve
from telemetry.content import readings_of
from telemetry.envelope import RECORD, Forged, peek, unseal
from telemetry.fields import RecordError
from telemetry.keys import KeyRing
from telemetry.loss import RecoveryBody
from telemetry.ranges import Ranges, add, coarse, covers, normal, subtract
from telemetry.record import Kind, Record, decode_record

T = TypeVar("T")

STEP = 100
RETRY_S = 60.0
LOST_RANGES = 1_000
"""What one recovery record names at most; beyond that neighbours are named together."""

Offload = Callable[[Callable[[], T]], Awaitable[T]]
"""Runs a piece of reading where it does not hold the polls up."""


class Found(NamedTuple):
    """One envelope that this station signed, ready to be kept."""

    ledger: bytes
    entry: Entry


class Salvage:
    """`run` as a task after each start, and after each quarantine."""

    def __init__(
        self,
        path: Path,
        ledger: StationLedger,
        ring: KeyRing,
        *,
        report: Report,
        offload: Offload[list[Found]] = asyncio.to_thread,
    ) -> None:
        self._path = path
        self._ledger = ledger
        self._store: Store = ledger.store
        self._ring = ring
        self._report = report
        self._offload = offload
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Until no folder is left that has not been read to its end."""
        async with self._lock:
            for folder in quarantine.pending(self._path):
                await self._until_done(folder)

    async def _until_done(self, folder: Path) -> None:
        while True:
            try:
                return await self._folder(folder)
            except (StoreError, OSError) as error:
                self._report("store.unsalvaged", {"folder": str(folder), "error": str(error), "alarm": True})
            await asyncio.sleep(RETRY_S)

    async def _folder(self, folder: Path) -> None:
        file = folder / self._path.name
        saved, seen = 0, Seen(self._store, self._ring)
        envelopes = chain(damaged.selected(file), damaged.carved(file, carve.starts))
        while found := await self._offload(lambda: seen.next(envelopes)):
            by_ledger: dict[bytes, list[Entry]] = defaultdict(list)
            for ledger, entry in found:
                by_ledger[ledger].append(entry)
            for ledger, entries in by_ledger.items():
                if self._store.tail is None or ledger != self._store.tail.ledger:
                    await self._store.adopt(ledger, entries)
                    saved += len(entries)
        lost = self._lost(seen, damaged.held(file))
        await self._say(folder, saved, lost)

    def _lost(self, seen: "Seen", held: dict[bytes, Ranges]) -> list[tuple[bytes, Ranges]]:
        """By ledger, what the file held, or may have held, and nobody can read any more.

        A file that does not say what it held may have held everything below what was saved of it.
        """
        lost = []
        written = {self._store.tail.ledger} if self._store.tail else set()
        for ledger in sorted({*held, *seen.ledgers} - written):
            here = self._store.held(ledger)
            was = held.get(ledger) or normal(((1, here[-1][1]),) if here else ())
            signed_to = self._ledger.ended.get(ledger, 0)
            gone = subtract(normal((*was, (was[-1][1] if was else 1, signed_to))), here)
            if gone:
                lost.append((ledger, coarse(gone, LOST_RANGES)))
        return lost

    async def _say(self, folder: Path, saved: int, lost: list[tuple[bytes, Ranges]]) -> None:
        self._ledger.recorder.recovered(
            RecoveryBody("the store's file was damaged", folder.name, saved, tuple(lost))
        )
        await self._ledger.keeper.flush()
        told = {ledger.hex(): [list(part) for part in ranges] for ledger, ranges in lost}
        quarantine.settle(folder, {"saved": saved, "lost": told})
        self._report(
            "store.salvaged", {"folder": str(folder), "records": saved, "lost": told, "alarm": bool(lost)}
        )


class Seen:
    """What was read so far of one damaged file. Used in the thread that reads."""

    def __init__(self, store: Store, ring: KeyRing) -> None:
        self.ledgers: set[bytes] = set()
        self._store = store
        self._ring = ring
        self._taken: dict[bytes, Ranges] = {}

    def next(self, envelopes: Iterator[bytes]) -> list[Found]:
        """The next ones that are true and new, at most STEP; none: that was all."""
        return list(islice(self._true(envelopes), STEP))

    def _true(self, envelopes: Iterator[bytes]) -> Iterator[Found]:
        for envelope in envelopes:
            found = self._judge(envelope)
            if found is not None:
                taken = self._taken.get(found.ledger, ())
                self._taken[found.ledger] = add(taken, (found.entry.seq, found.entry.seq))
                yield found

    def _judge(self, envelope: bytes) -> Found | None:
        """None: not whole, not ours, or known already. The signature last: it is what costs."""
        try:
            record = decode_record(peek(envelope, RECORD).payload)
            if covers(self._store.held(record.ledger), record.seq):
                self.ledgers.add(record.ledger)  # saved by a run that was killed before it could say so
                return None
            if covers(self._taken.get(record.ledger, ()), record.seq):
                return None
            unseal(envelope, RECORD, self._ring)
            self.ledgers.add(record.ledger)
            return Found(record.ledger, _entry(record, envelope))
        except (Forged, RecordError):
            return None


def _entry(record: Record, envelope: bytes) -> Entry:
    first, moment = record.kind in FIRST_KINDS, record.moment
    return Entry(record.seq, record.kind, _device(record), moment.wall_ms, moment.mono_ms, first, envelope)


def _device(record: Record) -> str:
    """Whose readings they are; "" for the other kinds."""
    return readings_of(record)[0].device if record.kind == Kind.READINGS else ""
