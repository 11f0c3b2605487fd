"""Keeping: durable a batch at a time, and patient when the store is not."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from agent import keep
from agent.keep import Keeper
from buffer.errors import QuotaUsedUp, StoreBroken, StoreDamaged, StoreFull
from buffer.store import Entry, Owed, Range, Store, Tail
from buffer.writer import Inline
from tests.agent.report import Reported
from tests.virtual_time import VirtualClock, in_virtual_time

LEDGER, OTHER = b"L" * 16, b"M" * 16


class Failing:
    """A store whose commits fail while `broken` is set, or never end; it remembers what it was offered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.broken = False
        self.hanging = False
        self.full = False
        self.room_entries = 10**9
        self.no_room: type[StoreFull] = QuotaUsedUp
        self.slow_s = 0.0
        self.offered: list[list[int]] = []

    @property
    def tail(self) -> Tail | None:
        return self._store.tail

    @property
    def notes(self) -> Mapping[str, bytes]:
        return self._store.notes

    @property
    def destinations(self) -> Sequence[str]:
        return self._store.destinations

    def owed(self, destination: str) -> Sequence[Owed]:
        return self._store.owed(destination)

    async def begin_with(
        self, batch: Sequence[Entry], tail: Tail, notes: Mapping[str, bytes], ends: Sequence[Tail]
    ) -> None:
        await self._answer(batch)
        await self._store.begin_with(batch, tail, notes, ends)

    async def append(
        self, batch: Sequence[Entry], tail: Tail, notes: Mapping[str, bytes], drops: Sequence[Range]
    ) -> None:
        await self._answer(batch)
        await self._store.append(batch, tail, notes, drops)

    async def _answer(self, batch: Sequence[Entry]) -> None:
        self.offered.append([entry.seq for entry in batch])
        if self.hanging:
            await asyncio.sleep(86_400)
        await asyncio.sleep(self.slow_s)
        if self.full or len(batch) > self.room_entries:
            raise self.no_room("no room", "wait")
        if self.broken:
            raise StoreBroken("the disk does not answer", "look at the card")


