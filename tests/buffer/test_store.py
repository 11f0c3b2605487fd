"""The store's promises, as those who use it see them."""

import asyncio
import errno
import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from buffer.errors import OutOfSequence, StoreBroken, StoreBusy
from buffer.owed import OPEN
from buffer.store import Owed, Store, Tail
from buffer.writer import WriterThread
from tests.buffer.recorder import (
    DAY_MS,
    GENEROUS,
    LEDGER,
    NOON_MS,
    OTHER,
    Recorder,
    held,
    open_store,
    ranges,
    started,
)


async def test_a_new_store_knows_nothing_and_says_so(tmp_path: Path) -> None:
    async with await open_store(tmp_path / "ledger.db", "centre") as store:
        assert store.tail is None
        assert store.owed("centre") == ()
        assert await store.newest() is None
        assert await store.read(LEDGER, 1, 9, max_bytes=1, max_rows=1) == []
        assert await store.hash_at(LEDGER, 1) is None
        assert await store.lowest_held(LEDGER) is None
        stats = await store.stats()
        assert (stats.rows, stats.ledgers, stats.owed, stats.oldest_wall_ms) == (0, (), {"centre": 0}, None)


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre")
    batch = recorder.entries(3)
    await store.append(batch, recorder.tail, {"boots": b"7"})
    await store.close()
    store = await open_store(tmp_path / "ledger.db", "centre")
    assert store.tail == recorder.tail
    assert store.notes == {"boots": b"7"}
    assert await store.read(LEDGER, 1, 3, max_bytes=10_000, max_rows=10) == batch
    assert await store.newest() == batch[-1]._replace(ledger=LEDGER)
    assert await store.hash_at(LEDGER, 3) == recorder.tail.prev
    assert ranges(store, "centre") == [(1, 3)]
    await store.close()


async def test_a_batch_that_leaves_a_hole_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=1)
    before = recorder.tail
    recorder.entry()
    late = recorder.entry()
    with pytest.raises(OutOfSequence, match="goes on at seq 2, not 3"):
        await store.append([late], recorder.tail, {"note": b"x"})
    assert (store.tail, store.notes, await held(store)) == (before, {}, [1])
    await store.close()


@pytest.mark.parametrize("numbers", [(2, 4), (3, 2), (2, 2)])
async def test_a_batch_out_of_order_is_refused(tmp_path: Path, numbers: tuple[int, int]) -> None:
    store, recorder = await started(tmp_path / "ledger.db", rows=1)
    first, second = recorder.entries(2)
    with pytest.raises(OutOfSequence, match="does not lead to"):
        await store.append([first._replace(seq=numbers[0]), second._replace(seq=numbers[1])], recorder.tail)
    assert await held(store) == [1]
    await store.close()


