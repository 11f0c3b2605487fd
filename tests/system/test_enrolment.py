"""A station meets its centre."""

from pathlib import Path

import pytest

from telemetry import keyfile
from tests.system.patience import until
from tests.system.station import destination, station_at

pytestmark = pytest.mark.system


def test_a_station_that_was_tried_without_a_centre_is_enrolled_by_a_reload_and_brings_all_it_has(
    tmp_path: Path,
) -> None:
    with station_at(tmp_path, centre=False) as station:  # as the README goes: first ack = "broker"
        station.describe(destination("centre", station.stage.broker.url, ack="broker"))
        agent = station.start()
        station.grows()
        until(lambda: not station.owed("centre"), "everything taken by the broker", within_s=15)
        station.stage.start_centre()
        station.describe(station.receipted())
        station.reload(agent)
        station.stage.enrol(station.name, station.key)
        station.arrives()
        assert len(station.boots()) == 1


def test_a_backlog_survives_the_exchange_of_the_stations_key(tmp_path: Path) -> None:
    with station_at(tmp_path) as station:
        station.trust()
        station.describe(station.receipted())
        agent = station.start()
        station.arrives()
        station.stage.broker.stop()
        station.grows()
        agent.stop()
        keyfile.create(station.key.with_name("new.pem"))
        station.key.with_name("new.pem").replace(station.key)
        station.stage.broker.start()
        centre = station.stage.centre
        until(lambda: centre and centre.said().count("ready:") == 2, "the centre back at the broker")
        station.start()
        station.stage.enrol(station.name, station.key, "--replace")
        station.arrives(within_s=60)
        until(lambda: station.destination("centre").get("owed", 99) < 5, "receipts for both ledgers")
        assert len({row.ledger for row in station.rows()}) == 2
