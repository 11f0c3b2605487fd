"""What the centre says of its stations, read beside the running one."""

import json
from pathlib import Path

import pytest

from central.acknowledge import acknowledge
from central.errors import Busy, CentreError, FolderError
from central.folder import alone
from central.restore import restored
from central.stations import as_json, stations
from central.verify import verify
from telemetry.keys import fingerprint
from tests.central.gateway import Gateway
from tests.central.world import World

TEN_MINUTES_MS = 10 * 60_000


def test_a_stopped_centre_on_a_read_only_medium_is_read_and_nothing_is_put_beside_it(
    world: World, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.live(gateway.station, *gateway.day(3))
    world.stop()
    beside = set(world.folder.path.iterdir())
    monkeypatch.setattr("central.snapshot.os.access", lambda _path, _mode: False)
    (station,) = stations(world.folder.path)
    assert (station.station, station.verified) == ("NUO001", 5)
    (report,) = verify(world.folder.path, "NUO001")
    assert report.is_proven
    assert set(world.folder.path.iterdir()) == beside
    world.start()


def test_a_running_centre_is_read_with_its_log_from_a_folder_that_is_not_ours(
    world: World, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.snapshot.os.access", lambda _path, _mode: False)
    world.live(gateway.station, *gateway.day(3))
    (station,) = stations(world.folder.path)
    assert station.verified == 5


def test_a_station_in_good_order(world: World, gateway: Gateway) -> None:
    day = gateway.day(3)
    world.live(gateway.station, *day)
    world.past(gateway.station, day[4])
    world.head(gateway)
    sent = world.receipt()
    (station,) = stations(world.folder.path)
    assert (station.station, station.enrolled, station.open_findings) == ("NUO001", True, 0)
    assert (station.received, station.verified, station.replayed, station.rejected) == (6, 5, 1, 0)
    assert station.last_seen_ms == world.now.wall_ms
    (ledger,) = station.ledgers
    assert (ledger.signed, ledger.verified, ledger.through, ledger.missing) == (5, 5, 5, 0)
    assert (ledger.receipt_number, ledger.receipt_through) == (sent.number, 5)
    assert json.loads(as_json([station]))[0]["ledgers"][0]["ledger"] == gateway.ledger.hex()


def test_missing_records_are_pending_or_in_a_hole(world: World, gateway: Gateway) -> None:
    day = gateway.day(8)
    world.live(gateway.station, *day[:3], *day[4:6], day[9])
    world.head(gateway, owed=[(7, 9)])
    world.pass_ms(TEN_MINUTES_MS)
    world.look()
    (station,) = stations(world.folder.path)
    (ledger,) = station.ledgers
    assert (ledger.through, ledger.missing, ledger.pending, ledger.holes) == (3, 4, 3, 1)
    (finding,) = station.findings
    assert (finding.what, finding.seq, finding.is_open) == ("hole", 4, True)


def test_who_waits_to_be_enrolled_stands_at_the_end_with_the_key_to_compare(
    world: World, gateway: Gateway
) -> None:
    new = Gateway("AAA001")
    world.live(new.station, new.boot())
    enrolled, waiting = stations(world.folder.path)
    assert (enrolled.station, enrolled.ledgers, enrolled.last_seen_ms) == ("NUO001", (), None)
    assert (waiting.station, waiting.enrolled) == ("AAA001", False)
    assert waiting.fingerprint == fingerprint(new.key.public)


def test_without_a_store_there_is_nothing_to_list(tmp_path: Path) -> None:
    with pytest.raises(FolderError):
        stations(tmp_path)


def test_a_damaged_store_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "stations").mkdir()
    (tmp_path / "central.db").write_bytes(b"not a database" * 500)
    with pytest.raises(FolderError, match="cannot be read"):
        stations(tmp_path)


def test_an_acknowledged_finding_is_open_no_more(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(1), b"\x00", b"\x01")
    (before,) = stations(world.folder.path)
    first, second = (finding.number for finding in before.findings)
    with pytest.raises(CentreError, match="no open finding number 99"):
        acknowledge(world.folder.path, gateway.station, [99])
    assert acknowledge(world.folder.path, gateway.station, [first]) == (first,)
    world.look()
    assert stations(world.folder.path)[0].open_findings == 1
    assert acknowledge(world.folder.path, gateway.station) == (second,)
    world.look()
    assert stations(world.folder.path)[0].open_findings == 0
    assert acknowledge(world.folder.path, gateway.station) == ()


def test_a_stored_ledger_is_checked_again_from_its_raw_envelopes(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(5))
    (report,) = verify(world.folder.path, gateway.station)
    assert (report.verified, report.is_proven, report.newest) == ((1, 7), True, 7)
    with pytest.raises(CentreError, match="nothing of station NUO002"):
        verify(world.folder.path, "NUO002")


def test_an_envelope_that_rotted_in_the_store_is_found(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(5))
    world.store._connection.execute("UPDATE envelope SET envelope = zeroblob(9) WHERE seq = 4")
    reports = verify(world.folder.path, gateway.station)
    assert not all(report.is_proven for report in reports)


def test_what_was_signed_twice_is_part_of_the_check(world: World, gateway: Gateway) -> None:
    clone = Gateway()
    world.live(gateway.station, *gateway.day(3))
    clone.day(0)
    world.live(gateway.station, clone.poll(after_ms=7_000))
    (report,) = verify(world.folder.path, gateway.station)
    assert [finding.what.value for finding in report.findings] == ["fork"]


def test_a_restored_store_says_so_with_a_new_id_and_its_numbers_go_on(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(1))
    world.head(gateway)
    before = world.receipt()
    with alone(world.folder), pytest.raises(Busy, match="stop that"):
        restored(world.folder.path)
    world.stop()
    store_id = restored(world.folder.path)
    world.start()
    world.head(gateway)
    after = world.receipt()
    assert (after.store_id.hex(), after.number) == (store_id, before.number + 1)
    assert after.store_id != before.store_id


def test_there_is_nothing_to_restore_without_a_store(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="copy the backup"):
        restored(tmp_path)
