"""The store as others see it. What a call returns has been synced to the disk; what it raises is `StoreError`.

    store = await Store.open(path, destinations=["so-tnmt"], quota_bytes=4 * 10**9, keep_ms=90 * 86_400_000)
    await store.begin(Tail(ledger, 1, bytes(32)))
    await store.append([Entry(1, 0, "", wall_ms, mono_ms, True, envelope)], Tail(ledger, 2, hash_of(envelope)))
    for owed in store.owed("so-tnmt"):
        batch = await store.read(owed.ledger, owed.first, owed.last, max_bytes=65_536, max_rows=500)
    await store.delivered("so-tnmt", ledger, [(1, 1)])
    await store.close()

Writes that are asked for while another one runs share the next transaction.
"""

import hashlib
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self, TypeVar

from buffer import operations, rows
from buffer.entry import Entry, LedgerHeld, Owed, Pruned, Stats, Tail
from buffer.errors import StoreDamaged
from buffer.keeper import Keeper
from buffer.owed import OPEN, Range, normal
from buffer.pruning import pruned
from buffer.retention import Prune
from buffer.schema import SELF
from buffer.survey import survey
from buffer.write import Write
from buffer.writer import Executor, WriterThread

__all__ = ["Entry", "LedgerHeld", "Owed", "Pruned", "Range", "Stats", "Store", "Tail"]

T = TypeVar("T")
_NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})


