"""The store against a model made of dictionaries and sets, through restarts, crashes and failing commits."""

import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from buffer.errors import StoreBroken
from buffer.store import Entry, Store
from tests.buffer.faults import Disk, failing
from tests.buffer.recorder import DAY_MS, NOON_MS, Recorder, open_store

T = TypeVar("T")
NAMES = ("centre", "ministry")
KEEP_MS = 30_000
seqs = st.integers(1, 30)
some_ranges = st.lists(st.tuples(seqs, seqs).map(lambda pair: (min(pair), max(pair))), max_size=3)


def done(work: Coroutine[Any, Any, T]) -> T:
    """Runs what never waits: the store's executor is inline."""
    try:
        work.send(None)
    except StopIteration as stop:
        answer: T = stop.value
        return answer
    raise AssertionError("it waited for something")


def numbers(ranges: list[tuple[int, int]]) -> set[int]:
    return {seq for first, last in ranges for seq in range(first, last + 1)}


class StoreMachine(RuleBasedStateMachine):
    """held: every row that must be there. owed: what each destination must still get. Both by ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.disk: Disk = failing(self.patch)
        self.folder = Path(tempfile.mkdtemp())
        self.generation = 0
        self.names: tuple[str, ...] = ("centre",)
        self.recorders: list[Recorder] = []
        self.held: dict[tuple[bytes, int], Entry] = {}
        self.owed: dict[str, set[tuple[bytes, int]]] = {}
        self.waiting: list[Entry] = []

    @property
    def path(self) -> Path:
        return self.folder / str(self.generation) / "ledger.db"

    @property
    def ledger(self) -> bytes:
        return self.recorders[-1].tail.ledger

    def _open(self) -> Store:
        return done(open_store(self.path, *self.names, keep_ms=KEEP_MS))

    @initialize()
    def first_start(self) -> None:
        self.store = self._open()
        self.owed = {name: set() for name in self.names}
        self.begin()

    @rule()
    @precondition(lambda self: not self.waiting and len(self.recorders) < 4)
    def begin(self) -> None:
        self.recorders.append(Recorder(bytes([len(self.recorders)]) * 16, size=120, wall_ms=NOON_MS))
        if len(self.recorders) > 1:
            self.recorders[-1].wall_ms = self.recorders[-2].wall_ms
        done(self.store.begin(self.recorders[-1].tail))

    @rule(
        how_many=st.integers(1, 8),
        outcomes=st.lists(st.sampled_from(["ok", "ok", "lost", "written"]), max_size=2),
    )
    def append(self, how_many: int, outcomes: list[str]) -> None:
        recorder = self.recorders[-1]
        self.waiting += recorder.entries(how_many)
        self.disk.plan = list(outcomes)
        try:
            done(self.store.append(self.waiting, recorder.tail))
        except StoreBroken:
            return  # they wait in memory and are offered again, with newer ones behind them
        finally:
            self.disk.plan = []
        self._acknowledge()

    def _acknowledge(self) -> None:
        for entry in self.waiting:
            self.held[self.ledger, entry.seq] = entry
            for owed in self.owed.values():
                owed.add((self.ledger, entry.seq))
        self.waiting = []

    @rule(name=st.sampled_from(NAMES), back=st.integers(0, 3), ranges=some_ranges)
    def deliver(self, name: str, back: int, ranges: list[tuple[int, int]]) -> None:
        self._settle()
        ledger = self.recorders[max(0, len(self.recorders) - 1 - back)].tail.ledger
        done(self.store.delivered(name, ledger, ranges))
        if name in self.owed:
            self.owed[name] -= {(ledger, seq) for seq in numbers(ranges)}

    @rule(name=st.sampled_from(NAMES), ranges=some_ranges)
    def restore_the_centre(self, name: str, ranges: list[tuple[int, int]]) -> None:
        self._settle()
        done(self.store.owe_again(name, self.ledger, ranges))
        if name in self.owed:
            kept = {key for key in self.held if key[0] == self.ledger}
            self.owed[name] |= {key for key in kept if key[1] not in numbers(ranges)}

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def readdress(self, names: set[str]) -> None:
        self._settle()
        self.names = tuple(names)
        self.owed = {name: self.owed.get(name, set(self.held)) for name in names}
        done(self.store.readdress(self.names))

    @rule(age=st.sampled_from([0, KEEP_MS // 2, KEEP_MS + 5_000, 100 * DAY_MS]))
    def prune(self, age: int) -> None:
        self._settle()
        now = self.recorders[-1].wall_ms + age
        done(self.store.prune(now))
        here = self._here()
        gone = set(self.held) - set(here)
        owed = set[tuple[bytes, int]]().union(*self.owed.values())
        assert not gone & owed
        assert all(self.held[key].wall_ms < now - KEEP_MS for key in gone)
        if self.held:
            newest = max(self.held)
            assert newest in here
            assert all(
                entry.wall_ms >= now - KEEP_MS for key, entry in here.items() if key not in owed | {newest}
            )
        self.held = here

    @rule()
    def restart(self) -> None:
        self._settle()
        done(self.store.close())
        self.store = self._open()

    @rule(junk=st.binary(max_size=200))
    def lose_power(self, junk: bytes) -> None:
        """What is on the disk now, with a torn write behind it, is what the next start finds."""
        found = self.folder / str(self.generation + 1)
        found.mkdir()
        for name in ("ledger.db", "ledger.db-wal"):
            if self.path.with_name(name).exists():
                shutil.copy(self.path.with_name(name), found / name)
        with (found / "ledger.db-wal").open("ab") as wal:
            wal.write(junk)
        done(self.store.close())
        self.generation += 1
        self.store = self._open()
        self._settle()

    def _settle(self) -> None:
        """What waited in memory reaches the store before anything else is asked of it."""
        if self.waiting:
            done(self.store.append(self.waiting, self.recorders[-1].tail))
            self._acknowledge()

    def _here(self) -> dict[tuple[bytes, int], Entry]:
        return {
            (recorder.tail.ledger, entry.seq): entry
            for recorder in self.recorders
            for entry in done(
                self.store.read(recorder.tail.ledger, 1, 10**6, max_bytes=10**9, max_rows=10**6)
            )
        }

    @invariant()
    def nothing_acknowledged_is_lost(self) -> None:
        if not self.recorders or self.waiting:
            return
        assert self._here() == self.held
        assert self.store.tail == self.recorders[-1].tail
        for name, owed in self.owed.items():
            assert owed <= set(self.held)
            found = {(o.ledger, seq) for o in self.store.owed(name) for seq in range(o.first, o.last + 1)}
            assert found == owed

    @invariant()
    def the_books_agree_with_the_rows(self) -> None:
        if self.recorders and not self.waiting:
            stats = done(self.store.stats())
            assert stats.rows == len(self.held)
            assert stats.owed == {name: len(owed) for name, owed in self.owed.items()}

    def teardown(self) -> None:
        done(self.store.close())
        self.patch.undo()
        with closing(sqlite3.connect(self.path)) as conn, conn:
            assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        conn.close()
        shutil.rmtree(self.folder)


StoreMachine.TestCase.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTheStoreAgainstItsModel = StoreMachine.TestCase
