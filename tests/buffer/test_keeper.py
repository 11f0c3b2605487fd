"""Trouble with the file: what is said, what is lost (nothing), and how it goes on."""

import asyncio
import fcntl
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from buffer import database
from buffer.database import Lock
from buffer.errors import StoreBroken, StoreBusy, StoreDamaged, StoreForeign, StoreFull
from buffer.store import Store
from buffer.writer import WriterThread
from tests.buffer.faults import Disk, failing
from tests.buffer.recorder import LEDGER, Recorder, held, open_store, ranges, started


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return failing(monkeypatch)


@pytest.mark.parametrize("outcome", ["lost", "written"])
async def test_a_commit_of_unknown_outcome_leaves_each_record_exactly_once(
    tmp_path: Path, disk: Disk, outcome: str
) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=3)
    batch = recorder.entries(2)
    disk.plan = [outcome]
    await store.append(batch, recorder.tail, {"boots": b"1"})
    assert await store.read(LEDGER, 4, 9, max_bytes=10**6, max_rows=9) == batch
    assert (store.tail, store.notes, ranges(store, "centre")) == (recorder.tail, {"boots": b"1"}, [(1, 5)])
    await store.close()


@pytest.mark.parametrize("outcome", ["lost", "written"])
async def test_a_receipt_or_a_new_ledger_survives_a_commit_of_unknown_outcome(
    tmp_path: Path, disk: Disk, outcome: str
) -> None:
    store, _ = await started(tmp_path / "ledger.db", "centre", rows=3)
    disk.plan = [outcome]
    await store.delivered("centre", LEDGER, [(1, 2)])
    assert ranges(store, "centre") == [(3, 3)]
    disk.plan = [outcome]
    fresh = Recorder(b"another ledger..")
    await store.begin(fresh.tail)
    assert store.tail == fresh.tail
    await store.close()


@pytest.mark.parametrize("outcomes", [["lost", "lost"], ["lost", "written"], ["written", "written"]])
async def test_a_store_that_stays_broken_takes_the_same_bytes_later(
    tmp_path: Path, disk: Disk, outcomes: list[str]
) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=3)
    waiting = recorder.entries(2)
    disk.plan = list(outcomes)
    if outcomes[0] == "lost":
        with pytest.raises(StoreBroken, match=r"writing failed: disk I/O error .SQLITE_IOERR_FSYNC.; check"):
            await store.append(waiting, recorder.tail)
    waiting += recorder.entries(2)  # polling went on meanwhile
    disk.plan = []
    await store.append(waiting, recorder.tail)
    assert await held(store) == list(range(1, 8))
    assert ranges(store, "centre") == [(1, 7)]
    await store.close()


async def test_what_a_failed_sync_left_in_memory_is_written_anew_before_it_counts(
    tmp_path: Path, disk: Disk
) -> None:
    store, recorder = await started(tmp_path / "ledger.db", rows=3)
    disk.plan = ["written"]
    await store.append(recorder.entries(1), recorder.tail)
    wal = tmp_path / "ledger.db-wal"
    assert wal.stat().st_size < 6 * 4096  # all went into the database, only the repeated work is in the log
    await store.close()


async def test_a_reader_in_the_way_of_that_is_named(tmp_path: Path, disk: Disk) -> None:
    store, recorder = await started(tmp_path / "ledger.db", rows=3)
    reader = _stuck_reader(tmp_path / "ledger.db")
    await store.append(recorder.entries(1), recorder.tail)
    waiting = recorder.entries(1)
    disk.plan = ["lost"]
    with pytest.raises(StoreBroken, match="a reader keeps what is there from being synced; close the other"):
        await store.append(waiting, recorder.tail)
    reader.close()
    await store.append(waiting, recorder.tail)
    assert await held(store) == [1, 2, 3, 4, 5]
    await store.close()


def _stuck_reader(path: Path) -> sqlite3.Connection:
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entry").fetchone()
    return reader


async def test_a_file_that_was_moved_away_is_missed_at_once(tmp_path: Path) -> None:
    path, aside = tmp_path / "ledger.db", tmp_path / "aside.db"
    store, recorder = await started(path, rows=3)
    path.rename(aside)
    waiting = recorder.entries(1)
    with pytest.raises(StoreBroken, match="was moved or deleted while it was open; put it back"):
        await store.append(waiting, recorder.tail)
    with pytest.raises(StoreBroken, match="unable to open database file"):
        await store.append(waiting, recorder.tail)
    assert not path.exists()
    aside.rename(path)
    await store.append(waiting, recorder.tail)
    assert await held(store) == [1, 2, 3, 4]
    await store.close()


async def test_an_older_copy_put_in_place_of_the_open_file_is_refused(tmp_path: Path) -> None:
    path, copy = tmp_path / "ledger.db", tmp_path / "copy.db"
    store, _ = await started(path, rows=3)
    await store.close()
    shutil.copy(path, copy)
    store = await open_store(path)
    recorder = Recorder()
    recorder.entries(3)
    await store.append(recorder.entries(2), recorder.tail)
    (tmp_path / "ledger.db-wal").rename(
        tmp_path / "aside-wal"
    )  # with its log beside it a copy is whole again
    copy.rename(path)
    waiting = recorder.entries(1)
    for said in ("was moved or deleted", "was replaced by an older file"):
        with pytest.raises(StoreBroken, match=said):
            await store.append(waiting, recorder.tail)
    await store.close()