class Store:
    """Made by `open`. One task writes records; any task may do the rest. Nothing works after `close`."""

    def __init__(
        self,
        keeper: Keeper,
        executor: Executor,
        destinations: Sequence[str],
        *,
        quota_bytes: int,
        keep_ms: int,
    ) -> None:
        self._keeper = keeper
        self._executor = executor
        self._destinations = tuple(destinations)
        self.quota_bytes = quota_bytes
        self._keep_ms = keep_ms
        self._waiting: deque[Write] = deque()
        self.reading_back = False
        """While it is true, more records of older ledgers may come out of a file that was set aside."""
        self.damaged: Callable[[StoreDamaged], None] | None = None
        """Called whenever an operation finds the file damaged, before that operation raises it."""

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        destinations: Sequence[str],
        quota_bytes: int,
        keep_ms: int,
        executor: Executor | None = None,
        set_aside: str | None = None,
    ) -> Self:
        """Makes the file and its folder when missing.

        quota_bytes: largest size of the file (up to some 5 MB of log come on top). keep_ms: how long a record
        stays that every destination has. set_aside: what is there is damaged and goes to the quarantine under this
        name. StoreBusy, StoreForeign, StoreBroken, StoreDamaged.
        """
        executor, keeper = executor or WriterThread(), Keeper(path, quota_bytes)
        with ExitStack() as undo:
            undo.callback(executor.close)
            await executor.run(partial(keeper.open, destinations, set_aside))
            undo.pop_all()
        return cls(keeper, executor, destinations, quota_bytes=quota_bytes, keep_ms=keep_ms)

    @property
    def tail(self) -> Tail | None:
        """Where the ledger being written goes on; None before the first `begin`."""
        return self._keeper.inventory.tail

    @property
    def ends(self) -> tuple[Tail, ...]:
        """How far each ledger goes that is known here, also when nothing of it is held any more; the current last."""
        return tuple(Tail(*kept[1:]) for kept in self._keeper.inventory.ledgers)

    def end_of(self, ledger: bytes) -> Tail | None:
        """How far that ledger goes; None when it is not known here."""
        return next((end for end in self.ends if end.ledger == ledger), None)

    @property
    def destinations(self) -> tuple[str, ...]:
        """Who is owed what is written."""
        return self._destinations

    @property
    def notes(self) -> Mapping[str, bytes]:
        """Small facts written with the records."""
        return self._keeper.inventory.notes

    async def begin(self, tail: Tail) -> None:
        """A new ledger is written from now on; what is owed of older ones stays owed. OutOfSequence if known."""
        work = partial(operations.begin, tail=tail, owners=self._destinations)
        await self._write(Write(work, grows=True))

    async def begin_with(
        self,
        batch: Sequence[Entry],
        tail: Tail,
        notes: Mapping[str, bytes] = _NOTHING,
        ends: Sequence[Tail] = (),
    ) -> None:
        """A new ledger with its first entries and notes, in one transaction: never a ledger without its beginning.

        ends: how far older ledgers went, as `reach`. As `append` in all else.
        """
        work = partial(
            operations.begin_with,
            batch=tuple(batch),
            tail=tail,
            notes=dict(notes),
            ends=tuple(ends),
            owners=self._destinations,
        )
        await self._write(Write(work, grows=True))

    async def reach(self, ends: Sequence[Tail]) -> None:
        """Older ledgers went at least so far, though their last records may be lost. The current one is passed over."""
        await self._write(Write(partial(operations.reach, ends=tuple(ends)), grows=True))

    async def append(
        self,
        batch: Sequence[Entry],
        tail: Tail,
        notes: Mapping[str, bytes] = _NOTHING,
        drops: Sequence[Range] = (),
    ) -> None:
        """Entries, the tail after them and notes in one transaction, owed to every destination.

        drops: rows of this ledger that the same transaction deletes, owed or not, because a record of the batch
        tells what they were. OutOfSequence when the batch does not start at the tail. StoreFull and StoreBroken:
        keep the very same bytes and offer them again, alone or with newer ones behind them; what is already
        written is passed over.
        """
        work = partial(
            operations.append, batch=tuple(batch), tail=tail, notes=dict(notes), drops=normal(drops)
        )
        await self._write(Write(work, grows=True))

    async def adopt(
        self, ledger: bytes, entries: Sequence[Entry], notes: Mapping[str, bytes] = _NOTHING
    ) -> None:
        """Entries of an older ledger out of a file that was set aside, owed to all; those held are passed over.

        OutOfSequence for the ledger being written.
        """
        owners, batch = self._destinations, tuple(entries)
        work = partial(operations.adopt, ledger=ledger, entries=batch, notes=dict(notes), owners=owners)
        await self._write(Write(work, grows=True))

    async def renew(self, name: str) -> Path:
        """The damaged file goes to the quarantine, a new one takes its place. Gives the folder that it is in then.

        Only by the task that writes records, between two writes. StoreBroken: it cannot be moved, all is as before.
        """
        return await self._executor.run(partial(self._keeper.renew, self._destinations, name))

    def held(self, ledger: bytes) -> tuple[Range, ...]:
        """The seqs of this ledger that are here. No I/O."""
        kept = self._keeper.inventory.named(ledger)
        return () if kept is None else self._keeper.inventory.span(SELF, kept)

    def owed(self, destination: str) -> tuple[Owed, ...]:
        """What the destination has not confirmed, oldest ledger first, ascending. No I/O."""
        return tuple(self._keeper.inventory.owed(destination))

    async def delivered(
        self, destination: str, ledger: bytes, ranges: Sequence[Range], notes: Mapping[str, bytes] = _NOTHING
    ) -> None:
        """The destination has these; notes in the same transaction.

        What lies beyond the newest record is ignored; in an unknown ledger, the notes too.
        """
        gone = partial(operations.delivered, destination=destination, ledger=ledger, ranges=tuple(ranges))
        await self._write(Write(partial(gone, notes=dict(notes))))

    async def owe_again(
        self, destination: str, ledger: bytes, covered: Sequence[Range], notes: Mapping[str, bytes] = _NOTHING
    ) -> None:
        """The destination was restored and has only `covered`: all else here is owed again. Notes as `delivered`."""
        again = partial(operations.owe_again, destination=destination, ledger=ledger, covered=tuple(covered))
        await self._write(Write(partial(again, notes=dict(notes))))

    async def readdress(self, destinations: Sequence[str]) -> None:
        """Other destinations from now on: a new one is owed all that is here, a removed one nothing."""
        wanted = tuple(destinations)
        await self._write(Write(partial(operations.address, destinations=wanted)))
        self._destinations = wanted

    async def read(
        self, ledger: bytes, first: int, last: int, *, max_bytes: int, max_rows: int
    ) -> list[Entry]:
        """Rows first..last that are here, ascending; at least one if there is one, however large."""
        kept = self._keeper.inventory.named(ledger)
        span = max(first, 1), min(last, OPEN)  # a number from outside may be anything
        if kept is None or span[0] > span[1]:
            return []
        query = partial(rows.between, kept=kept, span=span, max_bytes=max_bytes, max_rows=max_rows)
        return await self._ask(query)

    async def read_first(self, destination: str) -> list[Entry]:
        """What goes to the destination before anything newer, oldest first, at most 1,000, with their ledgers."""
        inventory = self._keeper.inventory
        return await self._ask(partial(rows.owed_first, inventory=inventory, destination=destination))

    async def hash_at(self, ledger: bytes, seq: int) -> bytes | None:
        """SHA-256 of the envelope as it is read back; None when the row is not here."""
        found = await self.read(ledger, seq, seq, max_bytes=0, max_rows=1)
        return hashlib.sha256(found[0].envelope).digest() if found else None

    async def lowest_held(self, ledger: bytes) -> int | None:
        """The lowest seq still here; None when there is none."""
        held = self.held(ledger)
        return held[0][0] if held else None

    async def newest(self) -> Entry | None:
        """The newest record of all, with its ledger: the last sign of life. It is never pruned."""
        newest = self._keeper.inventory.newest()
        return None if newest is None else await self._ask(partial(rows.one, kept=newest[0], seq=newest[1]))

    async def prune(self, now_wall_ms: int) -> Pruned:
        """Lets go what may go, in steps with room for other work between. Only with a clock to trust."""
        before_wall_ms, quota_bytes = now_wall_ms - self._keep_ms, self.quota_bytes
        return await pruned(self._keeper, self._run, self.let_go, before_wall_ms, quota_bytes)

    async def stats(self) -> Stats:
        """Sizes and counts, for those who watch over it."""
        return await self._run(partial(survey, self._keeper, self._destinations, self.quota_bytes))

    async def close(self) -> None:
        """Waits for what was asked for, then lets the file go. StoreBroken from a last write is its caller's."""
        await self._executor.run(self._flush)
        await self._executor.run(self._keeper.close)
        self._executor.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _write(self, write: Write) -> None:
        self._waiting.append(write)
        await self._run(self._flush)
        self._notice(write.error)
        write.result()

    async def _run(self, job: Callable[[], T]) -> T:
        try:
            return await self._executor.run(job)
        except StoreDamaged as error:
            self._notice(error)
            raise

    def _notice(self, error: Exception | None) -> None:
        if isinstance(error, StoreDamaged) and self.damaged is not None:
            self.damaged(error)

    def _flush(self) -> None:
        # Runs in the writer thread. The first of several takes the writes of all; the others find nothing left.
        writes: list[Write] = []
        while self._waiting:
            writes.append(self._waiting.popleft())
        if writes:
            self._keeper.transact(writes)

    async def _ask(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(partial(self._keeper.read, query))

    async def let_go(self, before_wall_ms: int | None = None) -> int:
        """Some of the oldest rows that everybody has, older than that instant (None: of any age). 0: none may go."""
        prune = Prune(before_wall_ms)
        await self._write(Write(prune))
        return prune.rows
