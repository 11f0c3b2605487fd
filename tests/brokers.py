"""Real brokers for the tests, each in a process of its own, on a port from the kernel kept over restarts.

Import the fixtures `iotcore_broker` and `mosquitto_broker`, or build an `Iotcore` or a `Mosquitto` with
options and `close()` it. `freeze` and `thaw` are SIGSTOP and SIGCONT: the kernel still takes bytes.
"""

import base64
import hashlib
import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from mqtt.local_broker import BrokerProcess, LocalBroker
from tests.certificates import CertFiles


class _Freezable(BrokerProcess):
    def freeze(self) -> None:
        """Stop the process where it is; its sockets stay open. Returns when all its threads stand still."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        os.kill(self.pid, signal.SIGCONT)


class Iotcore(LocalBroker, _Freezable):
    """rumqttd from pip. Announces no limits and takes payloads up to 1 MiB."""


def mosquitto_path() -> str | None:
    """Where mosquitto is; None when it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Mosquitto(_Freezable):
    """mosquitto with options; skips the test by name when it is not installed.

    `acl`: text of an ACL file. `max_inflight`: announced as Receive Maximum (mosquitto's default: 20).
    `max_packet_size`: announced. `message_size_limit`: not announced. `users`: name to password; anonymous
    clients are then refused. `tls`: certificate and key of the broker; with `client_ca`, clients must bring a
    certificate of that authority. `extra`: further lines of its configuration.
    """

    def __init__(
        self,
        folder: Path,
        *,
        acl: str | None = None,
        max_inflight: int | None = None,
        max_packet_size: int | None = None,
        message_size_limit: int | None = None,
        users: Mapping[str, str] | None = None,
        tls: CertFiles | None = None,
        client_ca: Path | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        if mosquitto_path() is None:
            pytest.skip("mosquitto is not installed")
        super().__init__(folder)
        self._tls = tls
        numbers = {
            "max_inflight_messages": max_inflight,
            "max_packet_size": max_packet_size,
            "message_size_limit": message_size_limit,
        }
        self._lines = [f"{name} {value}" for name, value in numbers.items() if value is not None]
        self._lines += ["allow_anonymous false" if users else "allow_anonymous true", "persistence false"]
        if os.geteuid() == 0:
            self._lines.append("user root")  # it would otherwise give up the right to read our folder
        if acl is not None:
            self._lines.append(f"acl_file {self._file('acl', acl)}")
        if users:
            accounts = "".join(f"{name}:{_password_hash(word)}\n" for name, word in users.items())
            self._lines.append(f"password_file {self._file('users', accounts)}")
        self._listener = [f"listener {self.port} 127.0.0.1"]
        if tls is not None:
            self._listener += [f"certfile {tls.cert}", f"keyfile {tls.key}"]
        if client_ca is not None:
            self._listener += [f"cafile {client_ca}", "require_certificate true"]
        self._extra = list(extra)

    @property
    def url(self) -> str:
        """Where it is; TLS brokers by name, because their certificates name hosts."""
        return f"mqtts://localhost:{self.port}" if self._tls else super().url

    def command(self) -> list[str]:
        """Mosquitto with a configuration file of its own."""
        path = mosquitto_path()
        assert path is not None
        text = "\n".join([*self._lines, *self._listener, *self._extra, ""])
        return [path, "-c", str(self._file("mosquitto.conf", text))]

    def _file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path


def _password_hash(password: str) -> str:
    """Mosquitto 2's $7$ form: PBKDF2-SHA512, 101 rounds, 12 bytes of salt (its password_mosq.c)."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101, 64)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


@pytest.fixture
def iotcore_broker(tmp_path: Path) -> Iterator[Iotcore]:
    """A running iotcore."""
    if not iotcore_installed():
        pytest.skip("iotcore is not installed")
    broker = Iotcore(tmp_path / "iotcore")
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


@pytest.fixture
def mosquitto_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running mosquitto with its defaults, anonymous clients let in."""
    broker = Mosquitto(tmp_path / "mosquitto")
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


def iotcore_installed() -> bool:
    """Whether the demo extra is there."""
    return importlib.util.find_spec("iotcore") is not None