async def test_a_damaged_page_is_reported_and_the_rest_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, recorder = await started(path, rows=200)
    await store.close()
    damaged = bytearray(path.read_bytes())
    page = damaged.index(recorder.tail.ledger + (100).to_bytes(8)) // 4096 * 4096
    damaged[page : page + 200] = b"\xff" * 200
    path.write_bytes(damaged)
    store = await open_store(path)
    with pytest.raises(StoreDamaged, match=r"reading failed: .*malformed.*; the file is damaged: it is set"):
        await store.read(LEDGER, 1, 200, max_bytes=10**9, max_rows=500)
    assert len(await store.read(LEDGER, 1, 5, max_bytes=10**9, max_rows=500)) == 5
    await store.append(recorder.entries(1), recorder.tail)
    await store.close()


async def test_a_program_that_locks_the_file_is_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 1)
    store, recorder = await started(tmp_path / "ledger.db", rows=1)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = recorder.entries(1)
    with pytest.raises(StoreBroken, match=r"database is locked .*; another program holds the file locked"):
        await store.append(waiting, recorder.tail)
    other.close()
    await store.append(waiting, recorder.tail)
    await store.close()


async def test_a_full_disk_is_told_from_a_full_quota(tmp_path: Path, disk: Disk) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", rows=3)
    disk.code, disk.plan = sqlite3.SQLITE_FULL, ["lost"] * 3
    waiting = recorder.entries(1)
    with pytest.raises(
        StoreFull, match=r"the disk is full \(records: 3 wait for centre\); free some of the disk"
    ):
        await store.append(waiting, recorder.tail)
    disk.plan = []
    await store.append(waiting, recorder.tail)
    assert await held(store) == [1, 2, 3, 4]
    await store.close()


async def _fill(store: Store, recorder: Recorder) -> list[object]:
    """Appends until the store is full; what did not fit."""
    while True:
        batch, tail = recorder.entries(10), recorder.tail
        try:
            await store.append(batch, tail)
        except StoreFull:
            return [batch, tail]


async def test_a_quota_full_of_undelivered_records_is_said_and_nothing_is_deleted(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", quota_bytes=60 * 4096)
    batch, tail = await _fill(store, recorder)
    here = await held(store)
    assert here == list(range(1, here[-1] + 1))
    assert ranges(store, "centre") == [(1, here[-1])]
    waiting = (
        rf"quota of 245760 bytes is used up .*\({here[-1]} wait for centre\); bring the destination back"
    )
    with pytest.raises(StoreFull, match=waiting):
        await store.append(batch, tail)  # type: ignore[arg-type]
    assert await held(store) == here
    await store.close()


async def test_delivered_records_make_room_whatever_their_age(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", "centre", quota_bytes=60 * 4096)
    batch, tail = await _fill(store, recorder)
    last = (await held(store))[-1]
    await store.delivered("centre", LEDGER, [(1, last - 20)])
    await store.append(batch, tail)  # type: ignore[arg-type]
    here = await held(store)
    assert here[-1] == tail[1] - 1  # type: ignore[index]
    assert set(range(last - 19, last + 11)) <= set(here)
    assert (await store.stats()).file_bytes <= 60 * 4096
    await store.close()


async def test_a_receipt_is_taken_although_the_record_beside_it_finds_no_room(tmp_path: Path) -> None:
    store, recorder = await started(
        tmp_path / "ledger.db", "centre", quota_bytes=60 * 4096, executor=WriterThread()
    )
    batch, tail = await _fill(store, recorder)
    last = (await held(store))[-1]
    outcomes = await asyncio.gather(
        store.append(recorder.entries(1)[:0], tail),  # type: ignore[arg-type]
        store.append(batch, tail),  # type: ignore[arg-type]
        store.delivered("centre", LEDGER, [(last, last)]),
        return_exceptions=True,
    )
    assert ranges(store, "centre") == [(1, last - 1)]
    assert outcomes[2] is None
    await store.close()


async def test_a_file_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreBroken, match="cannot be made: File exists; check the folder's owner"):
        await open_store(tmp_path / "file" / "ledger.db")
    (tmp_path / "ledger.db.lock").mkdir()
    with pytest.raises(StoreBroken, match=r"ledger\.db\.lock cannot be opened: Is a directory"):
        await open_store(tmp_path / "ledger.db")


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE their (own TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreForeign, match="is a database, but not a Tram store"):
        await open_store(path)
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("these are the technician's notes\n" * 100)
    with pytest.raises(StoreForeign, match=r"is not a SQLite database; set .buffer. path"):
        await open_store(path)
    assert path.read_text().startswith("these are")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ledger.db"]


async def test_a_lock_file_that_was_there_stays_when_the_store_is_refused(tmp_path: Path) -> None:
    path, beside = tmp_path / "station.pem", tmp_path / "station.pem.lock"
    path.write_text("-----BEGIN PRIVATE KEY-----\n")
    beside.write_text("somebody else's\n")
    with pytest.raises(StoreForeign):
        await open_store(path)
    assert beside.exists()


def test_who_opened_a_lock_file_that_goes_away_takes_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (Lock(tmp_path / "ledger.db") for _ in range(3))
    first.take()
    flock = fcntl.flock

    def refused_meanwhile(descriptor: int, how: int) -> None:
        monkeypatch.setattr("buffer.database.fcntl.flock", flock)
        first.unmake()
        first.drop()
        flock(descriptor, how)

    monkeypatch.setattr("buffer.database.fcntl.flock", refused_meanwhile)
    second.take()
    with pytest.raises(StoreBusy):
        third.take()
    second.drop()


def test_a_lock_file_of_another_is_never_taken_away(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "ledger.db"), Lock(tmp_path / "ledger.db")
    beside = tmp_path / "ledger.db.lock"
    first.take()
    beside.unlink()
    second.take()
    first.unmake()
    assert beside.exists()
    first.drop()
    second.drop()
