"""Addresses, passwords and TLS files: what is wrong with them is said in one line."""

import ssl
from pathlib import Path

import pytest

from mqtt.broker import Address, Broker, parse_url, read_password, tls_context
from mqtt.errors import Misconfigured
from tests.certificates import Authority


@pytest.mark.pure
@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker.example", Address("broker.example", 1883, tls=False)),
        ("mqtts://broker.example", Address("broker.example", 8883, tls=True)),
        ("mqtts://broker.example:443/", Address("broker.example", 443, tls=True)),
        ("mqtt://10.0.0.5:1884", Address("10.0.0.5", 1884, tls=False)),
        ("mqtt://[fe80::1]:1884", Address("fe80::1", 1884, tls=False)),
    ],
)
def test_an_address_has_a_host_a_port_and_says_whether_it_is_tls(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.pure
@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.example",
        "broker.example:1883",
        "http://broker.example",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://broker:0",
        "mqtt://broker:70000",
        "mqtt://broker:x",
        "mqtt://broker/tram",
        "mqtt://broker?x=1",
        "mqtt://" + "a" * 64 + ".example",
        "mqtt://[fe80::1",
    ],
)
def test_what_is_no_address_is_answered_with_the_form_of_one(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"write mqtt://host\[:1883\] or mqtts://host\[:8883\]"):
        parse_url(url)


@pytest.mark.pure
def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(Misconfigured, match="use `username` and `password_file`") as error:
        parse_url("mqtt://user:secret@broker")
    assert "secret" not in str(error.value)


@pytest.mark.pure
def test_a_password_never_shows() -> None:
    assert "secret" not in repr(Broker("h", 1883, "c", username="u", password="secret"))


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    assert read_password(_private(tmp_path / "password", "bí mật 1\n# for the broker\n")) == "bí mật 1"


def test_the_mark_of_an_editor_on_windows_is_no_letter_of_the_password(tmp_path: Path) -> None:
    assert read_password(_private(tmp_path / "password", "\ufeffsecret\r\n")) == "secret"


def test_a_password_file_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = _private(tmp_path / "password", "secret\n")
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match="others can read this secret: chmod 600") as error:
        read_password(path)
    assert "secret\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "is empty"), (b"\nx", "is empty"), (b"\xff", "not UTF-8")]
)
def test_a_password_file_without_a_password_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = _private(tmp_path / "password", "")
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=words):
        read_password(path)


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nowhere: cannot be read: No such file"):
        read_password(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(Misconfigured, match=r"folder: the password file cannot be read"):
        read_password(tmp_path / "folder")


def test_tls_is_at_least_1_2_and_always_checks_the_host(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = authority.issue("station")
    context = tls_context(authority.ca, client.cert, client.key)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


def test_key_and_certificate_may_be_in_one_file(tmp_path: Path) -> None:
    client = Authority(tmp_path).issue("station")
    both = _private(tmp_path / "both.pem", client.cert.read_text() + client.key.read_text())
    tls_context(None, both)


def test_files_that_cannot_be_used_are_named_with_what_is_wrong(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client, other = authority.issue("station"), authority.issue("other")
    nonsense = _private(tmp_path / "nonsense.pem", "no certificate")
    with pytest.raises(Misconfigured, match=r"nonsense.pem: `ca` holds no certificate"):
        tls_context(nonsense)
    with pytest.raises(Misconfigured, match=r"nowhere.pem: `ca` cannot be read: No such file"):
        tls_context(tmp_path / "nowhere.pem")
    with pytest.raises(Misconfigured, match="do not belong together"):
        tls_context(authority.ca, client.cert, other.key)
    with pytest.raises(Misconfigured, match="cannot be used"):
        tls_context(authority.ca, nonsense, client.key)
    with pytest.raises(Misconfigured, match=r"nowhere.pem: the client certificate cannot be read"):
        tls_context(authority.ca, tmp_path / "nowhere.pem", client.key)
    with pytest.raises(Misconfigured, match="a client key without its certificate"):
        tls_context(authority.ca, None, client.key)
    client.key.chmod(0o644)
    with pytest.raises(Misconfigured, match="others can read this secret"):
        tls_context(authority.ca, client.cert, client.key)


def test_a_key_with_a_passphrase_does_not_ask_at_a_terminal(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = authority.issue("station", passphrase=b"secret")
    with pytest.raises(Misconfigured, match="PEM without passphrase"):
        tls_context(authority.ca, client.cert, client.key)