async def test_the_same_bytes_offered_again_are_no_second_record(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db")
    batch = recorder.entries(3)
    await store.append(batch[:2], Tail(LEDGER, 3, hashlib.sha256(batch[1].envelope).digest()))
    await store.append(
        batch, recorder.tail
    )  # the agent kept the first two, not knowing how their commit went
    await store.append(batch, recorder.tail)
    assert await held(store) == [1, 2, 3]
    await store.close()


async def test_what_a_commit_of_unknown_outcome_wrote_may_be_delivered_and_gone_when_it_is_offered_again(
    tmp_path: Path,
) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre")
    batch = recorder.entries(4)
    await store.append(batch[:3], Tail(LEDGER, 4, hashlib.sha256(batch[2].envelope).digest()))
    await store.delivered("centre", LEDGER, [(1, 3)])
    assert await store.let_go() == 2
    await store.append(batch, recorder.tail)
    assert await held(store) == [3, 4]
    assert ranges(store, "centre")[0][0] == 4
    await store.close()


async def test_other_bytes_under_a_used_seq_are_a_fork_and_refused(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", rows=2)
    forged = Recorder(size=301)
    with pytest.raises(OutOfSequence, match=r"written with another hash|with other bytes"):
        await store.append(forged.entries(2), forged.tail)
    with pytest.raises(OutOfSequence, match="with other bytes"):
        await store.append(Recorder(size=301).entries(1), Tail(LEDGER, 2, b"?" * 32))
    with pytest.raises(OutOfSequence, match="another hash"):
        await store.append([], Tail(LEDGER, 3, b"?" * 32))
    assert store.tail == recorder.tail
    await store.close()


async def test_the_next_seq_survives_the_loss_of_all_rows(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", rows=5)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as conn, conn:
        conn.execute("DELETE FROM entry")
    conn.close()
    store = await open_store(tmp_path / "ledger.db")
    assert store.tail == recorder.tail
    await store.append([recorder.entry()], recorder.tail)
    assert await held(store) == [6]
    await store.close()


async def test_a_note_can_be_written_with_what_was_delivered_and_with_what_is_owed_again(
    tmp_path: Path,
) -> None:
    store, _ = await started(tmp_path / "ledger.db", "centre", rows=3)
    await store.delivered("centre", LEDGER, [(1, 3)], {"receipt": b"1"})
    assert (ranges(store, "centre"), store.notes["receipt"]) == ([], b"1")
    await store.owe_again("centre", LEDGER, [(1, 1)], {"receipt": b"2"})
    await store.close()
    async with await open_store(tmp_path / "ledger.db", "centre") as store:
        assert (ranges(store, "centre"), store.notes["receipt"]) == ([(2, 3)], b"2")


async def test_notes_can_be_written_without_a_record(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", rows=1)
    await store.append([], recorder.tail, {"a": b"1", "b": b"2"})
    await store.append([], recorder.tail, {"a": b"1", "b": b"3"})
    assert store.notes == {"a": b"1", "b": b"3"}
    await store.close()


async def test_a_ledger_that_is_not_being_written_takes_no_record(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "ledger.db")
    stranger = Recorder()
    with pytest.raises(OutOfSequence, match="not the one being written"):
        await store.append(stranger.entries(1), stranger.tail)
    await store.close()


async def test_a_new_ledger_leaves_the_old_one_owed(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", "centre", rows=3)
    await store.delivered("centre", LEDGER, [(1, 2)])
    fresh = Recorder(OTHER)
    await store.begin(fresh.tail)
    await store.begin(fresh.tail)  # asked again after a commit of unknown outcome
    assert store.tail == fresh.tail
    last_sign = await store.newest()
    assert last_sign is not None
    assert (last_sign.ledger, last_sign.seq) == (LEDGER, 3)
    await store.append(fresh.entries(2), fresh.tail)
    assert store.owed("centre") == (Owed(LEDGER, 3, 3), Owed(OTHER, 1, 2))
    with pytest.raises(OutOfSequence, match="has begun before"):
        await store.begin(Tail(LEDGER, 4, bytes(32)))
    await store.close()
    store = await open_store(tmp_path / "ledger.db", "centre")
    assert store.owed("centre") == (Owed(LEDGER, 3, 3), Owed(OTHER, 1, 2))
    assert store.tail == fresh.tail
    await store.close()


async def test_a_new_ledger_and_its_first_records_are_one_write(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", "centre", rows=4)
    recorder = Recorder(OTHER)
    batch = recorder.entries(2)
    await store.begin_with(batch, recorder.tail, {"begun from": LEDGER})
    await store.begin_with(batch, recorder.tail, {"begun from": LEDGER})
    assert (store.tail, store.notes["begun from"]) == (recorder.tail, LEDGER)
    assert store.owed("centre") == (Owed(LEDGER, 1, 4), Owed(OTHER, 1, 2))
    await store.close()


async def test_a_new_ledger_without_its_first_record_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", "centre", rows=4)
    recorder = Recorder(OTHER)
    recorder.entry()
    with pytest.raises(OutOfSequence):
        await store.begin_with([recorder.entry()], recorder.tail)
    before = store.tail
    await store.close()
    store = await open_store(tmp_path / "ledger.db", "centre")
    assert store.tail == before
    assert before is not None
    assert before.ledger == LEDGER
    await store.close()


async def test_every_destination_has_its_own_debts(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "ministry", "plant", rows=10)
    await store.delivered("plant", LEDGER, [(1, 4), (6, 7)])
    assert ranges(store, "ministry") == [(1, 10)]
    assert ranges(store, "plant") == [(5, 5), (8, 10)]
    await store.append(recorder.entries(2), recorder.tail)
    assert ranges(store, "plant") == [(5, 5), (8, 12)]
    await store.close()
    store = await open_store(tmp_path / "ledger.db", "ministry", "plant")
    assert ranges(store, "plant") == [(5, 5), (8, 12)]
    await store.close()


async def test_a_receipt_for_more_than_there_is_does_not_pay_for_the_future(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=3)
    await store.delivered("centre", LEDGER, [(1, 1000), (OPEN, OPEN)])
    await store.delivered("centre", OTHER, [(1, 5)])
    assert ranges(store, "centre") == []
    await store.append(recorder.entries(1), recorder.tail)
    assert ranges(store, "centre") == [(4, 4)]
    await store.close()


async def test_a_new_destination_is_owed_all_that_is_here_and_a_removed_one_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, recorder = await started(path, "old", rows=3)
    await store.delivered("old", LEDGER, [(1, 2)])
    await store.close()
    store = await open_store(path, "new")
    assert (ranges(store, "old"), ranges(store, "new")) == ([], [(1, 3)])
    await store.delivered("new", LEDGER, [(1, 3)])
    await store.readdress(["new", "old"])  # a reload of the station file
    await store.append(recorder.entries(1), recorder.tail)
    assert (ranges(store, "old"), ranges(store, "new")) == ([(1, 4)], [(4, 4)])
    await store.close()


async def test_a_destination_added_before_the_first_ledger_is_owed_from_its_first_record(
    tmp_path: Path,
) -> None:
    store = await open_store(tmp_path / "ledger.db")
    await store.readdress(["centre"])
    recorder = Recorder()
    await store.begin(recorder.tail)
    await store.append(recorder.entries(2), recorder.tail)
    assert ranges(store, "centre") == [(1, 2)]
    await store.close()


async def test_a_centre_restored_from_a_backup_is_owed_what_it_lost(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=10)
    await store.delivered("centre", LEDGER, [(1, 9)])
    await store.owe_again("centre", LEDGER, [(1, 4), (6, 6), (11, OPEN)])
    assert ranges(store, "centre") == [(5, 5), (7, 10)]
    await store.append(recorder.entries(1), recorder.tail)
    assert ranges(store, "centre") == [(5, 5), (7, 11)]
    await store.owe_again("centre", OTHER, [])
    await store.owe_again("nobody", LEDGER, [])
    assert store.owed("nobody") == ()
    await store.close()


async def test_a_restored_centre_is_not_owed_what_was_pruned(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", "centre", rows=10)
    await store.delivered("centre", LEDGER, [(1, 6)])
    await store.prune(NOON_MS + 100 * DAY_MS)
    await store.owe_again("centre", LEDGER, [])
    assert ranges(store, "centre") == await _runs(store) == [(7, 10)]
    await store.close()


async def _runs(store: Store) -> list[tuple[int, int]]:
    seqs = await held(store)
    return [(seqs[0], seqs[-1])] if seqs == list(range(seqs[0], seqs[-1] + 1)) else []


async def test_a_read_stops_at_its_bytes_and_rows_but_gives_at_least_one(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", rows=10)
    assert len(await store.read(LEDGER, 2, 9, max_bytes=900, max_rows=10)) == 3
    assert len(await store.read(LEDGER, 2, 9, max_bytes=10**6, max_rows=4)) == 4
    assert [entry.seq for entry in await store.read(LEDGER, 9, 99, max_bytes=1, max_rows=10)] == [9]
    assert await store.read(LEDGER, 11, 99, max_bytes=1, max_rows=10) == []
    await store.close()


async def test_numbers_from_outside_may_be_anything(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", "centre", rows=3)
    fresh = Recorder(OTHER)
    await store.begin(fresh.tail)
    for seq in (-1, 0, 4, OPEN, OPEN + 1, 2**64 - 1):
        assert await store.hash_at(OTHER, seq) is None
    assert await store.read(OTHER, -(2**64), 2**64, max_bytes=10**6, max_rows=10) == []
    assert len(await store.read(LEDGER, 0, 2**64, max_bytes=10**6, max_rows=10)) == 3
    await store.delivered("centre", LEDGER, [(0, 1), (3, 2**64 - 1), (9, 5)])
    assert ranges(store, "centre") == [(2, 2)]
    await store.close()


async def test_boot_and_configuration_records_are_found_before_the_backlog(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", "other")
    boot = recorder.entry(kind=0, device="", first=True)
    await store.append([boot, *recorder.entries(20)], recorder.tail)
    fresh = Recorder(OTHER)
    await store.begin(fresh.tail)
    again = fresh.entry(kind=0, device="", first=True)
    await store.append([again, *fresh.entries(5)], fresh.tail)
    assert await store.read_first("centre") == [boot._replace(ledger=LEDGER), again._replace(ledger=OTHER)]
    await store.delivered("centre", LEDGER, [(1, 1)])
    assert await store.read_first("centre") == [again._replace(ledger=OTHER)]
    assert len(await store.read_first("other")) == 2
    await store.close()


async def test_statistics_tell_what_is_here_and_what_is_owed(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=5)
    await store.delivered("centre", LEDGER, [(2, 3)])
    stats = await store.stats()
    assert (stats.rows, stats.owed) == (5, {"centre": 3})
    assert (stats.oldest_wall_ms, stats.newest_wall_ms) == (NOON_MS + 1000, recorder.wall_ms)
    assert stats.ledgers == ((LEDGER, 6, recorder.tail.prev, 1, 5, 5),)
    assert 0 < stats.used_bytes <= stats.file_bytes < stats.quota_bytes == GENEROUS
    assert stats.wal_bytes > 0
    assert await store.lowest_held(LEDGER) == 1
    await store.close()


async def test_writes_asked_for_together_share_one_transaction(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", executor=WriterThread())
    wal = tmp_path / "ledger.db-wal"
    before = _commits(wal.read_bytes())
    batches = [([recorder.entry()], recorder.tail) for _ in range(50)]
    await asyncio.gather(*(store.append(*batch) for batch in batches))
    assert (
        _commits(wal.read_bytes()) - before < 25
    )  # the first runs alone, the others share what queues up behind it
    assert await held(store) == list(range(1, 51))
    await store.close()


def _commits(wal: bytes) -> int:
    """How many transactions are in a WAL: the frames whose header names the size of the file after it."""
    return sum(wal[at + 4 : at + 8] != bytes(4) for at in range(32, len(wal), 24 + 4096))


async def test_one_defective_write_of_a_group_does_not_take_the_others_along(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", executor=WriterThread())
    stranger = Recorder(OTHER)
    good = recorder.entries(1)
    outcomes = await asyncio.gather(
        store.append(stranger.entries(1), stranger.tail),
        store.append(good, recorder.tail),
        store.delivered("centre", LEDGER, [(1, 1)]),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [OutOfSequence, type(None), type(None)]
    assert (await held(store), ranges(store, "centre")) == ([1], [])
    await store.close()


async def test_an_append_that_nobody_waits_for_any_more_is_written_all_the_same(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", executor=WriterThread())
    task = asyncio.create_task(store.append(recorder.entries(1), recorder.tail))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.close()
    async with await open_store(tmp_path / "ledger.db") as store:
        assert store.tail == recorder.tail


async def test_a_second_opener_is_told_who_has_the_store(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", rows=1)
    with pytest.raises(
        StoreBusy, match=r"ledger\.db is open in another process \(\d+\); stop that one first"
    ):
        await open_store(tmp_path / "ledger.db")
    await store.close()
    await (await open_store(tmp_path / "ledger.db")).close()


@pytest.mark.parametrize("executor", [WriterThread, None])
async def test_after_close_nothing_is_written_any_more(
    tmp_path: Path, executor: type[WriterThread] | None
) -> None:
    options = {"executor": executor()} if executor else {}
    store, recorder = await started(tmp_path / "ledger.db", rows=1, **options)
    await store.close()
    with pytest.raises(RuntimeError):
        await store.append(recorder.entries(1), recorder.tail)


async def test_a_folder_where_the_file_should_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreBroken, match="is a folder; set"):
        await open_store(tmp_path)


async def test_a_lock_that_cannot_be_signed_because_the_disk_is_full_is_a_lock_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("buffer.database.os.pwrite", full)
    async with await open_store(tmp_path / "ledger.db"):
        with pytest.raises(StoreBusy, match=r"another process \(unknown\)"):
            await open_store(tmp_path / "ledger.db")


async def test_how_far_a_ledger_went_is_known_though_nothing_of_it_is_here(tmp_path: Path) -> None:
    lost, older = Tail(b"L" * 16, 41, b"h" * 32), Tail(b"K" * 16, 9, b"i" * 32)
    store, recorder = await open_store(tmp_path / "ledger.db", "centre"), Recorder()
    await store.begin_with(recorder.entries(3), recorder.tail, ends=[older, lost])
    assert store.ends == (older, lost, recorder.tail)
    assert store.end_of(lost.ledger) == lost
    assert await store.lowest_held(lost.ledger) is None
    assert [owed.ledger for owed in store.owed("centre")] == [LEDGER]
    await store.reach([lost._replace(next_seq=30), recorder.tail._replace(next_seq=99)])
    await store.close()
    store = await open_store(tmp_path / "ledger.db", "centre")
    assert store.ends == (older, lost, recorder.tail), (
        "an end never comes nearer, and the current one moves by records"
    )
    await store.close()


async def test_a_ledger_that_went_further_than_this_copy_knew_holds_and_owes_no_more_for_it(
    tmp_path: Path,
) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=5)
    copy = recorder.tail
    lost = recorder.entries(4)
    other = Recorder(OTHER)
    await store.begin_with(other.entries(1), other.tail, ends=[recorder.tail])
    assert store.end_of(LEDGER) == recorder.tail != copy
    assert (await held(store), ranges(store, "centre")) == ([1, 2, 3, 4, 5], [(1, 5)])
    await store.adopt(LEDGER, lost[2:3])
    assert (store.held(LEDGER), ranges(store, "centre")) == (((1, 5), (8, 8)), [(1, 5), (8, 8)])
    assert store.end_of(LEDGER) == recorder.tail
    await store.close()


async def test_what_is_saved_of_a_ledger_that_was_written_here_is_not_taken_for_held(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=5)
    other = Recorder(OTHER)
    await store.begin_with(other.entries(1), other.tail)
    more = recorder.entries(3)
    await store.adopt(LEDGER, more[1:])
    assert await held(store) == [1, 2, 3, 4, 5, 7, 8]
    assert ranges(store, "centre") == [(1, 5), (7, 8)]
    await store.close()
