"""Saving what can still be read of a store that was set aside, while the station goes on with a new one.

    quarantine/NAME/ ──rows, then raw bytes──▶ signature? ──▶ Store.adopt (owed to all) ──▶ recovery record ──▶ mark
                       (in a thread)             station's key

Envelopes prove themselves, so it does not matter where in the file they lay: what verifies is kept unchanged, as
part of the older ledger that it names. A folder without its mark is not done; after a restart it is read again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from agent.keep import Report
from agent.ledger import StationLedger
from agent.sign import FIRST_KINDS
from agent.start import NOTE_BEGUN_FROM
from buffer import quarantine
from buffer import salvage as damaged
from buffer.errors import StoreError
from buffer.inventory import Inventory
from buffer.store import Entry, Store, Tail
from telemetry import carve
from telemetry.bodies import BootBody
from telemetry.content import readings_of
from telemetry.envelope import RECORD, Forged, peek, unseal
from telemetry.fields import RecordError
from telemetry.keys import KeyRing
from telemetry.loss import RecoveryBody
from telemetry.ranges import Ranges, add, coarse, covers, normal, subtract
from telemetry.record import ZERO_HASH, Kind, Record, decode_record

T = TypeVar("T")

STEP = 100
RETRY_S = 60.0
ROOM_PERCENT = 85
"""Of the quota: beyond that what is saved waits in its file, because new records come and need room."""
NOTE_SALVAGE = "salvage"
LOST_RANGES = 1_000
"""What one recovery record names at most; beyond that neighbours are named together."""

Lost = tuple[tuple[bytes, Ranges], ...]

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
            await self._ledger.keeper.flush()  # then the store knows how far the ledger before this one went
            while folders := quarantine.pending(self._path):
                await self._until_done(folders[0])
            self._store.reading_back = False

    async def _until_done(self, folder: Path) -> None:
        while True:
            try:
                return await self._folder(folder)
            except (StoreError, OSError) as error:
                self._waits(folder, str(error))
            await asyncio.sleep(RETRY_S)

    def _waits(self, folder: Path, why: str) -> None:
        self._report("store.unsalvaged", {"folder": str(folder), "error": why, "alarm": True})

    async def _folder(self, folder: Path) -> None:
        progress = _Progress.load(self._store.notes, folder)
        if not progress.said:
            lost = await self._read(folder, progress)
            progress.told = {ledger.hex(): [list(part) for part in ranges] for ledger, ranges in lost}
            await self._say(progress, lost)
        quarantine.settle(folder, {"saved": progress.saved, "lost": progress.told})
        self._report(
            "store.salvaged",
            {
                "folder": str(folder),
                "records": progress.saved,
                "lost": progress.told,
                "alarm": bool(progress.told),
            },
        )

    async def _read(self, folder: Path, progress: "_Progress") -> Lost:
        """Saves what can be read; gives what cannot, neither here nor in what was set aside before.

        What was saved out of an older folder was lost once more when it lay in the file that is in this one.
        """
        seen = Seen(self._store, self._ring)
        await self._save(folder, seen, progress)
        told = damaged.told(folder / self._path.name)
        ours = {*seen.ledgers, *(end.ledger for end in self._store.ends)}
        ends = [Tail(*kept[1:]) for kept in told.ledgers if kept.ledger in ours]
        await self._store.reach([*seen.named, *ends])
        lost = self._lost(seen, told)
        for older in quarantine.settled(self._path) if lost else ():
            await self._save(older, Seen(self._store, self._ring, only=dict(lost)), progress)
        return self._lost(seen, told)

    async def _save(self, folder: Path, seen: "Seen", progress: "_Progress") -> None:
        file = folder / self._path.name
        envelopes = chain(damaged.selected(file), damaged.carved(file, carve.starts))
        while found := await self._offload(lambda: seen.next(envelopes)):
            by_ledger: dict[bytes, list[Entry]] = defaultdict(list)
            for ledger, entry in found:
                by_ledger[ledger].append(entry)
            for ledger, entries in by_ledger.items():
                if self._store.tail is None or ledger != self._store.tail.ledger:
                    await self._adopt(ledger, entries, progress)

    async def _adopt(self, ledger: bytes, entries: Sequence[Entry], progress: "_Progress") -> None:
        """Waits where it cannot be written, so that nothing has to be read twice.

        Damage is no other case: what was adopted before lies in a file that is read after this one.
        """
        progress.saved += len(entries)
        while True:
            try:
                if await self._has_room():
                    return await self._store.adopt(ledger, entries, progress.note())
                why = "records that nobody has confirmed use up the quota: the rest waits in the file"
            except StoreError as error:
                why = str(error)
            self._waits(progress.folder, why)
            await asyncio.sleep(RETRY_S)

    async def _has_room(self) -> bool:
        """New records need room too: only what is delivered gives way to what is saved."""
        while (await self._store.stats()).used_bytes > self._store.quota_bytes * ROOM_PERCENT // 100:
            if not await self._store.let_go():
                return False
        return True

    def _lost(self, seen: "Seen", told: Inventory) -> Lost:
        """By ledger, what the file held, or must have held, and nobody can read any more."""
        held, tail = damaged.held(told), self._store.tail
        known = {*held, *seen.ledgers} or {self._store.notes.get(NOTE_BEGUN_FROM, b"")}
        lost = []
        for ledger in sorted(known - ({tail.ledger} if tail else set())):
            end = self._store.end_of(ledger)
            was = self._was(ledger, held, told, end.next_seq - 1) if end else ()
            saved = (
                *self._store.held(ledger),
                *seen.taken.get(ledger, ()),
            )  # delivered and gone again, perhaps
            gone = subtract(was, saved)
            if gone:
                lost.append((ledger, coarse(gone, LOST_RANGES)))
        return tuple(lost)

    def _was(self, ledger: bytes, held: Mapping[bytes, Ranges], told: Inventory, signed_to: int) -> Ranges:
        """What was in the file, and what was signed after it. One that cannot say may have held all from 1 on."""
        kept = told.named(ledger)
        if kept is not None:
            return normal((*held[ledger], (kept.next_seq, signed_to)))
        return normal(((1, signed_to),))

    async def _say(self, progress: "_Progress", lost: Lost) -> None:
        folder = progress.folder.name
        self._ledger.recorder.recovered(
            RecoveryBody("the store's file was damaged", folder, progress.saved, lost)
        )
        progress.said = True
        self._ledger.keeper.note(progress.note())
        await self._ledger.keeper.flush()


@dataclass(slots=True)
class _Progress:
    """How far the reading of one folder is; its note is written with what was saved, so that nothing counts twice."""

    folder: Path
    saved: int = 0
    said: bool = False
    told: dict[str, list[list[int]]] = field(default_factory=dict)

    @classmethod
    def load(cls, notes: Mapping[str, bytes], folder: Path) -> Self:
        """As it was when the agent ended in the middle of it."""
        match notes.get(NOTE_SALVAGE, b"").decode().split():
            case [folder.name, saved, said]:
                return cls(folder, int(saved), said == "said")
        return cls(folder)

    def note(self) -> dict[str, bytes]:
        """For the store."""
        return {NOTE_SALVAGE: f"{self.folder.name} {self.saved} {'said' if self.said else '-'}".encode()}


class Seen:
    """What was read so far of one damaged file. Used in the thread that reads."""

    def __init__(self, store: Store, ring: KeyRing, *, only: Mapping[bytes, Ranges] | None = None) -> None:
        """only: nothing else is wanted."""
        self.ledgers: set[bytes] = set()
        self.taken: dict[bytes, Ranges] = {}
        self.named: list[Tail] = []
        """Where ledgers ended, by the boot records of those that followed."""
        self._only = only
        self._store = store
        self._ring = ring

    def next(self, envelopes: Iterator[bytes]) -> list[Found]:
        """The next ones that are true and new, at most STEP; none: that was all."""
        return list(islice(self._true(envelopes), STEP))

    def _true(self, envelopes: Iterator[bytes]) -> Iterator[Found]:
        for envelope in envelopes:
            found = self._judge(envelope)
            if found is not None:
                taken = self.taken.get(found.ledger, ())
                self._read_boot(envelope, found.entry)
                self.taken[found.ledger] = add(taken, (found.entry.seq, found.entry.seq))
                yield found

    def _read_boot(self, envelope: bytes, entry: Entry) -> None:
        if entry.kind != Kind.BOOT:
            return
        with suppress(RecordError):  # of another version, perhaps
            body = BootBody.decode(decode_record(peek(envelope, RECORD).payload).body)
            if body.before and body.before[2] != ZERO_HASH:
                self.named.append(Tail(body.before[0], body.before[1] + 1, body.before[2]))

    def _judge(self, envelope: bytes) -> Found | None:
        """None: not whole, not ours, or known already. The signature last: it is what costs."""
        try:
            record = decode_record(peek(envelope, RECORD).payload)
            if self._is_known(record) or not self._is_wanted(record):
                return None
            unseal(envelope, RECORD, self._ring)
            self.ledgers.add(record.ledger)
            return Found(record.ledger, _entry(record, envelope))
        except (Forged, RecordError):
            return None

    def _is_known(self, record: Record) -> bool:
        return any(
            covers(known, record.seq)
            for known in (self.taken.get(record.ledger, ()), self._store.held(record.ledger))
        )

    def _is_wanted(self, record: Record) -> bool:
        return self._only is None or covers(self._only.get(record.ledger, ()), record.seq)


def _entry(record: Record, envelope: bytes) -> Entry:
    first, moment = record.kind in FIRST_KINDS, record.moment
    return Entry(record.seq, record.kind, _device(record), moment.wall_ms, moment.mono_ms, first, envelope)


def _device(record: Record) -> str:
    """Whose readings they are; "" for the other kinds."""
    return readings_of(record)[0].device if record.kind == Kind.READINGS else ""
