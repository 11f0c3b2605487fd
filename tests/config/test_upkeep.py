"""What a station needs of the machine: key files, credentials, room on the disk."""

import pytest

from config.machine import Role
from tests.config.stand_ins import TEXT, FakeMachine, changed, read, said

pytestmark = pytest.mark.pure


def warnings(text: str) -> list[str]:
    """As they are printed."""
    return [str(warning) for warning in read(text).warnings]


def test_each_file_is_asked_for_with_what_it_is_for() -> None:
    machine = FakeMachine()
    more = 'ca = "ca.pem"\ncert = "me.pem"\ncert_key = "me.key"\nusername = "me"\npassword_file = "secret"\n'
    read(TEXT + more, machine)
    assert machine.asked == [
        ("keys/station.pem", Role.PRIVATE_KEY),
        ("keys/so-tnmt.pub", Role.CENTRE_KEY),
        ("ca.pem", Role.CERTIFICATES),
        ("me.pem", Role.CERTIFICATES),
        ("me.key", Role.CLIENT_KEY),
        ("secret", Role.PASSWORD),
        ("data/ledger.db", Role.STORE),
    ]


def test_what_is_wrong_with_a_file_is_said_at_its_key() -> None:
    faults = {"keys/station.pem": "is missing", "keys/so-tnmt.pub": "is no key"}
    assert said(TEXT, FakeMachine(faults)) == [
        "station.toml:6: identity.key: is missing",
        'station.toml:36: destination "so-tnmt".receipt_keys item 1: is no key',
    ]


def test_a_store_that_cannot_be_is_said_at_its_key() -> None:
    text = changed("[buffer]", '[buffer]\npath = "/proc/ledger.db"')
    faults = {"/proc/ledger.db": "cannot be written"}
    assert said(text, FakeMachine(faults)) == ["station.toml:9: buffer.path: cannot be written"]
    assert said(TEXT, FakeMachine({"data/ledger.db": "cannot be written"})) == [
        "station.toml:8: buffer.path: cannot be written"
    ]


def test_a_machine_without_time_zones_says_what_to_install() -> None:
    class Bare(FakeMachine):
        def timezones(self) -> list[str]:
            return []

    assert said(TEXT, Bare()) == [
        (
            'station.toml:3: station.timezone: is not a known time zone (got "Asia/Ho_Chi_Minh"), '
            "this machine knows none: pip install tzdata"
        )
    ]


def test_a_certificate_without_its_key_is_of_no_use() -> None:
    assert said(TEXT + 'cert = "me.pem"\n') == [
        'station.toml:37: destination "so-tnmt".cert: is of no use alone, write cert_key = too'
    ]
    assert said(TEXT + 'cert_key = "me.key"\n') == [
        'station.toml:37: destination "so-tnmt".cert_key: is of no use alone, write cert = too'
    ]


def test_a_password_without_a_name_is_of_no_use() -> None:
    assert said(TEXT + 'password_file = "secret"\n') == [
        'station.toml:37: destination "so-tnmt".password_file: is of no use alone, write username = too'
    ]


def test_certificates_need_an_encrypted_connection() -> None:
    assert said(changed("mqtts", "mqtt") + 'ca = "ca.pem"\n') == [
        (
            'station.toml:37: destination "so-tnmt".ca: is for TLS (got "mqtt://broker.example:8883"), '
            "write mqtts:// in url"
        )
    ]


def test_a_password_in_clear_is_a_warning() -> None:
    assert warnings(changed("mqtts", "mqtt") + 'username = "me"\npassword_file = "secret"\n') == [
        'station.toml:38: destination "so-tnmt".password_file: travels in clear with mqtt://, mqtts:// protects it'
    ]


def test_trust_in_the_broker_is_a_warning_and_needs_no_key() -> None:
    assert warnings(changed('receipt_keys = ["keys/so-tnmt.pub"]', 'ack = "broker"')) == [
        (
            'station.toml:36: destination "so-tnmt".ack: counts as delivered what the broker took: '
            "nobody proves that the centre has it"
        )
    ]


def test_no_destination_is_a_warning() -> None:
    assert warnings(TEXT[: TEXT.index("[[destination]]")]) == [
        "station.toml: destination: there is none: records are signed and kept, and go nowhere"
    ]


def test_a_quota_that_is_full_before_keep_is_over_is_a_warning_with_the_days() -> None:
    assert warnings(changed("4GB", "100MB")) == [
        (
            "station.toml:9: buffer.quota: 100 MB is full after about 16 days (6.43 MB a day): "
            "delivered records go before keep = 90d is over"
        )
    ]


def test_a_quota_is_too_small_even_by_the_devices_that_are_understood() -> None:
    more = '[[device]]\nid = "x"\nline = "rs485"\ndriver = "wires"\nevery = "5s"\n\n[[destination]]'
    text = changed("[[destination]]", more, changed("4GB", "1MB"))
    assert [line.split(": ")[1] for line in said(text)] == ["buffer.quota", 'device "x".driver']


def test_a_slow_period_is_a_warning() -> None:
    assert warnings(changed('"5s"', '"15min"')) == [
        'station.toml:21: device "ph".every: is slow (got 15min), authorities ask for a value every 5 minutes'
    ]
