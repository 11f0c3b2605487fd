"""Flipped bits in the small tables: the file is damaged, or it works; it never goes back, and never stops the agent."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from buffer import salvage
from buffer.errors import StoreDamaged
from buffer.snapshot import open_snapshot
from tests.buffer.recorder import LEDGER, NOON_MS, Recorder, open_store, started

ROWS, PAGE, HEADER = 205, 4096, 100


async def written(path: Path) -> dict[str, int]:
    """A store with rows and notes at rest; the first page of each table."""
    store, recorder = await started(path, "centre", "ministry", rows=ROWS - 5)
    await store.append(recorder.entries(5), recorder.tail, {"boots": b"12345678", "clean": b"\x01"})
    await store.close()
    with closing(sqlite3.connect(path)) as conn:
        roots = conn.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0")
        return {"sqlite_schema": 1, **dict(roots)}


@pytest.mark.parametrize("table", ["sqlite_schema", "ledger", "span", "note"])
async def test_a_flipped_bit_is_damage_or_costs_nothing_that_was_signed(tmp_path: Path, table: str) -> None:
    path = tmp_path / "ledger.db"
    pages = await written(path)
    sound, outcomes = path.read_bytes(), set()
    start = (pages[table] - 1) * PAGE
    used = [at for at in range(start + (HEADER if not start else 0), start + PAGE) if sound[at]]
    for seed in range(60):
        rng, damaged = random.Random(seed), bytearray(sound)
        for at in rng.sample(used, rng.choice((1, 1, 2, 6))):
            damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        if seed % 30 == 0:
            next(salvage.selected(path), None)
        outcomes.add(await _opened(path))
    assert outcomes <= {"damaged", "works"}


async def _opened(path: Path) -> str:
    salvage.held(salvage.told(path))
    try:
        store = await open_store(path, "centre", "ministry")
    except StoreDamaged:
        path.with_name("ledger.db-wal").unlink(missing_ok=True)
        return "damaged"
    async with store:
        assert store.tail is not None
        assert store.tail.next_seq == ROWS + 1, "other content under a used seq"
        recorder = Recorder()
        recorder.tail = store.tail
        await store.append(recorder.entries(2), recorder.tail)
        await store.stats()
        await store.prune(NOON_MS)
        assert list(store.owed("centre"))
    return "works"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger SET next_seq = 70",
        "UPDATE ledger SET next_seq = 65741",
        "DELETE FROM ledger",
        "UPDATE span SET first = 2 WHERE owner = ''",
        "DELETE FROM span",
        "DELETE FROM _sqlite_migrations",
        "UPDATE _sqlite_migrations SET name = '0001_ledgez_entry_span_note'",
    ],
)
async def test_tables_that_contradict_each_other_are_damage(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "ledger.db"
    await written(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute(sql)
    with pytest.raises(StoreDamaged):
        await open_store(path, "centre", "ministry")


async def test_a_device_with_a_flipped_bit_does_not_hide_its_record(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await written(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("UPDATE entry SET device = CAST(x'f068' AS TEXT) WHERE key & 1023 = 7")
    store = await open_store(path, "centre", "ministry")
    (entry,) = await store.read(LEDGER, 7, 7, max_bytes=1, max_rows=1)
    assert (entry.seq, entry.device) == (7, "\ufffdh")
    with open_snapshot(path) as snapshot:
        assert len(list(snapshot.entries(LEDGER))) == ROWS
    await store.close()
