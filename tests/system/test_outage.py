"""Brokers that go away, come back, refuse and throw out: what is signed is kept, and arrives as soon as it can."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mqtt.local_broker import BrokerProcess
from telemetry.record import Kind
from tests.brokers import Iotcore, Mosquitto, iotcore_installed
from tests.certificates import Authority
from tests.system.patience import until
from tests.system.station import Station, destination, station_at

pytestmark = pytest.mark.system


def _iotcore(folder: Path) -> BrokerProcess:
    if not iotcore_installed():
        pytest.skip("iotcore is not installed")
    return Iotcore(folder)


@pytest.mark.parametrize(
    ("broker", "end"),
    [
        pytest.param(_iotcore, BrokerProcess.stop, id="iotcore-stopped"),
        pytest.param(Mosquitto, BrokerProcess.kill, id="mosquitto-killed"),
    ],
)
def test_what_is_signed_during_an_outage_arrives_after_it(
    tmp_path: Path, broker: Callable[[Path], BrokerProcess], end: Callable[[BrokerProcess], None]
) -> None:
    with station_at(tmp_path, broker(tmp_path / "broker"), every_ms=100) as station:
        station.trust()
        station.describe(station.receipted())
        station.start()
        station.arrives()
        end(station.stage.broker)
        station.grows()
        assert station.destination("centre")["owed"] >= 5
        assert not station.destination("centre")["connected"]
        station.stage.broker.start()
        station.arrives()
        assert len(station.boots()) == 1


def test_a_destination_that_is_dead_for_ever_costs_the_other_nothing(tmp_path: Path) -> None:
    dead = Iotcore(tmp_path / "dead")  # it holds its port and never listens there
    try:
        with station_at(tmp_path) as station:
            station.trust()
            nowhere = destination("dead", dead.url, ack="broker")
            station.describe(nowhere, station.receipted())
            station.start()
            station.arrives()
            station.grows()
            station.arrives()
            until(lambda: station.destination("centre")["owed"] < 10, "receipts of the living destination")
            assert station.destination("dead")["owed"] >= station.readings()
            assert "refuse" in str(station.destination("dead")["trouble"])
    finally:
        dead.close()


def test_a_broker_with_client_certificates_takes_records_only_from_who_shows_one(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    ours = authority.issue("gateway")
    broker = Mosquitto(
        tmp_path / "broker", tls=authority.issue("broker", "localhost"), client_ca=authority.ca
    )
    with station_at(tmp_path, broker, centre=False) as station:
        ca = f'"{authority.ca}"'
        station.describe(destination("authority", broker.url, ack="broker", ca=ca))
        agent = station.start()
        until(lambda: station.destination("authority").get("trouble"), "a refusal")
        until(lambda: station.readings() >= 3, "readings")
        assert station.destination("authority")["owed"] >= 3
        more = {"cert": f'"{ours.cert}"', "cert_key": f'"{ours.key}"'}
        station.describe(destination("authority", broker.url, ack="broker", ca=ca, **more))
        station.reload(agent)
        until(lambda: station.destination("authority").get("owed") == 0, "everything at the broker")
        assert "a PUBACK of the broker counts as delivery" in station.destination("authority")["alarm"]


def test_a_topic_that_the_broker_forbids_is_an_alarm_in_the_status(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", acl="topic write tram/1/+/head/+\n")
    with station_at(tmp_path, broker, centre=False) as station:
        station.describe(destination("authority", broker.url, ack="broker"))
        station.start()
        until(lambda: "refused" in str(station.destination("authority").get("alarm")), "an alarm")
        shown = station.stage.tram("status", str(station.file)).stdout
        assert "! authority" in shown
        assert f"tram/1/{station.name}/" in shown
        assert "not authorized" in shown.lower()
        station.grows()


def test_a_broker_that_takes_only_small_packets_is_refused_with_the_limit_to_raise(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", max_packet_size=20_000)
    with station_at(tmp_path, broker, centre=False) as station:
        station.describe(destination("authority", broker.url, ack="broker"))
        station.start()
        alarm = until(lambda: _unfit(station), "an alarm")
        assert "20000" in alarm
        assert "raise its maximum packet size" in alarm


def _unfit(station: Station) -> str:
    alarm = str(station.destination("authority").get("alarm"))
    return alarm if "packet" in alarm else ""


def test_batches_shrink_below_a_limit_that_the_broker_does_not_announce(tmp_path: Path) -> None:
    limit = 5_000
    broker = Mosquitto(tmp_path / "broker", message_size_limit=limit)
    with station_at(tmp_path, broker, gauges=0) as station:
        station.trust()
        station.lines = [station.plant.tcp(f"gauge{n}", every_ms=100) for n in range(6)]
        station.describe(station.receipted())
        broker.stop()
        station.start()
        until(lambda: sum(len(row.envelope) for row in station.rows()) > 2 * limit, "a backlog")
        broker.start()
        station.arrives(within_s=25)
        found = station.destination("centre")
        assert found["batch_bytes"] <= limit
        assert "stopped" not in str(found["alarm"])
        assert Kind.READINGS in {record.kind for record in station.records()}
