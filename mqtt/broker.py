"""Where a broker is and how to be trusted by it: address, TLS and password, read once at the start."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from mqtt.errors import Misconfigured

PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes (QoS 1) for us when we vanish without goodbye."""

    topic: str
    payload: bytes
    retain: bool = False
    expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class Broker:
    """All that one connection needs to know.

    `tls` None: plain TCP. `window`: our own limit of unacknowledged publishes. `incoming_window`: how many
    unacknowledged messages the broker may have with us. `keepalive_s`: a broker that is frozen or cut off is
    noticed within twice this time and a second. `answer_timeout_s`: so long may a PUBACK or SUBACK take.
    """

    host: str
    port: int
    client_id: str
    tls: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    keepalive_s: int = 30
    connect_timeout_s: float = 10
    will: Will | None = None
    window: int = 20
    incoming_window: int = 100
    answer_timeout_s: float = 60


class Address(NamedTuple):
    """Host, port and whether TLS is spoken there."""

    host: str
    port: int
    tls: bool


def parse_url(url: str) -> Address:
    """Read `mqtt://host[:1883]` or `mqtts://host[:8883]`. Raises Misconfigured."""
    form = "write mqtt://host[:1883] or mqtts://host[:8883]"
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise Misconfigured(f'"{url}": {error}; {form}') from error
    if parts.username is not None or parts.password is not None:
        raise Misconfigured("no user or password in a broker's address: use `username` and `password_file`")
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise Misconfigured(f'"{url}" is no broker address: {form}')
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Misconfigured(f'"{url}": nothing may follow the port; {form}')
    return Address(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "mqtts")


def tls_context(ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer, the broker's chain and host name always checked. Raises Misconfigured.

    `ca`: the only authority that is trusted; None: those of the operating system. `cert`: what we show to a
    broker that asks; `key` None: it is in the same file. A key that others can read is refused.
    """
    if key is not None and cert is None:
        raise Misconfigured(f"{key}: a client key without its certificate: set `cert`")
    context = _trusting(ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None:
        _show(context, cert, key or cert)
    return context


def read_password(path: Path) -> str:
    """The first line of a file that only its owner may read. Raises Misconfigured."""
    _check_private(path)
    try:
        # Editors on Windows put a byte order mark in front, which is no letter of the password.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: the password file cannot be read: {_why(error)}") from error
    if not lines or not lines[0]:
        raise Misconfigured(f"{path}: the first line of the password file is empty")
    return lines[0]


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except ssl.SSLError as error:
        raise Misconfigured(f"{ca}: `ca` holds no certificate in PEM form") from error
    except OSError as error:
        raise Misconfigured(f"{ca}: `ca` cannot be read: {_why(error)}") from error


def _show(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    _check_private(key)
    try:
        context.load_cert_chain(str(cert), str(key), password=_no_passphrase)
    except ssl.SSLError as error:
        matched = error.reason != "KEY_VALUES_MISMATCH"
        wrong = "cannot be used (PEM without passphrase is needed)" if matched else "do not belong together"
        raise Misconfigured(f"{cert}, {key}: client certificate and key {wrong}") from error
    except OSError as error:
        raise Misconfigured(f"{cert}: the client certificate cannot be read: {_why(error)}") from error


def _no_passphrase() -> str:
    """Instead of OpenSSL's question at the terminal, which a daemon cannot answer."""
    return ""


def _check_private(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {_why(error)}") from error
    if mode & 0o077:
        raise Misconfigured(f"{path}: others can read this secret: chmod 600 {path}")


def _why(error: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error.strerror or error)
