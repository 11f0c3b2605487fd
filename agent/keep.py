"""Keeping: signed entries become durable, a batch at a time, and only then may they leave.

    recorder ──put──▶ waiting ──(linger)──▶ Store.append (one COMMIT) ──▶ committed(batch) ──▶ every destination
                         ▲                        │ StoreError
                         └──── the same bytes ◀───┘  tried again with back-off; nothing is re-signed

While commits fail, signed envelopes wait in memory: at most 10 minutes' worth or 16 MiB. Beyond that `accepting`
turns False, polls are counted instead of signed, and a gap record says so when the store is back.

When the file is damaged, `renew` sets it aside and a new ledger begins in a new one (agent.salvage); what still waits
of the old ledger goes into the new file first, as it is. When the quota is used up by what nobody has received,
`make_room` (agent.entomb) puts tombstones behind what waits: the write that holds them deletes what they tell of, and
so makes the room for everything before them. When nothing is owed and all that waits still needs more than there is,
less is written at once: what is delivered of it makes room for the next part.
"""

import asyncio
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from agent.clock import Clock
from buffer.errors import QuotaUsedUp, StoreDamaged, StoreError, StoreFull
from buffer.store import Entry, Range, Store, Tail

MAX_WAITING_BYTES = 16 * 1024 * 1024
MAX_WAITING_MS = 10 * 60 * 1_000
RETRY_FIRST_S, RETRY_LONGEST_S = 0.5, 30.0
BATCH_ENTRIES = 500
SLOW_S = 3.0
"""A commit takes some ms on a sound card; one that takes so long waits for another program, or the card is dying."""

_SLOW_HINT = "close other programs that have the ledger's file open, or look at the card"

Report = Callable[[str, dict[str, object]], None]


class Waiting(NamedTuple):
    """A signed entry, the ledger's head after it, and the rows of that ledger that go when it is written."""

    entry: Entry
    tail: Tail
    drops: Sequence[Range] = ()


