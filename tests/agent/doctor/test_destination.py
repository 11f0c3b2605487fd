"""The way to a real broker, with each plug pulled."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.agent.doctor.bench import NAME, WAY, Bench, codes, destination, examined, nobody
from tests.brokers import Iotcore, Mosquitto, iotcore_broker, mosquitto_broker
from tests.certificates import Authority
from tests.fake_broker import FakeBroker, fake_broker

pytestmark = pytest.mark.system

__all__ = ["fake_broker", "iotcore_broker", "mosquitto_broker", "nobody"]

LOGGED_IN = ["ok tcp-ok", "ok login-ok"]
ALL_OK = [*LOGGED_IN, "ok acl-ok", "skipped centre-nothing-signed"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "station")


@contextmanager
def mosquitto(folder: Path, **options: object) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder / "mosquitto", **options)  # type: ignore[arg-type]
    broker.start()
    try:
        yield broker
    finally:
        broker.close()


async def test_a_broker_in_order(bench: Bench, mosquitto_broker: Mosquitto) -> None:
    bench.describe(destination(mosquitto_broker.url))
    assert codes(await examined(bench), WAY) == ALL_OK


async def test_another_brand_of_broker_in_order(bench: Bench, iotcore_broker: Iotcore) -> None:
    bench.describe(destination(iotcore_broker.url))
    assert codes(await examined(bench), WAY) == ALL_OK


async def test_the_broker_is_switched_off(bench: Bench, mosquitto_broker: Mosquitto) -> None:
    bench.describe(destination(mosquitto_broker.url))
    mosquitto_broker.close()
    said = codes(await examined(bench), WAY)
    assert said == ["wrong tcp-refused", "skipped broker-rest", "skipped centre-not-reached"]


async def test_the_broker_hangs(
    bench: Bench, mosquitto_broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel still takes the connection for it."""
    monkeypatch.setattr("agent.doctor.dialling.STEP_S", 1.0)
    bench.describe(destination(mosquitto_broker.url))
    mosquitto_broker.freeze()
    try:
        said = codes(await examined(bench), WAY)
    finally:
        mosquitto_broker.thaw()
    assert said == ["ok tcp-ok", "wrong login-silent", "skipped broker-rest", "skipped centre-not-reached"]


async def test_the_password_is_wrong(bench: Bench, tmp_path: Path) -> None:
    bench.secret("password", "of last year\n")
    account = ('username = "nuo001"', 'password_file = "keys/password"')
    with mosquitto(tmp_path, users={"nuo001": "secret"}) as broker:
        bench.describe(destination(broker.url, *account))
        assert "wrong login-refused" in codes(await examined(bench), WAY)
        bench.secret("password", "secret\n")
        assert codes(await examined(bench), WAY) == ALL_OK


async def test_a_password_that_others_can_read_is_not_sent(bench: Bench, mosquitto_broker: Mosquitto) -> None:
    bench.secret("password", "secret\n").chmod(0o644)
    account = ('username = "nuo001"', 'password_file = "keys/password"')
    bench.describe(destination(mosquitto_broker.url, *account))
    found = await examined(bench)
    assert "wrong broker-misconfigured" in codes(found, WAY)
    assert "wrong file-problem" in codes(found)


async def test_the_access_list_names_what_it_forbids(bench: Bench, tmp_path: Path) -> None:
    acl = f"topic write tram/1/{NAME}/live\ntopic write tram/1/{NAME}/head/+\n"
    with mosquitto(tmp_path, acl=acl) as broker:
        bench.describe(destination(broker.url))
        found = await examined(bench)
    forbidden = [line.verdict.values["topic"] for line in found.lines if line.subject == "acl"]
    assert forbidden == [f"tram/1/{NAME}/past"]
    assert codes(found, ("acl",)) == ["wrong acl-publish"]


async def test_a_broker_that_refuses_the_subscription(bench: Bench, fake_broker: FakeBroker) -> None:
    """The other way, mosquitto's, is to take it and to keep the messages back."""
    fake_broker.suback = 0x87
    bench.describe(destination(f"mqtt://127.0.0.1:{fake_broker.port}"))
    found = await examined(bench)
    (said,) = [line.verdict for line in found.lines if line.subject == "acl"]
    assert said.code == "acl-subscribe"
    assert said.values["topic"] == f"tram/1/{NAME}/receipt/+"


async def test_a_broker_that_hangs_up_on_a_topic_that_it_forbids(
    bench: Bench, fake_broker: FakeBroker
) -> None:
    fake_broker.drop_after = 2
    bench.describe(destination(f"mqtt://127.0.0.1:{fake_broker.port}"))
    found = await examined(bench)
    (said,) = [line.verdict for line in found.lines if line.subject == "acl"]
    assert said.code == "acl-ended"
    assert said.values["topic"] == f"tram/1/{NAME}/past"


async def test_what_is_published_says_nothing(bench: Bench, fake_broker: FakeBroker) -> None:
    """No bytes on the records' topics, below `head` no ledger, and nothing that a broker keeps."""
    bench.describe(destination(f"mqtt://127.0.0.1:{fake_broker.port}"))
    await examined(bench)
    below = f"tram/1/{NAME}"
    assert [(each.topic, each.payload, each.retain) for each in fake_broker.received] == [
        (f"{below}/live", b"", False),
        (f"{below}/past", b"", False),
        (f"{below}/head/", b"", False),
    ]
    (greeting,) = fake_broker.greetings
    assert greeting.client_id == f"tram-{NAME}-centre-doctor"