class Desk:
    """A keeper at work, and what it says is durable."""

    def __init__(self, store: Failing) -> None:
        self.store = store
        self.reported = Reported()
        self.committed: list[tuple[bytes, list[int]]] = []
        self.keeper = Keeper(
            store,  # type: ignore[arg-type]
            linger_ms=100,
            clock=VirtualClock(),
            committed=lambda batch, ledger: self.committed.append((ledger, [entry.seq for entry in batch])),
            report=self.reported,
        )
        self.task = asyncio.create_task(self.keeper.run())

    def put(self, *seqs: int, ledger: bytes = LEDGER, size: int = 200) -> None:
        for seq in seqs:
            entry = Entry(seq, 1, "ph", 1_800_000_000_000 + seq, seq, False, seq.to_bytes(4) * (size // 4))
            self.keeper.put(entry, Tail(ledger, seq + 1, bytes(32)))

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.store._store.close()


async def desk(tmp_path: Path) -> Desk:
    store = await Store.open(
        tmp_path / "ledger.db", destinations=["centre"], quota_bytes=10**8, keep_ms=10**9, executor=Inline()
    )
    return Desk(Failing(store))


@in_virtual_time
async def test_what_is_signed_within_the_linger_is_one_commit_and_one_message(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.put(1, 2, 3)
    await asyncio.sleep(0.05)
    at.put(4)
    await at.keeper.flush()
    assert at.committed == [(LEDGER, [1, 2, 3, 4])]
    at.put(5)
    await at.keeper.flush()
    assert at.committed[1:] == [(LEDGER, [5])]
    assert at.keeper.waiting == 0
    await at.end()


@in_virtual_time
async def test_a_failed_commit_is_offered_again_with_the_very_same_bytes_and_newer_ones_behind(
    tmp_path: Path,
) -> None:
    at = await desk(tmp_path)
    at.put(1)
    await at.keeper.flush()
    at.store.broken = True
    at.put(2)
    await asyncio.sleep(1)
    at.put(3)
    assert at.keeper.waiting == 2
    assert "the disk does not answer" in str(at.keeper.trouble)
    at.store.broken = False
    await at.keeper.flush()
    assert [seqs for _, seqs in at.committed] == [[1], [2, 3]]
    assert at.reported.events == ["store.failing", "store.back"]
    assert at.keeper.trouble is None
    await at.end()


@in_virtual_time
async def test_the_retries_slow_down_and_the_trouble_is_said_once(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.put(1)
    await at.keeper.flush()
    at.store.broken = True
    at.put(2)
    await asyncio.sleep(600)
    assert 15 < len(at.store.offered) < 40
    assert at.reported.events == ["store.failing"]
    await at.end()


@in_virtual_time
async def test_ten_minutes_of_failing_close_the_door_for_new_polls_and_recovery_opens_it(
    tmp_path: Path,
) -> None:
    at = await desk(tmp_path)
    at.store.broken = True
    at.put(1)
    await asyncio.sleep(590)
    assert at.keeper.accepting()
    await asyncio.sleep(20)
    assert not at.keeper.accepting()
    at.store.broken = False
    await at.keeper.flush()
    assert at.keeper.accepting()
    await at.end()


@in_virtual_time
async def test_sixteen_megabytes_close_the_door_too(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.store.broken = True
    at.put(*range(1, 600), size=24_000)
    await asyncio.sleep(1)
    assert at.keeper.accepting()
    at.put(*range(600, 720), size=24_000)
    assert keep.MAX_WAITING_BYTES < 719 * 24_000
    assert not at.keeper.accepting()
    await at.end()


@in_virtual_time
async def test_a_store_that_hangs_without_a_word_does_not_eat_the_memory(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.store.hanging = True
    at.put(*range(1, 720), size=24_000)
    await asyncio.sleep(1)
    assert at.keeper.trouble is None
    assert not at.keeper.accepting()
    await at.end()


@in_virtual_time
async def test_a_commit_that_takes_long_is_said_before_it_ends_and_forgotten_after(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.put(1)
    await at.keeper.flush()
    at.store.slow_s = 20
    at.put(2)
    await asyncio.sleep(4)
    assert "a commit takes over 3 s" in str(at.keeper.trouble)
    assert at.reported.events == ["store.slow"]
    await at.keeper.flush()
    assert at.keeper.trouble is None
    at.store.slow_s = 2
    at.put(3)
    await at.keeper.flush()
    assert (at.keeper.trouble, at.reported.events) == (None, ["store.slow"])
    await at.end()


@in_virtual_time
async def test_what_a_failing_store_says_is_not_replaced_by_its_slowness(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.store.broken, at.store.slow_s = True, 5
    at.put(1)
    await asyncio.sleep(20)
    assert "the disk does not answer" in str(at.keeper.trouble)
    assert at.reported.events == ["store.slow", "store.failing"]
    at.store.broken, at.store.slow_s = False, 0
    await at.keeper.flush()
    assert at.keeper.trouble is None
    await at.end()


@in_virtual_time
async def test_a_new_ledger_is_begun_in_the_store_before_its_first_record(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.put(1, 2)
    at.put(1, 2, ledger=OTHER)
    await at.keeper.flush()
    assert at.committed == [(LEDGER, [1, 2]), (OTHER, [1, 2])]
    assert at.store.tail == Tail(OTHER, 3, bytes(32))
    await at.end()


@in_virtual_time
async def test_notes_are_written_with_the_records_and_survive_a_failed_commit(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.put(1)
    await at.keeper.flush()
    at.store.broken = True
    at.keeper.note({"clean": b"\x01"})
    at.put(2)
    await asyncio.sleep(1)
    at.store.broken = False
    await at.keeper.flush()
    assert at.store.notes["clean"] == b"\x01"
    await at.end()


@in_virtual_time
async def test_a_clean_stop_is_not_noted_before_everything_signed_until_then_is_durable(
    tmp_path: Path,
) -> None:
    at = await desk(tmp_path)
    at.keeper.note({"boots": b"7", "clean": b"\x00"})
    at.put(*range(1, 1_101))
    at.keeper.note({"clean": b"\x01"})
    at.put(1_101)
    while len(at.committed) < 2:
        await asyncio.sleep(0.01)
    assert at.store.tail == Tail(LEDGER, 1_001, bytes(32))
    assert at.store.notes == {"boots": b"7", "clean": b"\x00"}, "killed now, this was no clean stop"
    await at.keeper.flush()
    assert at.store.notes == {"boots": b"7", "clean": b"\x01"}
    await at.end()


@in_virtual_time
async def test_a_full_store_whose_oldest_rows_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    asked: list[str] = []

    async def make_room() -> bool:
        asked.append("room")
        if len(asked) == 1:
            raise StoreDamaged("a page is bad", "it is set aside")
        at.store.full = False
        return True

    at.keeper._make_room = make_room
    at.store.full = True
    at.put(1)
    await asyncio.sleep(10)
    assert asked == ["room", "room"]
    assert at.committed == [(LEDGER, [1])]
    await at.end()


@pytest.mark.parametrize("no_room", [QuotaUsedUp, StoreFull])
@in_virtual_time
async def test_more_than_there_is_room_for_is_written_in_parts_when_everything_before_is_delivered(
    tmp_path: Path, no_room: type[StoreFull]
) -> None:
    """SQLite says the same of a quota and of a disk, and a small file may still be far from its quota."""
    at = await desk(tmp_path)
    at.store.no_room = no_room
    at.put(1)
    await at.keeper.flush()
    at.store.room_entries = 30
    at.put(*range(2, 102))
    at.keeper.drop([(2, 3)])
    await asyncio.sleep(60)
    assert [len(seqs) for seqs in at.store.offered[1:]] == [100] * (len(at.store.offered) - 1)
    newest = 1
    while newest < 101:
        await at.store._store.delivered("centre", LEDGER, [(1, newest)])
        await asyncio.sleep(60)
        assert at.store.tail
        assert newest < at.store.tail.next_seq - 1
        newest = at.store.tail.next_seq - 1
    at.store.room_entries = 10**9
    at.put(*range(102, 602))
    await at.keeper.flush()
    assert len(at.committed[-1][1]) == 500
    await at.end()


@in_virtual_time
async def test_more_than_a_batch_is_written_in_order(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.put(*range(1, 1_201))
    await at.keeper.flush()
    assert [len(seqs) for _, seqs in at.committed] == [500, 500, 200]
    assert at.store.tail == Tail(LEDGER, 1_201, bytes(32))
    await at.end()


@in_virtual_time
async def test_a_flush_ends_although_new_records_keep_coming(tmp_path: Path) -> None:
    at = await desk(tmp_path)
    at.put(1)

    async def never_quiet() -> None:
        for seq in range(2, 10_000):
            at.put(seq)
            await asyncio.sleep(0.01)

    noise = asyncio.create_task(never_quiet())
    async with asyncio.timeout(1):
        await at.keeper.flush()
    assert at.committed[0][1][0] == 1
    noise.cancel()
    await asyncio.gather(noise, return_exceptions=True)
    await at.end()
