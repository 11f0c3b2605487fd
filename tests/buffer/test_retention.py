"""What goes, when, and what never does."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from buffer.database import WAL_LIMIT_BYTES
from buffer.inventory import Inventory, Kept
from buffer.owed import OPEN
from buffer.retention import prunable
from buffer.store import Pruned
from buffer.writer import WriterThread
from tests.buffer.recorder import DAY_MS, LEDGER, NOON_MS, OTHER, Recorder, held, ranges, started

LATER = NOON_MS + 100 * DAY_MS


@pytest.mark.pure
def test_only_what_nobody_is_owed_may_go_and_never_the_newest() -> None:
    old, current = Kept(1, OTHER, 11, b""), Kept(2, LEDGER, 21, b"")
    spans = {
        ("", 1): ((3, 10),),
        ("", 2): ((1, OPEN),),
        ("a", 2): ((5, 7), (15, OPEN)),
        ("b", 2): ((21, OPEN),),
    }
    inventory = Inventory((old, current), spans, {})
    assert prunable(inventory, old) == ((3, 10),)
    assert prunable(inventory, current) == ((1, 4), (8, 14))
    assert prunable(Inventory((old, Kept(2, LEDGER, 1, b"")), spans, {}), old) == ((3, 9),)


async def test_delivered_records_go_when_their_time_is_over(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=1200)
    await store.delivered("centre", LEDGER, [(1, 1200)])
    assert await store.prune(NOON_MS + 90 * DAY_MS + 1000) == Pruned(0, 0, 0)
    assert await store.prune(NOON_MS + 90 * DAY_MS + 700_001) == Pruned(700, 0, 0)
    assert await held(store) == list(range(701, 1201))
    assert await store.lowest_held(LEDGER) == 701
    assert (await store.prune(LATER)).by_age == 499
    newest = await store.newest()
    assert newest is not None
    assert newest.seq == 1200  # the last sign of life stays for ever
    assert (await store.prune(LATER)).by_age == 0
    await store.append(recorder.entries(1), recorder.tail)
    assert (await store.prune(LATER)).by_age == 1
    await store.close()


async def test_what_one_destination_has_not_confirmed_stays_for_all(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", "plant", "ministry", rows=30)
    await store.delivered("plant", LEDGER, [(1, 30)])
    await store.delivered("ministry", LEDGER, [(1, 9), (21, 30)])
    assert (await store.prune(LATER)).by_age == 18
    assert await held(store) == [*range(10, 21), 30]
    assert ranges(store, "ministry") == [(10, 20)]
    await store.close()


async def test_without_a_destination_records_stay_for_their_time(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", rows=5)
    assert (await store.prune(NOON_MS + 90 * DAY_MS)).by_age == 0
    assert (await store.prune(LATER)).by_age == 4
    await store.close()


async def test_a_wrong_stamp_takes_no_younger_record_along(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=3)
    recorder.wall_ms = 0  # the clock lost its battery for a while
    await store.append(recorder.entries(3), recorder.tail)
    recorder.wall_ms = NOON_MS + 10 * DAY_MS
    await store.append(recorder.entries(3), recorder.tail)
    await store.delivered("centre", LEDGER, [(1, 9)])
    assert (await store.prune(NOON_MS + 80 * DAY_MS)).by_age == 0
    assert (await store.prune(NOON_MS + 91 * DAY_MS)).by_age == 6
    assert await held(store) == [7, 8, 9]
    await store.close()


async def test_an_old_ledger_goes_before_the_current_one_and_its_debts_stay(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", "centre", rows=10)
    await store.delivered("centre", LEDGER, [(1, 3), (5, 10)])
    fresh = Recorder(OTHER)
    await store.begin(fresh.tail)
    await store.append(fresh.entries(2), fresh.tail)
    await store.delivered("centre", OTHER, [(1, 1)])
    assert (await store.prune(LATER)).by_age == 10
    assert (await held(store), await held(store, OTHER)) == ([4], [2])
    await store.delivered("centre", LEDGER, [(4, 4)])
    assert (await store.prune(LATER)).by_age == 1
    assert await store.lowest_held(LEDGER) is None
    await store.close()


async def test_the_quota_takes_the_oldest_delivered_before_their_time(tmp_path: Path) -> None:
    quota = 400 * 4096
    store, recorder = await started(tmp_path / "ledger.db", "centre", quota_bytes=quota)
    while (await store.stats()).used_bytes < quota * 96 // 100:
        await store.append(recorder.entries(50), recorder.tail)
    last = recorder.tail.next_seq - 1
    await store.delivered("centre", LEDGER, [(101, last)])
    pruned = await store.prune(NOON_MS)
    assert pruned.by_age == 0
    assert 0 < pruned.by_quota < last - 100
    assert (await store.stats()).used_bytes <= quota * 91 // 100
    here = await held(store)
    assert here[:100] == list(range(1, 101))  # undelivered
    assert here[100:] == list(range(101 + pruned.by_quota, last + 1))
    assert (await store.prune(NOON_MS)).by_quota == 0
    await store.close()


async def test_pruning_by_quota_ends_when_all_that_is_left_is_owed(tmp_path: Path) -> None:
    quota = 100 * 4096
    store, recorder = await started(tmp_path / "ledger.db", "centre", quota_bytes=quota)
    while (await store.stats()).used_bytes < quota * 96 // 100:
        await store.append(recorder.entries(10), recorder.tail)
    assert (await store.prune(LATER)) == Pruned(0, 0, 0)
    await store.close()


async def test_a_station_in_service_keeps_its_file_at_one_size(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", keep_ms=200_000)
    sizes = []
    for _ in range(30):
        for _ in range(4):
            await store.append(recorder.entries(50), recorder.tail)
        await store.delivered("centre", LEDGER, [(1, recorder.tail.next_seq - 1)])
        await store.prune(recorder.wall_ms)
        sizes.append((await store.stats()).file_bytes)
    assert max(sizes[5:]) <= sizes[4] * 11 // 10
    assert len(await held(store)) == 201
    await store.close()


async def test_after_a_long_outage_the_file_gives_its_pages_back(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", executor=WriterThread())
    big = [recorder.entry(size=8000) for _ in range(1000)]
    await store.append(big, recorder.tail)
    await store.delivered("centre", LEDGER, [(1, 999)])
    pruned = await store.prune(LATER)
    assert pruned.by_age == 999
    assert pruned.pages >= 1000
    assert (await store.stats()).file_bytes < 1100 * 4096
    assert (await store.stats()).wal_bytes <= 4 * 1024 * 1024
    await store.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_stuck_reader_keeps_the_log_growing_and_its_going_empties_it(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=1)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entry").fetchone()
        for _ in range(700):
            await store.append(recorder.entries(1), recorder.tail)
        pruned = await store.prune(NOON_MS)  # does not wait for the reader
        assert pruned.held_bytes == (await store.stats()).wal_bytes > 4 * 1024 * 1024
    assert (await store.prune(NOON_MS)).held_bytes == 0
    assert (await store.stats()).wal_bytes == 0
    for _ in range(700):
        await store.append(recorder.entries(1), recorder.tail)
    assert (await store.stats()).wal_bytes < 2 * 1024 * 1024
    assert len(await held(store)) == 1401
    await store.close()


async def test_a_few_commits_after_a_reader_has_left_the_log_is_cut_back_without_a_pruning(
    tmp_path: Path,
) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=1)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entry").fetchone()
        while (await store.stats()).wal_bytes < 2 * WAL_LIMIT_BYTES:
            await store.append(recorder.entries(20), recorder.tail)
    for _ in range(3):
        await store.append(recorder.entries(20), recorder.tail)
    assert (await store.stats()).wal_bytes <= WAL_LIMIT_BYTES
    await store.close()


async def test_what_is_still_to_come_stays_owed_whatever_a_tombstone_names(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=5)
    await store.append(recorder.entries(1), recorder.tail, drops=[(2, 3), (6, 90)])
    await store.append(recorder.entries(4), recorder.tail)
    assert await held(store) == [1, 4, 5, 6, 7, 8, 9, 10]
    assert ranges(store, "centre") == [(1, 1), (4, 10)]
    await store.close()
