"""The demo's broker: starts, dies and comes back on the same port."""

import importlib.util
import os
import socket
from pathlib import Path

import pytest

from mqtt.local_broker import BrokerProcess, LocalBroker, LocalBrokerError
from tests.brokers import Iotcore

pytestmark = pytest.mark.system


class Broken(BrokerProcess):
    def command(self) -> list[str]:
        return ["sh", "-c", "echo no licence >&2; exit 3"]


def _refused(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


def test_it_is_bound_to_loopback_and_comes_back_on_its_port_after_a_kill(iotcore_broker: Iotcore) -> None:
    port, first = iotcore_broker.port, iotcore_broker.pid
    assert iotcore_broker.url == f"mqtt://127.0.0.1:{port}"
    with socket.socket() as elsewhere:
        assert elsewhere.connect_ex(("127.0.0.2", port)) != 0
    iotcore_broker.start()  # it runs already
    assert iotcore_broker.pid == first
    iotcore_broker.kill()
    iotcore_broker.kill()
    assert _refused(port)
    with pytest.raises(LocalBrokerError, match="is not running"):
        os.kill(iotcore_broker.pid, 0)
    iotcore_broker.restart()
    assert not _refused(port)
    assert iotcore_broker.pid != first
    iotcore_broker.stop()
    iotcore_broker.stop()
    assert _refused(port)


def test_while_it_is_down_nobody_who_knocks_is_connected_to_himself(tmp_path: Path) -> None:
    broker = Broken(tmp_path)
    assert all(_refused(broker.port) for _ in range(300))
    broker.close()


def test_a_broker_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    broker = Broken(tmp_path)
    with pytest.raises(LocalBrokerError, match=r"did not start on port \d+: no licence"):
        broker.start()
    broker.close()


def test_without_the_demo_extra_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(LocalBrokerError, match=r"pip install 'tram\[demo\]'"):
        LocalBroker(tmp_path)
