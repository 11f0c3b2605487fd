"""The centre in trouble, and the centre before it knows the station."""

from pathlib import Path

import pytest

from central.stations import stations
from telemetry.bodies import BootReason
from telemetry.record import Kind
from tests.system.patience import until
from tests.system.station import Station, station_at

pytestmark = pytest.mark.system


def test_a_centre_killed_between_commit_and_receipt_loses_nothing(tmp_path: Path) -> None:
    with station_at(tmp_path, every_ms=100) as station:
        station.trust()
        station.describe(station.receipted())
        station.start()
        until(station.rows, "records in the store")
        until(lambda: _receipted(station), "a first receipt")
        committed = until(lambda: _committed_and_not_receipted(station), "records without a receipt")
        assert station.stage.centre is not None
        station.stage.centre.kill()
        assert committed <= station.at_the_centre()
        held = station.rows()
        station.stage.start_centre()
        everything = {row.envelope for row in held}
        until(lambda: everything <= station.at_the_centre(), "all that was signed before the kill")
        until(lambda: _receipted(station) >= held[-1].seq, "a receipt for all of it")
        (summary,) = stations(station.stage.centre_folder)
        assert summary.findings == ()
        assert summary.rejected == 0


def _receipted(station: Station) -> int:
    """The newest seq of which nothing older is owed any more."""
    owed = station.owed("centre")
    return min((part.first for part in owed), default=station.rows()[-1].seq + 1) - 1


def _committed_and_not_receipted(station: Station) -> set[bytes]:
    here = station.at_the_centre()
    receipted = _receipted(station)
    return {row.envelope for row in station.rows() if row.seq > receipted and row.envelope in here}


def test_of_an_unknown_station_only_its_boot_is_kept_and_all_arrives_once_it_is_enrolled(
    tmp_path: Path,
) -> None:
    with station_at(tmp_path) as station:
        station.describe(station.receipted())
        station.start()
        stranger = until(lambda: stations(station.stage.centre_folder), "a stranger at the centre")[0]
        assert (stranger.station, stranger.enrolled, stranger.ledgers) == (station.name, False, ())
        station.grows()
        assert station.at_the_centre() == set()
        assert station.destination("centre")["owed"] == len(station.rows())
        station.stage.enrol(station.name, station.key)
        station.arrives()
        first = station.records()[0]
        assert (first.seq, first.kind) == (1, Kind.BOOT)
        assert station.boots()[0].reason == BootReason.ENROLMENT
        (summary,) = stations(station.stage.centre_folder)
        assert summary.enrolled
        assert summary.findings == ()
