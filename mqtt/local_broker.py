"""A broker on this machine, for the demo and the tests: iotcore (rumqttd) in a process of its own.

It is bound to loopback, keeps nothing on disk and asks for no password. Not for a station.
"""

import importlib.util
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from mqtt.errors import MqttError

_LOOPBACK = "127.0.0.1"
_START_S = 15.0

# A payload of 1 MiB: iotcore's own default is 20 kB, and a record batch may have 128 KiB.
_IOTCORE = """\
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "tram"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = 1048576
max_inflight_count = 200
dynamic_filters = true
"""


class LocalBrokerError(MqttError):
    """The local broker is not installed or did not start."""


class BrokerProcess:
    """A broker in a child process on a port that is ours for as long as this object lives.

    The port is held by a bound socket that never listens: while the broker is down no one else gets it, and
    no client that knocks there is connected to itself.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind((_LOOPBACK, 0))
        self.port: int = self._held.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, as a station file writes it."""
        return f"mqtt://{_LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """The number of the running process. Raises LocalBrokerError when there is none."""
        if self._process is None:
            raise LocalBrokerError(f"the broker on port {self.port} is not running")
        return self._process.pid

    def command(self) -> list[str]:
        """The program and its arguments; files that it needs are written here."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and return when it takes connections. Raises LocalBrokerError."""
        if self._process is not None:
            return
        with (self.folder / "broker.log").open("ab") as log:
            command = self.command()
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                command, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._ended(within_s=0.01) or time.monotonic() > deadline:
                self.kill()
                raise LocalBrokerError(f"the broker did not start on port {self.port}: {self._last_words()}")

    def stop(self) -> None:
        """End it as an operator does (SIGTERM), or by force when it does not listen. Safe to call twice."""
        if self._process is not None:
            self._process.terminate()
            if not self._ended(within_s=5):
                self._process.kill()
            self._gone()

    def kill(self) -> None:
        """End it as a power cut does (SIGKILL). Safe to call twice."""
        if self._process is not None:
            self._process.kill()
            self._gone()

    def restart(self) -> None:
        """Stop it and start it again on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and give the port back."""
        self.kill()
        self._held.close()

    def _answers(self) -> bool:
        try:
            socket.create_connection((_LOOPBACK, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _ended(self, within_s: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _gone(self) -> None:
        assert self._process is not None
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def _last_words(self) -> str:
        lines = (self.folder / "broker.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"


class LocalBroker(BrokerProcess):
    """iotcore 0.4 in a child process that ends with its parent. Raises LocalBrokerError when not installed.

    Measured: it announces neither Receive Maximum nor Maximum Packet Size and forgets retained messages when
    it stops; a shared subscription that reconnects hangs it (we use none).
    """

    def __init__(self, folder: Path) -> None:
        if importlib.util.find_spec("iotcore") is None:
            raise LocalBrokerError("the local broker is not installed: pip install 'tram[demo]' (iotcore)")
        super().__init__(folder)

    def command(self) -> list[str]:
        """Iotcore's child program with a configuration of ours: its own options know no MQTT 5."""
        configuration = self.folder / "iotcore.toml"
        configuration.write_text(_IOTCORE.format(host=_LOOPBACK, port=self.port))
        options = json.dumps({"config_path": str(configuration)})
        return [sys.executable, "-P", "-m", "iotcore._serve", options]
