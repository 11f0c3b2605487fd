"""The file of today, and the files of yesterday and tomorrow."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from buffer import database, salvage
from buffer.errors import StoreDamaged, StoreForeign
from buffer.migrations import MIGRATIONS, ledger_entry_span_note
from buffer.schema import APPLICATION_ID, STEPS, applied, is_outdated, key_of, prepare, split_key
from tests.buffer.recorder import LEDGER, Recorder, held, open_store, ranges, started

VERSION_1 = Path(__file__).with_name("version1.sql")


def _file_of_version_1(path: Path) -> None:
    """The dump of a file that the first release wrote: a ledger with five rows, of which 1, 2 and 4 are delivered."""
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA auto_vacuum = INCREMENTAL")
        conn.executescript(VERSION_1.read_text(encoding="utf-8"))
        conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _next_version() -> Migrations:
    later = Migrations(MIGRATIONS.name)
    later(name=STEPS[0])(ledger_entry_span_note)
    later(name="0002_more")(_a_column_more)
    return later


def _a_column_more(db: Database) -> None:
    db.conn.execute("ALTER TABLE entry ADD COLUMN part INTEGER NOT NULL DEFAULT 0")


async def test_a_file_of_version_1_opens_with_all_it_held(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _file_of_version_1(path)
    store, recorder = await open_store(path, "centre"), Recorder()
    batch = recorder.entries(5)
    assert await store.read(LEDGER, 1, 9, max_bytes=10**6, max_rows=9) == batch
    assert (store.tail, store.notes) == (recorder.tail, {"boots": b"7"})
    assert ranges(store, "centre") == [(3, 3), (5, 5)]
    await store.append(recorder.entries(1), recorder.tail)
    assert await held(store) == [1, 2, 3, 4, 5, 6]
    await store.close()


async def test_a_later_version_brings_the_file_up_to_date_and_keeps_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _file_of_version_1(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        assert is_outdated(conn, (*STEPS, "0002_more"))
        prepare(conn, _next_version())
        assert not is_outdated(conn, (*STEPS, "0002_more"))
        assert conn.execute("SELECT count(*), sum(part) FROM entry").fetchone() == (5, 0)
        prepare(conn, _next_version())
        assert applied(conn) == {"0001_ledger_entry_span_note", "0002_more"}


async def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _file_of_version_1(path)
    broken = _next_version()

    @broken(name="0003_broken")
    def _broken(db: Database) -> None:
        db.conn.execute("DELETE FROM entry")
        raise InterruptedError

    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        with pytest.raises(InterruptedError):
            prepare(conn, broken)
        assert conn.execute("SELECT count(*) FROM entry").fetchone() == (5,)


@pytest.mark.parametrize("table", ["_sqlite_migrations", "ledger", "entry", "span", "note"])
async def test_a_file_that_has_lost_a_table_is_damaged(tmp_path: Path, table: str) -> None:
    path = tmp_path / "ledger.db"
    store, _ = await started(path, rows=1)
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute("DELETE FROM sqlite_schema WHERE tbl_name = ?", (table,))
    with pytest.raises(StoreDamaged, match=r"has lost a table|which version of Tram"):
        await open_store(path)


@pytest.mark.parametrize("column", ["envelope BLOB", "wall_ms INTEGER", "device TEXT"])
async def test_a_row_that_has_lost_its_record_or_a_label_is_damage(tmp_path: Path, column: str) -> None:
    path = tmp_path / "ledger.db"
    store, _ = await started(path, rows=1)
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute("UPDATE sqlite_schema SET sql = replace(sql, ? || ' NOT NULL', ?)", (column, column))
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute(f"UPDATE entry SET {column.split(maxsplit=1)[0]} = NULL")
    store = await open_store(path)
    with pytest.raises(StoreDamaged, match="row 1 has lost its record"):
        await store.read(LEDGER, 1, 1, max_bytes=100, max_rows=1)
    await store.close()


async def test_a_row_that_has_lost_its_time_is_not_pruned(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, _ = await started(path, "centre", rows=2)
    await store.delivered("centre", LEDGER, [(1, 2)])
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'wall_ms INTEGER NOT NULL', 'wall_ms INTEGER')"
        )
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("UPDATE entry SET wall_ms = NULL WHERE seq = 1")
    store = await open_store(path, "centre")
    with pytest.raises(StoreDamaged, match="row 1 has lost its time"):
        await store.prune(10**15)
    await store.close()


async def test_an_inventory_that_has_lost_a_number_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, _ = await started(path, rows=1)
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute("UPDATE sqlite_schema SET sql = replace(sql, 'last INTEGER NOT NULL', 'last INTEGER')")
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("UPDATE span SET last = NULL")
    with pytest.raises(StoreDamaged):
        await open_store(path)
    assert salvage.held(salvage.told(path)) == {}


async def test_a_file_from_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, _ = await started(path, rows=1)
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        prepare(conn, _next_version())
    with pytest.raises(
        StoreForeign, match=r"newer version of Tram \(it has 0002_more\); install that version"
    ):
        await open_store(path)


async def test_the_connection_has_the_settings_that_keep_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "ledger.db"
    database.make_folder(path.parent)
    database.make(path)
    database.make(path)
    with closing(database.connect(path, 1_000_000)) as conn:
        expected = {
            "auto_vacuum": 2,
            "journal_mode": "wal",
            "synchronous": 2,
            "wal_autocheckpoint": 256,
            "journal_size_limit": 4 * 1024 * 1024,
            "max_page_count": 244,
            "busy_timeout": 5000,
            "cell_size_check": 1,
            "mmap_size": 0,
            "trusted_schema": 0,
            "page_size": 4096,
            "application_id": APPLICATION_ID,
        }
        found = {name: conn.execute(f"PRAGMA {name}").fetchone() for name in expected}
        assert {name: row[0] if row else 0 for name, row in found.items()} == expected
        strict = dict(conn.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'"))
        assert all(strict[table] for table in ("ledger", "entry", "span", "note"))
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_only_the_owner_can_read_what_lies_beside_the_file(tmp_path: Path) -> None:
    store, _ = await started(tmp_path / "ledger.db", rows=1)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {f"ledger.db{end}": 0o600 for end in ("", "-wal", "-shm", ".lock")}
    await store.close()


@pytest.mark.parametrize("how_far", ["marked", "with the list of steps"])
async def test_a_making_that_was_interrupted_is_finished(tmp_path: Path, how_far: str) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.executescript(database._BEFORE_THE_FIRST_TABLE)
        if how_far == "with the list of steps":
            MIGRATIONS.ensure_migrations_table(Database(conn))
    store, _ = await started(path, rows=1)
    assert await held(store) == [1]
    await store.close()


def test_the_names_of_the_steps_are_those_of_the_steps() -> None:
    """They stand in two places, so that a store that is up to date opens without sqlite-utils."""
    blank = Database(memory=True, recursive_triggers=False, execute_plugins=False)
    assert tuple(step.name for step in MIGRATIONS.pending(blank)) == STEPS
    blank.close()


async def test_a_store_that_is_up_to_date_opens_without_sqlite_utils(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = await started(tmp_path / "ledger.db", rows=2)
    await store.close()
    monkeypatch.setitem(sys.modules, "buffer.migrations", None)
    store = await open_store(tmp_path / "ledger.db")
    assert await held(store) == [1, 2]
    await store.close()


@pytest.mark.pure
def test_ledger_and_seq_are_read_back_from_a_key() -> None:
    assert split_key(key_of(3, (1 << 40) - 1)) == (3, (1 << 40) - 1)
    assert key_of(3, 1) > key_of(2, (1 << 40) - 1)
