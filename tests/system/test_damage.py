"""A damaged ledger file, under a running and under a stopped station: polling goes on, and what was signed is saved."""

import random
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.rehearsal import Process
from buffer.quarantine import MARK
from telemetry.bodies import BootReason
from telemetry.loss import RecoveryBody
from telemetry.record import Kind
from tests.system.patience import until
from tests.system.station import Station, station_at

pytestmark = pytest.mark.system

PAGE = 4096


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """Two gauges, a broker and a centre that trusts the station."""
    with station_at(tmp_path, gauges=2, every_ms=100) as station:
        station.trust()
        station.describe(station.receipted())
        yield station


def header_destroyed(file: Path) -> None:
    with file.open("r+b") as damaged:
        damaged.write(bytes(100))


def bits_flipped(file: Path) -> None:
    """In the first page, where SQLite finds everything else."""
    rng = random.Random(1)
    with file.open("r+b") as damaged:
        page = bytearray(damaged.read(PAGE))
        for at in rng.sample(range(100, PAGE), 400):
            page[at] ^= 1 << rng.randrange(8)
        damaged.seek(0)
        damaged.write(page)


def overwritten(file: Path) -> None:
    with file.open("r+b") as damaged:
        damaged.write(b"\xff" * PAGE)


def emptied(file: Path) -> None:
    with file.open("r+b") as damaged:
        damaged.truncate(0)


def _quarantined(station: Station) -> list[Path]:
    return sorted((station.store.parent / "quarantine").glob("*/"))


def _recovered(station: Station) -> list[RecoveryBody]:
    return [RecoveryBody.decode(record.body) for record in station.records(Kind.RECOVERY)]


def _offline(station: Station) -> tuple[Process, set[bytes]]:
    """A station that nobody can hear, and what it has signed."""
    agent = station.start()
    station.arrives()
    station.stage.broker.stop()
    station.grows(20)
    return agent, {row.envelope for row in station.rows()}


def _is_all_at_the_centre(station: Station, signed: set[bytes]) -> None:
    until(
        lambda: _quarantined(station) and (_quarantined(station)[0] / MARK).exists(),
        "the salvage done",
        within_s=30,
    )
    station.stage.broker.start()
    until(lambda: signed <= station.at_the_centre(), "all that was signed at the centre", within_s=30)
    (recovery,) = _recovered(station)
    assert recovery.salvaged > 0
    assert recovery.lost == ()
    assert recovery.quarantined == _quarantined(station)[0].name
    assert [boot.reason for boot in station.boots()][-1] == BootReason.QUARANTINE
    station.grows()
    station.arrives(within_s=30)


@pytest.mark.parametrize("damage", [header_destroyed, bits_flipped, overwritten])
def test_under_a_stopped_station(station: Station, damage: Callable[[Path], None]) -> None:
    agent, signed = _offline(station)
    agent.stop()
    signed |= {row.envelope for row in station.rows()}
    ledger, last = station.rows()[-1].ledger, station.rows()[-1].seq
    damage(station.store)
    station.start()
    station.grows()
    boot = station.boots()[-1]
    assert boot.before is not None
    assert boot.before[:2] == (ledger, last)
    _is_all_at_the_centre(station, signed)


def test_under_a_killed_station_whose_file_is_empty_and_whose_log_is_not(station: Station) -> None:
    agent, signed = _offline(station)
    agent.kill()
    log = station.store.with_name("ledger.db-wal").read_bytes()
    in_log = {envelope for envelope in signed if envelope in log}
    assert in_log
    emptied(station.store)
    station.start()
    station.grows()
    until(
        lambda: _quarantined(station) and (_quarantined(station)[0] / MARK).exists(),
        "the salvage done",
        within_s=30,
    )
    assert (_quarantined(station)[0] / "ledger.db-wal").read_bytes() == log
    station.stage.broker.start()
    until(lambda: in_log <= station.at_the_centre(), "what was in the log at the centre", within_s=30)


def test_under_a_running_station(station: Station) -> None:
    agent, _ = _offline(station)
    agent.send(signal.SIGSTOP)
    # Another file under the same name: SQLite opens it, where it would go on with what it has in memory.
    copy = station.folder / "copy"
    shutil.copytree(station.store.parent, copy, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
    signed = {row.envelope for row in station.rows()}
    with closing(sqlite3.connect(copy / "ledger.db")) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    overwritten(copy / "ledger.db")
    for part in ("-wal", "-shm"):
        station.store.with_name(f"ledger.db{part}").unlink()
    (copy / "ledger.db").rename(station.store)
    agent.send(signal.SIGCONT)
    until(lambda: _quarantined(station), "the file set aside", within_s=30)
    station.grows()
    _is_all_at_the_centre(station, signed)
