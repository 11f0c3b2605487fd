"""Stores that were put back, deleted, or copied at a bad moment: a new ledger says so, and nothing is overwritten."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from central.stations import FindingLine, stations
from telemetry.bodies import BootReason
from telemetry.record import Kind
from tests.system.patience import until
from tests.system.station import Station, station_at

pytestmark = pytest.mark.system


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """A gauge, a broker and a centre that trusts the station."""
    with station_at(tmp_path, every_ms=100) as station:
        station.trust()
        station.describe(station.receipted())
        yield station


def test_a_store_put_back_from_an_old_copy_starts_a_ledger_that_names_the_old_one(station: Station) -> None:
    agent = station.start()
    station.grows()
    agent.kill()
    copied = station.rows()
    copy = _copy(station)
    agent = station.start()
    station.grows()
    station.arrives()
    agent.kill()
    _put_back(station, copy)
    station.start()
    old, last = copied[-1].ledger, copied[-1].seq
    until(lambda: station.boots()[-1].reason == BootReason.STORE_RESTORED, "the boot record of a new ledger")
    before = station.boots()[-1].before
    assert before
    assert (before[0], before[1] > last) == (old, True), "the file beside the key knows that it went further"
    assert station.records()[-1].ledger != old
    station.grows()
    station.arrives()
    kinds = {finding.what for finding in _findings(station)}
    assert "new-ledger" in kinds
    assert "fork" not in kinds


def test_a_store_copied_while_it_ran_is_betrayed_by_the_centres_receipt(station: Station) -> None:
    agent = station.start()
    station.grows()
    station.arrives()
    agent.send(signal.SIGSTOP)
    copy = _copy(station)
    copied = station.rows()
    agent.send(signal.SIGCONT)
    station.grows()
    station.arrives()
    agent.kill()
    _put_back(station, copy)
    station.start()
    # The file beside the key was written at the start, before the copy: only the centre knows better.
    boot = until(
        lambda: [b for b in station.boots() if b.reason == BootReason.STORE_RESTORED], "a new ledger"
    )
    assert boot[0].before is not None
    assert boot[0].before[0] == copied[-1].ledger
    fresh = station.records()[-1].ledger
    station.grows()
    until(lambda: station.records()[-1].ledger != copied[-1].ledger, "readings in the new ledger")
    held = {row.envelope for row in station.rows() if row.ledger == fresh}
    until(lambda: held <= station.at_the_centre(), "the new ledger at the centre")
    assert {"new-ledger", "fork"} <= {finding.what for finding in _findings(station)}


def test_a_deleted_store_starts_a_ledger_that_names_the_lost_one(station: Station) -> None:
    agent = station.start()
    station.grows()
    station.arrives()
    agent.stop()
    lost = station.rows()
    shutil.rmtree(station.store.parent)
    station.start()
    (boot,) = until(station.boots, "the boot record of a new ledger")
    assert boot.reason == BootReason.STORE_LOST
    assert boot.before is not None
    assert boot.before[:2] == (lost[-1].ledger, lost[-1].seq)
    station.grows()
    station.arrives()
    configurations = station.records(Kind.CONFIGURATION)
    readings = station.records(Kind.READINGS)
    assert {record.configuration for record in readings} == {configurations[0].configuration}


def _copy(station: Station) -> Path:
    copy = station.folder / "copy"
    shutil.copytree(station.store.parent, copy, ignore=shutil.ignore_patterns("*.sock"))
    return copy


def _put_back(station: Station, copy: Path) -> None:
    shutil.rmtree(station.store.parent)
    copy.rename(station.store.parent)


def _findings(station: Station) -> list[FindingLine]:
    (summary,) = stations(station.stage.centre_folder)
    return list(summary.findings)
