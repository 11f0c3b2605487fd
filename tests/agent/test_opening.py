"""Opening the store whatever its file looks like."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.opening import open_store, quarantine_name
from buffer import database
from buffer.errors import StoreBroken, StoreForeign
from buffer.quarantine import pending
from buffer.store import Store
from telemetry.envelope import RECORD, Sealer
from telemetry.keys import SigningKey
from telemetry.ledger import Ledger
from telemetry.record import Boot, ClockState, Kind, Moment
from tests.agent.hand_clock import NOON
from tests.agent.report import Reported


class Desk:
    """A station's [buffer], and how often its opening was waited for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reported = Reported()
        self.waits: list[float] = []
        self.after_wait: Any = lambda: True

    async def open(self) -> Store | None:
        buffer = SimpleNamespace(path=self.path, quota_bytes=10**7, keep_ms=10**9)
        station: Any = SimpleNamespace(buffer=buffer, destinations=[])
        return await open_store(station, wall_ms=NOON, wait=self._wait, report=self.reported)

    async def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        await asyncio.sleep(0)
        return bool(self.after_wait())


async def test_what_cannot_be_opened_now_is_tried_again_and_said_once(tmp_path: Path) -> None:
    at = Desk(tmp_path / "data" / "ledger.db")
    at.path.parent.write_text("in the way")

    def cleared_at_the_seventh() -> bool:
        if len(at.waits) == 7:
            at.path.parent.unlink()
        return True

    at.after_wait = cleared_at_the_seventh
    store = await at.open()
    assert store is not None
    assert at.waits == [1, 2, 4, 8, 16, 30, 30]
    assert at.reported.events == ["store.unopened"]
    await store.close()


async def test_the_agent_can_be_stopped_while_it_waits(tmp_path: Path) -> None:
    at = Desk(tmp_path / "data" / "ledger.db")
    at.path.parent.write_text("in the way")
    at.after_wait = lambda: False
    assert await at.open() is None


def headless(path: Path) -> bytes:
    """A file of ours that lost its header. Gives the one record in it."""
    sealer = Sealer(SigningKey.from_seed(b"s" * 32), RECORD)
    moment = Moment(NOON, 1, ClockState.SYNCHRONISED, 3)
    sealed = Ledger("BD_1", b"L" * 16).seal(
        Kind.EVENT, b"\xa1\x01\x61x", moment, Boot(1, b"b" * 8), bytes(8), sealer
    )
    path.write_bytes(b"\xff" * 4096 + b"some" + sealed.envelope + bytes(4096))
    return sealed.envelope


async def test_a_file_without_a_header_that_holds_records_is_set_aside(tmp_path: Path) -> None:
    at = Desk(tmp_path / "ledger.db")
    envelope = headless(at.path)
    store = await at.open()
    assert store is not None
    (folder,) = pending(at.path)
    assert folder.name == quarantine_name(NOON) == "20270115T080000Z"
    assert envelope in (folder / "ledger.db").read_bytes()
    assert at.reported.events == ["store.damaged"]
    await store.close()


async def test_a_full_disk_after_a_damaged_file_was_set_aside_makes_no_second_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Desk(tmp_path / "ledger.db")
    headless(at.path)
    make = database.make

    def no_room_for_long(path: Path) -> None:
        make(path)
        if path.parent.joinpath("quarantine").exists() and len(at.waits) < 4:
            raise StoreBroken(f"{path} cannot be made: No space left on device", "free some of the disk")

    monkeypatch.setattr(database, "make", no_room_for_long)
    store = await at.open()
    assert store is not None
    assert len(pending(at.path)) == 1
    assert at.reported.events == ["store.damaged", "store.unopened"]
    await store.close()


async def test_a_damaged_file_that_cannot_be_moved_is_said_once_and_tried_again(tmp_path: Path) -> None:
    at = Desk(tmp_path / "ledger.db")
    headless(at.path)
    (tmp_path / "quarantine").write_text("in the way")

    def cleared_at_the_third() -> bool:
        if len(at.waits) == 3:
            (tmp_path / "quarantine").unlink()
        return True

    at.after_wait = cleared_at_the_third
    store = await at.open()
    assert store is not None
    assert at.waits == [1, 2, 4]
    assert at.reported.events == ["store.damaged", "store.unopened"]
    await store.close()


async def test_a_file_that_never_held_a_record_is_somebody_elses(tmp_path: Path) -> None:
    at = Desk(tmp_path / "ledger.db")
    at.path.write_text("these are the technician's notes\n" * 1000)
    with pytest.raises(StoreForeign):
        await at.open()
    assert at.path.read_text().startswith("these are")


async def test_a_file_of_a_newer_version_is_not_set_aside(tmp_path: Path) -> None:
    at = Desk(tmp_path / "ledger.db")
    store = await at.open()
    assert store is not None
    await store.close()
    with closing(sqlite3.connect(at.path, isolation_level=None)) as newer:
        newer.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('tram-buffer', '0002', 'now')"
        )
    headless(tmp_path / "record")
    with at.path.open("ab") as file:
        file.write((tmp_path / "record").read_bytes())
    with pytest.raises(StoreForeign, match="written by a newer version"):
        await at.open()
    assert pending(at.path) == []