async def test_an_access_list_with_just_what_is_needed_is_enough(bench: Bench, tmp_path: Path) -> None:
    below = f"tram/1/{NAME}"
    writes = "".join(f"topic write {below}/{topic}\n" for topic in ("live", "past", "head/+"))
    acl = f"{writes}topic read {below}/receipt/+\n"
    with mosquitto(tmp_path, acl=acl) as broker:
        bench.describe(destination(broker.url))
        assert codes(await examined(bench), WAY) == ALL_OK


async def test_a_name_that_nobody_knows(bench: Bench) -> None:
    bench.describe(destination("mqtt://broker.invalid"))
    said = codes(await examined(bench), WAY)
    assert said[0] in {"wrong dns-unknown", "wrong dns-down"}
    assert said[1:] == ["skipped broker-rest", "skipped centre-not-reached"]


async def test_tls_in_order_says_until_when(bench: Bench, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with mosquitto(tmp_path, tls=authority.issue("broker", "localhost", to_days=20)) as broker:
        bench.describe(destination(broker.url, f'ca = "{authority.ca}"'))
        said = codes(await examined(bench), WAY)
    assert said == [
        "ok cert-ca-ok",
        "ok dns-ok",
        "ok tcp-ok",
        "ok tls-ok",
        "warning cert-broker-soon",
        "ok login-ok",
        "ok acl-ok",
        "skipped centre-nothing-signed",
    ]


@pytest.mark.parametrize(
    ("name", "days", "said"),
    [
        ("localhost", (-9, -2), ["wrong tls-expired", "wrong cert-broker-expired"]),
        ("localhost", (2, 9), ["wrong tls-early", "wrong cert-broker-early"]),
        ("broker.example", (-2, 90), ["wrong tls-other-name", "ok cert-broker-ok"]),
    ],
)
async def test_a_certificate_that_cannot_be_believed(
    bench: Bench, tmp_path: Path, name: str, days: tuple[int, int], said: list[str]
) -> None:
    authority = Authority(tmp_path / "ca")
    files = authority.issue("broker", name, from_days=days[0], to_days=days[1])
    with mosquitto(tmp_path, tls=files) as broker:
        bench.describe(destination(broker.url, f'ca = "{authority.ca}"'))
        seen = codes(await examined(bench), WAY)
    assert seen[-4:] == [*said, "skipped broker-rest", "skipped centre-not-reached"]


async def test_a_broker_of_another_authority(bench: Bench, tmp_path: Path) -> None:
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other", "somebody else")
    with mosquitto(tmp_path, tls=other.issue("broker", "localhost")) as broker:
        bench.describe(destination(broker.url, f'ca = "{ours.ca}"'))
        assert "wrong tls-untrusted" in codes(await examined(bench), WAY)


async def test_no_tls_on_this_port(bench: Bench, mosquitto_broker: Mosquitto) -> None:
    bench.describe(destination(mosquitto_broker.url.replace("mqtt:", "mqtts:")))
    said = codes(await examined(bench), WAY)
    assert any(code in said for code in ("wrong tls-not-here", "wrong tls-closed")), said


async def test_tls_on_this_port_and_we_do_not_speak_it(bench: Bench, tmp_path: Path) -> None:
    files = Authority(tmp_path / "ca").issue("broker", "localhost")
    with mosquitto(tmp_path, tls=files) as broker:
        bench.describe(destination(broker.url.replace("mqtts:", "mqtt:")))
        assert "wrong login-closed" in codes(await examined(bench), WAY)


async def test_a_broker_that_wants_to_see_our_certificate(bench: Bench, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    ours, foreign = authority.issue("station"), Authority(tmp_path / "x", "foreign").issue("foreign")
    tls, ca = authority.issue("broker", "localhost"), f'ca = "{authority.ca}"'
    with mosquitto(tmp_path, tls=tls, client_ca=authority.ca) as broker:
        bench.describe(destination(broker.url, ca))
        assert "wrong tls-wants-client" in codes(await examined(bench), WAY)
        bench.describe(destination(broker.url, ca, f'cert = "{foreign.cert}"', f'cert_key = "{foreign.key}"'))
        assert "wrong tls-refuses-client" in codes(await examined(bench), WAY)
        bench.describe(destination(broker.url, ca, f'cert = "{ours.cert}"', f'cert_key = "{foreign.key}"'))
        assert "wrong cert-client-other-key" in codes(await examined(bench), WAY)
        bench.describe(destination(broker.url, ca, f'cert = "{ours.cert}"', f'cert_key = "{ours.key}"'))
        said = codes(await examined(bench), WAY)
    assert "ok cert-client-ok" in said
    assert "ok login-ok" in said


async def test_our_own_certificate_has_expired(bench: Bench, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    old = authority.issue("station", from_days=-99, to_days=-1)
    with mosquitto(tmp_path, tls=authority.issue("broker", "localhost"), client_ca=authority.ca) as broker:
        files = (f'ca = "{authority.ca}"', f'cert = "{old.cert}"', f'cert_key = "{old.key}"')
        bench.describe(destination(broker.url, *files))
        said = codes(await examined(bench), WAY)
    assert "wrong cert-client-expired" in said
    assert "wrong tls-client-expired" in said


async def test_packets_that_are_too_small_for_records(bench: Bench, tmp_path: Path) -> None:
    with mosquitto(tmp_path, max_packet_size=20_000) as broker:
        bench.describe(destination(broker.url))
        assert "wrong login-unfit" in codes(await examined(bench), WAY)


async def test_one_destination_in_order_and_one_away(
    bench: Bench, mosquitto_broker: Mosquitto, nobody: str
) -> None:
    bench.describe(destination(mosquitto_broker.url), destination(nobody, name="second", ack="broker"))
    found = await examined(bench)
    marks = {(line.name, line.verdict.code) for line in found.lines if line.subject in WAY}
    assert ("centre", "login-ok") in marks
    assert ("second", "tcp-refused") in marks