class Keeper:
    """One task writes; `put` never waits.

    `make_room` is asked when the quota is used up: True when it put what makes the next write smaller than the last.
    `renew` is called between two writes after `damaged`: StoreError when there is no new file yet.
    """

    def __init__(
        self,
        store: Store,
        *,
        linger_ms: int,
        clock: Clock,
        committed: Callable[[Sequence[Entry], bytes], None],
        report: Report,
        make_room: Callable[[], Awaitable[bool]] | None = None,
        renew: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.store = store
        self.trouble: str | None = None
        self._make_room = make_room
        self._renew = renew
        self._damage: StoreDamaged | None = None
        self._linger_s = linger_ms / 1_000
        self._clock = clock
        self._committed = committed
        self._report = report
        self._waiting: list[Waiting] = []
        self._waiting_bytes = 0
        self._notes: list[tuple[int, Mapping[str, bytes]]] = []
        self._ends: dict[bytes, Tail] = {}
        self._something = asyncio.Event()
        self._put, self._written = 0, 0
        self._progress = asyncio.Condition()
        self._failing_since_ms: int | None = None
        self._failure: StoreError | None = None
        self._most_entries: int | None = None

    def put(self, entry: Entry, tail: Tail) -> None:
        """An entry that was just signed, and the ledger's head after it."""
        self._waiting.append(Waiting(entry, tail))
        self._waiting_bytes += len(entry.envelope)
        self._put += 1
        self._something.set()

    def drop(self, rows: Sequence[Range]) -> None:
        """Rows of its ledger that go when the newest entry put, their tombstone, is written."""
        self._waiting[-1] = self._waiting[-1]._replace(drops=rows)

    def going(self, ledger: bytes) -> list[Range]:
        """Rows whose tombstone is not written yet."""
        return [rows for item in self._waiting if item.tail.ledger == ledger for rows in item.drops]

    def note(self, notes: Mapping[str, bytes]) -> None:
        """Small facts that become durable with the entries put so far, and never before them."""
        self._notes.append((self._put, dict(notes)))

    def ended(self, *ends: Tail) -> None:
        """How far older ledgers went: becomes durable with the beginning of the next ledger."""
        self._ends |= {end.ledger: end for end in ends}

    def accepting(self) -> bool:
        """Whether another poll may be signed. A store that hangs says nothing, and memory ends all the same."""
        if self._waiting_bytes >= MAX_WAITING_BYTES:
            return False
        since_ms = self._failing_since_ms
        return since_ms is None or self._clock.mono_ms() - since_ms < MAX_WAITING_MS

    @property
    def waiting(self) -> int:
        """Entries signed and not yet durable."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """What their envelopes take."""
        return self._waiting_bytes

    def damaged(self, error: StoreDamaged) -> None:
        """Somebody found the store's file damaged: it is set aside before the next write."""
        if self._renew is not None:
            self._damage = error
            self._something.set()

    async def run(self) -> None:
        """Writes for ever."""
        pause_s = RETRY_FIRST_S
        while True:
            await self._something.wait()
            await asyncio.sleep(self._linger_s)
            if await self._is_renewed() and (await self._write() or await self._may_fit_now()):
                pause_s = RETRY_FIRST_S
                continue
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_LONGEST_S)

    async def flush(self) -> None:
        """Returns when everything put so far is durable (`run` must be running)."""
        target = self._put
        async with self._progress:
            await self._progress.wait_for(lambda: self._written >= target)

    async def _write(self) -> bool:
        batch = self._batch()
        due = [notes for put, notes in self._notes if put <= self._written + len(batch)]
        slow = asyncio.get_running_loop().call_later(SLOW_S, self._slow)
        try:
            await self._append(batch, dict(ChainMap(*map(dict, reversed(due)))))
        except StoreError as error:
            self._failure = error
            self._failed(error)
            return False
        finally:
            slow.cancel()
        self._failure = None
        self._recovered()
        self._most_entries = None  # there may be room for all the rest now, and no power cut waits for it
        del self._notes[: len(due)]
        del self._waiting[: len(batch)]
        self._waiting_bytes -= sum(len(item.entry.envelope) for item in batch)
        if not self._waiting:
            self._something.clear()
        self._committed([item.entry for item in batch], batch[-1].tail.ledger)
        async with self._progress:
            self._written += len(batch)
            self._progress.notify_all()
        return True

    def _batch(self) -> list[Waiting]:
        """The longest run of one ledger at the front: a transaction belongs to one ledger.

        Up to the last tombstone, however many that are: without what it deletes there may be no room for the first.
        """
        ledger = self._waiting[0].tail.ledger
        last = max((at for at, item in enumerate(self._waiting, 1) if item.drops), default=0)
        batch = self._waiting[: max(BATCH_ENTRIES, last)]
        return [item for item in batch if item.tail.ledger == ledger][: self._most_entries]

    async def _append(self, batch: list[Waiting], notes: Mapping[str, bytes]) -> None:
        tail = batch[-1].tail
        entries = [item.entry for item in batch]
        if self.store.tail is None or self.store.tail.ledger != tail.ledger:
            if entries[0].seq == 1:
                await self.store.begin_with(entries, tail, notes, tuple(self._ends.values()))
            else:  # its file was set aside
                await self.store.adopt(tail.ledger, entries, notes)
        else:
            await self.store.append(entries, tail, notes, [part for item in batch for part in item.drops])

    async def _is_renewed(self) -> bool:
        """Whether the file may be written: it is not known to be damaged, or a new one has just taken its place."""
        if self._damage is None or self._renew is None:
            return True
        try:
            await self._renew()
        except StoreError as error:
            self._failed(error)
            return False
        self._damage = None
        return True

    async def _may_fit_now(self) -> bool:
        """After a write without room, whether the next may have some: rows have gone, or it takes less."""
        if not isinstance(self._failure, StoreFull):
            return False
        try:
            return await self._has_entombed() or self._takes_less()
        except StoreError as error:  # what is to go cannot be read
            self._failed(error)
            return False

    async def _has_entombed(self) -> bool:
        if self._make_room is None or not isinstance(self._failure, QuotaUsedUp):
            return False
        return await self._make_room()

    def _takes_less(self) -> bool:
        if any(self.store.owed(destination) for destination in self.store.destinations):
            return False
        entries = len(self._batch())
        self._most_entries = max(1, entries // 2)
        return entries > 1

    def _slow(self) -> None:
        """A commit has not ended for SLOW_S; a store that said what is wrong with it has said more already."""
        if self.trouble is None:
            self.trouble = f"a commit takes over {SLOW_S:.0f} s: {_SLOW_HINT}"
            self._report("store.slow", {"error": self.trouble, "waiting": self.waiting})

    def _failed(self, error: StoreError) -> None:
        if self._failing_since_ms is None:
            self._failing_since_ms = self._clock.mono_ms()
        if self.trouble != str(error):
            self.trouble = str(error)
            self._report("store.failing", {"error": str(error), "waiting": self.waiting})

    def _recovered(self) -> None:
        if self._failing_since_ms is not None:
            failed_ms = self._clock.mono_ms() - self._failing_since_ms
            self._failing_since_ms = None
            self._report("store.back", {"failed_for_s": failed_ms // 1_000, "waiting": self.waiting})
        self.trouble = None
