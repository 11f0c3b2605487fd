"""Another process looks into the store, while the agent runs or after it stopped."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from buffer.errors import StoreBroken, StoreForeign
from buffer.snapshot import STEP_ROWS, open_snapshot
from buffer.store import Owed
from tests.buffer.recorder import DAY_MS, LEDGER, NOON_MS, OTHER, Recorder, open_store, started


async def test_a_running_store_is_read_without_holding_its_log(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, recorder = await started(path, "centre", rows=STEP_ROWS + 50)
    await store.delivered("centre", LEDGER, [(1, 200)])
    with open_snapshot(path) as snapshot:
        seen = []
        for entry in snapshot.entries(LEDGER, 11):
            seen.append(entry.seq)
            if entry.seq < 400:
                await store.append(recorder.entries(1), recorder.tail)
        assert seen == list(range(11, 640))
        assert snapshot.owed() == {"centre": (Owed(LEDGER, 201, 639),)}
        (ledger,) = snapshot.ledgers()
        assert (ledger.next_seq, ledger.lowest, ledger.newest, ledger.rows) == (640, 1, 639, 639)
        assert list(snapshot.entries(OTHER)) == []
        for _ in range(500):
            await store.append(recorder.entries(1), recorder.tail)
        assert (await store.stats()).wal_bytes < 2 * 1024 * 1024
    await store.close()


async def test_what_is_pruned_during_the_reading_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, _ = await started(path, "centre", rows=STEP_ROWS * 3)
    await store.delivered("centre", LEDGER, [(1, STEP_ROWS * 2)])
    with open_snapshot(path) as snapshot:
        reading = snapshot.entries(LEDGER)
        seen = [next(reading).seq]
        await store.prune(NOON_MS + 100 * DAY_MS)
        seen += [entry.seq for entry in reading]
    assert seen == [*range(1, STEP_ROWS + 1), *range(STEP_ROWS * 2 + 1, STEP_ROWS * 3 + 1)]
    await store.close()


async def test_a_stopped_store_is_read_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, recorder = await started(path, "centre", rows=3)
    await store.append([], recorder.tail, {"boots": b"4"})
    fresh = Recorder(OTHER)
    await store.begin(fresh.tail)
    await store.close()
    before = path.read_bytes()
    with open_snapshot(path) as snapshot:
        assert [(held.ledger, held.rows) for held in snapshot.ledgers()] == [(LEDGER, 3), (OTHER, 0)]
        assert snapshot.notes() == {"boots": b"4"}
        assert [entry.seq for entry in snapshot.entries(LEDGER)] == [1, 2, 3]
    assert path.read_bytes() == before


async def test_a_store_on_a_read_only_medium_is_read_and_nothing_is_put_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    store, _ = await started(path, "centre", rows=3)
    await store.close()
    beside = set(tmp_path.iterdir())
    monkeypatch.setattr("buffer.snapshot.os.access", lambda _path, _mode: False)
    with open_snapshot(path) as snapshot:
        assert [entry.seq for entry in snapshot.entries(LEDGER)] == [1, 2, 3]
    assert set(tmp_path.iterdir()) == beside


async def test_after_a_crash_the_log_is_read_and_left_for_the_agent(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", "centre", rows=3)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("ledger.db", "ledger.db-wal"):
        shutil.copy(tmp_path / name, crashed / name)
    await store.close()
    log = (crashed / "ledger.db-wal").read_bytes()
    with open_snapshot(crashed / "ledger.db") as snapshot:
        assert [entry.seq for entry in snapshot.entries(LEDGER)] == [1, 2, 3]
    assert (crashed / "ledger.db-wal").read_bytes() == log
    store = await open_store(crashed / "ledger.db", "centre")
    assert store.tail is not None
    assert store.tail.next_seq == 4
    await store.close()


async def test_it_cannot_write(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", rows=1)
    with open_snapshot(tmp_path / "ledger.db") as snapshot, pytest.raises(sqlite3.OperationalError):
        snapshot._conn.execute("DELETE FROM entry")
    await store.close()


async def test_a_wrong_path_is_one_clear_line(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreBroken, match=r"ledger\.db is not there; check \[buffer\] path"),
        open_snapshot(tmp_path / "ledger.db"),
    ):
        pass
    (tmp_path / "notes.txt").write_text("no database " * 1000)
    with pytest.raises(StoreForeign, match="is not a SQLite database"), open_snapshot(tmp_path / "notes.txt"):
        pass
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE their (own TEXT)")
    with pytest.raises(StoreForeign, match="not a Tram store"), open_snapshot(tmp_path / "other.db"):
        pass


async def test_a_file_that_waits_for_a_newer_agent_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = await started(tmp_path / "ledger.db", rows=1)
    await store.close()
    monkeypatch.setattr("buffer.snapshot.is_outdated", lambda _conn: True)
    with (
        pytest.raises(StoreForeign, match="older version of Tram; start the agent once"),
        open_snapshot(tmp_path / "ledger.db"),
    ):
        pass


async def test_damage_found_while_reading_is_said(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, recorder = await started(path, rows=300)
    await store.close()
    damaged = bytearray(path.read_bytes())
    page = damaged.index(recorder.tail.ledger + (250).to_bytes(8)) // 4096 * 4096
    damaged[page : page + 200] = b"\xff" * 200
    path.write_bytes(damaged)
    with open_snapshot(path) as snapshot:
        reading = snapshot.entries(LEDGER)
        assert [next(reading).seq for _ in range(STEP_ROWS)] == list(range(1, STEP_ROWS + 1))
        with pytest.raises(StoreBroken, match="the file is damaged"):
            next(reading)
