"""What can be got out of a damaged file: all that the damage did not hit, and nothing that was never there."""

import random
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from buffer import operations, quarantine, salvage
from buffer.errors import StoreBroken, StoreDamaged, StoreForeign, StoreFull
from tests.buffer.recorder import LEDGER, OTHER, Recorder, held, open_store, ranges, started

PAGE = 4096
LARGE = 20_000


def find(page: bytes) -> Iterator[tuple[int, int]]:
    """Envelopes of `Recorder`: the ledger's name, and a length that follows from the seq."""
    for found in re.finditer(re.escape(LEDGER) + b"(.{8})", page, re.DOTALL):
        yield found.start(), size_of(int.from_bytes(found[1]))


def size_of(seq: int) -> int:
    return LARGE if seq % 50 == 0 else 300


def seq_of(envelope: bytes) -> int:
    return int.from_bytes(envelope[len(LEDGER) : len(LEDGER) + 8])


def truth(rows: int = 400) -> set[bytes]:
    """Every envelope that was written: stands for the signature."""
    recorder = Recorder()
    return {recorder.entry(size=size_of(seq)).envelope for seq in range(1, rows + 1)}


async def written(folder: Path, rows: int = 400, *, stop: bool = True) -> Path:
    """A store with so many rows; every fiftieth does not fit a page. Not stopped: the newest are in the log."""
    file = folder / "ledger.db"
    store, recorder = await started(file, "centre")
    entries = [recorder.entry(size=size_of(seq)) for seq in range(1, rows + 1)]
    await store.append(entries[: rows // 2], recorder.tail._replace(next_seq=rows // 2 + 1, prev=bytes(32)))
    await store.append(entries[rows // 2 :], recorder.tail)
    aside = folder / "aside"
    aside.mkdir()
    if stop:
        await store.close()
    for part in quarantine.PARTS[:2]:
        if (source := file.with_name(file.name + part)).exists():
            shutil.copy(source, aside)
    if not stop:
        await store.close()
    return aside / file.name


def saved(file: Path) -> set[int]:
    """Every seq that is found and true."""
    found = [*salvage.selected(file), *salvage.carved(file, find)]
    return {seq_of(envelope) for envelope in truth().intersection(found)}


@pytest.mark.parametrize("stop", [True, False], ids=["stopped", "killed"])
async def test_without_its_header_nothing_is_missing(tmp_path: Path, stop: bool) -> None:
    file = await written(tmp_path, stop=stop)
    with file.open("r+b") as damaged:
        damaged.write(bytes(PAGE))
    assert saved(file) == set(range(1, 401))
    assert salvage.held(salvage.told(file)) == (
        {} if stop else {LEDGER: ((1, 400),)}
    )  # the log has a first page as well


async def test_a_sound_file_is_read_by_queries_alone(tmp_path: Path) -> None:
    file = await written(tmp_path, stop=False)
    assert {seq_of(envelope) for envelope in salvage.selected(file)} == set(range(1, 401))
    assert salvage.held(salvage.told(file)) == {LEDGER: ((1, 400),)}


async def test_around_a_damaged_page_all_others_are_read(tmp_path: Path) -> None:
    file = await written(tmp_path)
    damaged = bytearray(file.read_bytes())
    page = damaged.index(LEDGER + (123).to_bytes(8)) // PAGE * PAGE
    before = bytes(damaged[page : page + PAGE])
    hit = {seq_of(before[at:]) for at, _ in find(before)}
    damaged[page : page + PAGE] = random.Random(3).randbytes(PAGE)
    file.write_bytes(damaged)
    by_query = {seq_of(envelope) for envelope in salvage.selected(file)}
    assert by_query == set(range(1, 401)) - hit
    assert 123 in hit
    assert len(hit) < 20


async def test_of_a_file_cut_short_the_rest_is_found_in_its_log(tmp_path: Path) -> None:
    file = await written(tmp_path, stop=False)
    file.write_bytes(b"")
    assert saved(file) >= set(range(201, 401))


@pytest.mark.parametrize("seed", range(8))
async def test_flipped_bits_cost_no_more_than_the_rows_they_hit(tmp_path: Path, seed: int) -> None:
    file = await written(tmp_path)
    rng = random.Random(seed)
    damaged = bytearray(file.read_bytes())
    for _ in range(30):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    file.write_bytes(damaged)
    assert len(saved(file)) > 400 - 30 * 8


async def test_the_evidence_is_not_changed(tmp_path: Path) -> None:
    file = await written(tmp_path, stop=False)
    before = {part: file.with_name(file.name + part).read_bytes() for part in ("", "-wal")}
    saved(file)
    salvage.held(salvage.told(file))
    assert {part: file.with_name(file.name + part).read_bytes() for part in ("", "-wal")} == before


def test_a_file_of_notes_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_text("these are the technician's notes\n" * 1000)
    assert not salvage.holds_any(file, find)
    assert saved(file) == set()


async def test_an_empty_file_beside_a_log_is_damage_and_the_log_stays(tmp_path: Path) -> None:
    file = await written(tmp_path, stop=False)
    file.write_bytes(b"")
    log = file.with_name("ledger.db-wal").read_bytes()
    with pytest.raises(StoreDamaged, match="is empty, and its log is not"):
        await open_store(file)
    assert file.with_name("ledger.db-wal").read_bytes() == log
    store = await open_store(file, set_aside="now")
    (folder,) = quarantine.pending(file)
    assert (folder / "ledger.db-wal").read_bytes() == log
    await store.close()


async def test_what_is_set_aside_is_replaced_at_once_and_saved_later(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, recorder = await started(path, "centre", "ministry", rows=20)
    old = await store.read(LEDGER, 1, 20, max_bytes=10**9, max_rows=100)
    found: list[StoreDamaged] = []
    store.damaged = found.append
    await store.close()
    with path.open("r+b") as damaged:
        damaged.write(b"\xff" * 200)
    with pytest.raises(
        StoreForeign
    ):  # nobody's file is moved by mistake: the caller must know that it is ours
        await open_store(path, "centre", "ministry")
    store = await open_store(path, "centre", "ministry", set_aside="one")
    await store.adopt(LEDGER, old[10:])
    other = Recorder(OTHER)
    await store.begin_with(other.entries(3), other.tail)
    await store.adopt(LEDGER, old)
    await store.adopt(LEDGER, old[:5])
    assert await held(store) == list(range(1, 21))
    assert ranges(store, "centre") == ranges(store, "ministry") == [(1, 20)]
    assert store.tail == other.tail
    assert [o.ledger for o in store.owed("centre")] == [LEDGER, OTHER]
    await store.close()
    store = await open_store(path, "centre", "ministry")
    assert await store.hash_at(LEDGER, 20) == recorder.tail.prev
    await store.close()


async def test_a_running_store_notices_tells_and_goes_on_with_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, recorder = await started(path, "centre", rows=300)
    found: list[StoreDamaged] = []
    store.damaged = found.append
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()
    size = path.stat().st_size
    with path.open("r+b") as damaged:
        damaged.write(b"\xff" * size)
    entries = recorder.entries(1)
    with pytest.raises(StoreDamaged):
        await store.append(entries, recorder.tail)
    assert found
    folder = await store.renew("20261124T120000Z")
    assert folder.parent == tmp_path / "quarantine"
    fresh = Recorder(OTHER)
    await store.begin_with(fresh.entries(2), fresh.tail)
    assert ranges(store, "centre", OTHER) == [(1, 2)]
    await store.close()


async def test_a_folder_that_takes_no_quarantine_leaves_all_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store, recorder = await started(path, "centre", rows=3)
    (tmp_path / "quarantine").write_text("in the way")
    with pytest.raises(StoreBroken, match="cannot be moved"):
        await store.renew("now")
    await store.append(recorder.entries(1), recorder.tail)
    assert await held(store) == [1, 2, 3, 4]
    await store.close()


def test_a_log_that_cannot_be_moved_brings_its_database_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, log = tmp_path / "ledger.db", tmp_path / "ledger.db-wal"
    path.write_bytes(b"pages")
    log.write_bytes(b"frames")
    rename = Path.rename

    def stuck(source: Path, target: Path) -> Path:
        if source == log:
            raise OSError(28, "No space left on device")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", stuck)
    with pytest.raises(StoreBroken, match="cannot be moved"):
        quarantine.set_aside(path, "now")
    assert (path.read_bytes(), log.read_bytes()) == (b"pages", b"frames")
    assert quarantine.pending(path) == [], "no empty folder for each try"


@pytest.mark.parametrize("also", ["nothing", "somebody asks meanwhile"])
async def test_no_room_for_the_new_file_is_one_quarantine_however_often_it_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, also: str
) -> None:
    path = tmp_path / "ledger.db"
    store, _ = await started(path, "centre", rows=3)
    address = operations.address
    room = iter([False, False, True])

    def addressed(*args: Any) -> Any:
        if not next(room):
            raise full()
        return address(*args)

    monkeypatch.setattr("buffer.keeper.address", addressed)
    for name in ("one", "two"):
        with pytest.raises(StoreFull):
            await store.renew(name)
        if also != "nothing":
            await store.delivered("centre", LEDGER, [(1, 3)])
    folder = await store.renew("three")
    assert quarantine.pending(path) == [folder]
    assert salvage.held(salvage.told(folder / path.name)) == {LEDGER: ((1, 3),)}
    other = Recorder(OTHER)
    await store.begin_with(other.entries(2), other.tail)
    assert ranges(store, "centre", OTHER) == [(1, 2)]
    await store.close()


def full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def test_a_settled_folder_is_not_pending(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"x")
    one, two = quarantine.set_aside(path, "now"), quarantine.set_aside(path, "now")
    assert [folder.name for folder in quarantine.pending(path)] == ["now", "now-2"]
    quarantine.settle(one, {"saved": 3})
    assert quarantine.pending(path) == [two]


async def test_adopting_into_the_ledger_being_written_is_a_defect(tmp_path: Path) -> None:
    store, recorder = await started(tmp_path / "ledger.db", rows=3)
    with pytest.raises(ValueError, match="is being written"):
        await store.adopt(LEDGER, recorder.entries(1))
    await store.close()
