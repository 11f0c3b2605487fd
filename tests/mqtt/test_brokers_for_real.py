"""The session against brokers that others wrote: mosquitto and iotcore."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mqtt.broker import Broker, parse_url, tls_context
from mqtt.errors import BrokerUnfit, Lost, MqttError, Refused, TooLarge, Unreachable
from mqtt.local_broker import BrokerProcess
from mqtt.session import connect
from tests.brokers import Iotcore, Mosquitto, iotcore_installed, mosquitto_path
from tests.certificates import Authority, CertFiles

pytestmark = pytest.mark.system


def to(broker: BrokerProcess, client_id: str = "station", **changes: Any) -> Broker:
    address = parse_url(broker.url)
    return Broker(address.host, address.port, client_id, **changes)


@pytest.fixture(params=["iotcore", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Iotcore | Mosquitto]:
    if request.param == "iotcore" and not iotcore_installed():
        pytest.skip("iotcore is not installed")
    broker = Iotcore(tmp_path) if request.param == "iotcore" else Mosquitto(tmp_path)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


async def test_records_go_from_a_station_to_the_centre(broker: Iotcore | Mosquitto) -> None:
    async with connect(to(broker)) as station, connect(to(broker, "centre")) as centre:
        await station.publish("tram/1/S/head/x", b"head", retain=True)
        await centre.subscribe("tram/1/+/head/+", "tram/1/+/live")
        async with asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(station.publish("tram/1/S/live", b"%d" % number, expiry_s=600))
        messages = centre.messages()
        head = await anext(messages)
        assert (head.topic, head.payload, head.retained) == ("tram/1/S/head/x", b"head", True)
        centre.acknowledge(head)
        for number in range(300):
            message = await anext(messages)
            assert (message.payload, message.retained) == (b"%d" % number, False)
            centre.acknowledge(message)


async def test_a_full_batch_fits(broker: Iotcore | Mosquitto) -> None:
    async with connect(to(broker)) as session:
        await session.subscribe("past")
        await session.publish("past", bytes(128 * 1024))
        assert len((await anext(session.messages())).payload) == 128 * 1024


async def test_a_centre_that_acknowledges_nothing_gets_no_more_than_its_window(
    broker: Iotcore | Mosquitto,
) -> None:
    async with connect(to(broker)) as station, connect(to(broker, "centre", incoming_window=5)) as centre:
        await centre.subscribe("live")
        for number in range(12):
            await station.publish("live", b"%d" % number)
        held = [await anext(centre.messages()) for _ in range(5)]
        await centre.publish("other", b"")
        if isinstance(broker, Mosquitto):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await anext(centre.messages())
        for message in held:
            centre.acknowledge(message)
        assert [(await anext(centre.messages())).payload for _ in range(5)] == [b"5", b"6", b"7", b"8", b"9"]


async def test_killing_the_broker_fails_what_waits_at_once_and_a_new_session_works(
    broker: Iotcore | Mosquitto,
) -> None:
    async with connect(to(broker)) as session:
        broker.freeze()
        waiting = [asyncio.create_task(session.publish("t", b"%d" % number)) for number in range(30)]
        await asyncio.sleep(0)
        before = asyncio.get_running_loop().time()
        broker.kill()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(result) for result in results} == {Lost}
        assert asyncio.get_running_loop().time() - before < 1
    with pytest.raises(Unreachable, match="connection refused"):
        async with connect(to(broker)):
            pass
    broker.start()
    async with connect(to(broker, "watcher")) as watcher, connect(to(broker)) as session:
        await watcher.subscribe("t")
        await session.publish("t", b"fresh")
        assert (await anext(watcher.messages())).payload == b"fresh"  # and none of the thirty


async def test_a_frozen_broker_is_noticed_within_two_keepalives(broker: Iotcore | Mosquitto) -> None:
    async with connect(to(broker, keepalive_s=1)) as session:
        broker.freeze()
        before = asyncio.get_running_loop().time()
        with pytest.raises(Lost, match="stopped answering"):
            await session.publish("t", b"")
        assert asyncio.get_running_loop().time() - before < 2 * 1 + 1.5
    with pytest.raises(Unreachable, match=r"no MQTT answer in 0.2 s"):
        async with connect(to(broker, connect_timeout_s=0.2)):
            pass


async def test_a_second_client_of_the_same_name_takes_over_and_the_first_is_told(
    mosquitto_broker: Mosquitto,
) -> None:
    async with connect(to(mosquitto_broker)) as first, connect(to(mosquitto_broker)) as second:
        with pytest.raises(Lost, match='two clients with the id "station"'):  # 2.0.11 gives no reason code
            await anext(first.messages())
        await second.publish("t", b"")


async def test_mosquittos_limits_are_read_and_kept(tmp_path: Path) -> None:
    mosquitto = Mosquitto(tmp_path, max_inflight=3, max_packet_size=50_000)
    try:
        mosquitto.start()
        async with connect(to(mosquitto)) as session:
            assert (session.receive_maximum, session.maximum_packet_bytes) == (3, 50_000)
            with pytest.raises(TooLarge):
                await session.publish("t", bytes(50_000))
            async with asyncio.TaskGroup() as group:
                for _ in range(50):
                    group.create_task(session.publish("t", bytes(1000)))
    finally:
        mosquitto.close()


async def test_a_mosquitto_with_small_packets_is_unfit(tmp_path: Path) -> None:
    mosquitto = Mosquitto(tmp_path, max_packet_size=20_000)
    try:
        mosquitto.start()
        with pytest.raises(BrokerUnfit, match="packets of 20000 bytes"):
            async with connect(to(mosquitto)):
                pass
    finally:
        mosquitto.close()


async def test_a_limit_that_is_not_announced_shows_as_an_error_of_that_publish(tmp_path: Path) -> None:
    mosquitto = Mosquitto(tmp_path, message_size_limit=1000)
    try:
        mosquitto.start()
        async with connect(to(mosquitto)) as session:
            assert session.maximum_packet_bytes is None
            with pytest.raises((Lost, Refused)):
                await session.publish("t", bytes(2000))
    finally:
        mosquitto.close()


async def test_mosquittos_access_list_refuses_the_publish_and_the_session_goes_on(tmp_path: Path) -> None:
    acl = "user S\ntopic readwrite tram/1/S/#\n"
    mosquitto = Mosquitto(tmp_path, acl=acl, users={"S": "secret"})
    try:
        mosquitto.start()
        async with connect(to(mosquitto, username="S", password="secret")) as session:
            with pytest.raises(Refused, match="not authorized") as refused:
                await session.publish("tram/1/other/live", b"forged")
            assert refused.value.reason_code == 0x87
            await session.publish("tram/1/S/live", b"record")
        for password in ("wrong", None):
            with pytest.raises(Refused, match="connection refused"):
                async with connect(to(mosquitto, username="S", password=password)):
                    pass
    finally:
        mosquitto.close()


# TLS


class Fleet:
    """A mosquitto that demands client certificates, and what a station needs to get in."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "pki")
        self.client = self.authority.issue("station")
        self.folder = folder

    def mosquitto(self, certificate: CertFiles, **options: Any) -> Mosquitto:
        return Mosquitto(self.folder / "mosquitto", tls=certificate, **options)


