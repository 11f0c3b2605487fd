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
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Misconfigured(f'"{url}": {error}; write mqtt://host[:1883] or mqtts://host[:8883]') from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise Misconfigured(f'"{url}" is no broker address: write mqtt://host[:1883] or mqtts://host[:8883]')
    return Address(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "mqtts")


def tls_context(ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer, the broker's chain and host name always checked. Raises Misconfigured.

    `ca`: the only authority that is trusted; None: those of the operating system. `cert`, `key`: our own.
    """
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None:
        context.load_cert_chain(str(cert), None if key is None else str(key))
    return context


def read_password(path: Path) -> str:
    """The first line of a file that only its owner may read. Raises Misconfigured."""
    return path.read_text().splitlines()[0]