async def _attempt(broker: Broker) -> None:
    async with connect(broker) as session:
        await session.publish("t", bytes(100_000))


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    if mosquitto_path() is None:
        pytest.skip("mosquitto is not installed")
    return Fleet(tmp_path)


async def _against(mosquitto: Mosquitto, **changes: Any) -> MqttError | None:
    try:
        mosquitto.start()
        await _attempt(to(mosquitto, **changes))
    except MqttError as error:
        return error
    finally:
        mosquitto.close()
    return None


async def test_a_client_certificate_lets_a_station_in(fleet: Fleet) -> None:
    mosquitto = fleet.mosquitto(fleet.authority.issue("broker", "localhost"), client_ca=fleet.authority.ca)
    tls = tls_context(fleet.authority.ca, fleet.client.cert, fleet.client.key)
    try:
        mosquitto.start()
        async with connect(to(mosquitto, tls=tls)) as session:
            await session.subscribe("t")
            async with asyncio.TaskGroup() as group:
                for _ in range(20):
                    group.create_task(session.publish("t", bytes(100_000)))
            for _ in range(20):
                message = await anext(session.messages())
                assert len(message.payload) == 100_000
                session.acknowledge(message)
    finally:
        mosquitto.close()


async def test_a_missing_client_certificate_is_named_and_not_a_timeout(fleet: Fleet) -> None:
    mosquitto = fleet.mosquitto(fleet.authority.issue("broker", "localhost"), client_ca=fleet.authority.ca)
    mosquitto.start()
    try:
        for _ in range(20):  # the alert and our first bytes race
            with pytest.raises(Unreachable, match="demands a client certificate: set `cert`"):
                await _attempt(to(mosquitto, tls=tls_context(fleet.authority.ca)))
    finally:
        mosquitto.close()


async def test_a_client_certificate_of_another_authority_is_named(fleet: Fleet, tmp_path: Path) -> None:
    mosquitto = fleet.mosquitto(fleet.authority.issue("broker", "localhost"), client_ca=fleet.authority.ca)
    stranger = Authority(tmp_path / "other", "stranger").issue("station")
    error = await _against(mosquitto, tls=tls_context(fleet.authority.ca, stranger.cert, stranger.key))
    assert isinstance(error, Unreachable)
    assert "does not accept our certificate" in str(error)


@pytest.mark.parametrize(
    ("hosts", "days", "words"),
    [
        (("localhost",), (-10.0, -1.0), "has expired"),
        (("localhost",), (1.0, 10.0), "not yet valid: check the station's clock"),
        (("elsewhere.example",), (-1.0, 10.0), "for another host name"),
    ],
)
async def test_a_bad_broker_certificate_is_refused_in_words(
    fleet: Fleet, hosts: tuple[str, ...], days: tuple[float, float], words: str
) -> None:
    certificate = fleet.authority.issue("broker", *hosts, from_days=days[0], to_days=days[1])
    error = await _against(fleet.mosquitto(certificate), tls=tls_context(fleet.authority.ca))
    assert isinstance(error, Unreachable)
    assert words in str(error)


async def test_a_broker_of_another_authority_is_not_trusted(fleet: Fleet, tmp_path: Path) -> None:
    impostor = Authority(tmp_path / "other", "impostor").issue("broker", "localhost")
    for ca in (fleet.authority.ca, None):
        error = await _against(fleet.mosquitto(impostor), tls=tls_context(ca))
        assert isinstance(error, Unreachable)
        assert "not from the authority that we trust" in str(error)


async def test_tls_and_plain_ports_mixed_up_are_named(fleet: Fleet, tmp_path: Path) -> None:
    error = await _against(
        Mosquitto(tmp_path / "plain"), tls=tls_context(fleet.authority.ca), connect_timeout_s=1
    )
    assert isinstance(error, Unreachable)
    error = await _against(fleet.mosquitto(fleet.authority.issue("broker", "localhost")), connect_timeout_s=1)
    assert isinstance(error, Unreachable)
    assert "mqtts://" in str(error)
