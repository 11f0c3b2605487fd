"""The README, followed word by word as a new user would, against a Modbus server that is not ours.

Only the two port numbers are others: a test may not count on 1502 and 1883 being free.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.rehearsal import Process
from tests.brokers import Iotcore
from tests.drivers.foreign.test_libmodbus import running, server
from tests.system.patience import until

pytestmark = pytest.mark.system

__all__ = ["server"]

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
STATION_FILE = re.findall(r"```toml\n(\[station\].*?)```", README, re.DOTALL)[0]


def tram(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "agent", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Iotcore]:
    broker = Iotcore(tmp_path / "broker")
    broker.start()
    yield broker
    broker.close()


def follow(folder: Path, modbus_port: int, broker: Iotcore) -> Path:
    """`tram init`, then the README's station file in place of the one that init made."""
    tram(folder, "init", "mystation", "--station", "BD_VSIP_NUO001")
    text = STATION_FILE.replace("127.0.0.1:1502", f"127.0.0.1:{modbus_port}")
    text = text.replace("mqtt://127.0.0.1:1883", broker.url)
    assert str(modbus_port) in text
    assert broker.url in text
    (folder / "mystation" / "station.toml").write_text(text, encoding="utf-8")
    return folder / "mystation" / "station.toml"


def test_a_station_in_five_minutes(tmp_path: Path, server: Path, broker: Iotcore) -> None:
    with running(str(server), "tcp") as port:
        follow(tmp_path, port, broker)
        assert "is in order" in tram(tmp_path, "check", "mystation/station.toml")
        assert re.search(r"pH +7\.85 pH", tram(tmp_path, "read", "mystation/station.toml", "ph"))
        agent = Process("agent", tmp_path / "agent.log", "run", str(tmp_path / "mystation/station.toml"))
        try:
            agent.wait_for("destination.connected")
            until(
                lambda: "7.85" in tram(tmp_path, "status", "mystation/station.toml"),
                "the value in the status",
            )
        finally:
            assert agent.stop() == 0
    assert "seq 1" in tram(tmp_path, "verify", "mystation/data/ledger.db")


def test_an_instrument_that_speaks_lines(tmp_path: Path) -> None:
    """The README's tank beside its first station, as the check sees them and as the twin plays them."""
    tram(tmp_path, "init", "mystation", "--station", "BD_VSIP_NUO001")
    (tank,) = re.findall(r"```toml\n(\[\[line\]\].*?)```", README, re.DOTALL)
    file = tmp_path / "mystation" / "station.toml"
    file.write_text(STATION_FILE + tank, encoding="utf-8")
    assert re.search(r"level +ascii +– +10s +1", tram(tmp_path, "check", "mystation/station.toml"))
    twin = Process("twin", tmp_path / "twin.log", "sim", str(file), "--write", str(tmp_path / "copy.toml"))
    try:
        until((tmp_path / "copy.toml").exists, "the copy that polls the twin")
        assert re.search(r"level +\d\.\d+ m\n", tram(tmp_path, "read", "copy.toml", "level"))
    finally:
        twin.stop()


def proven(folder: Path) -> bool:
    """Whether the README's last command is content, with more than the boot record to judge."""
    command = [sys.executable, "-m", "agent", "central", "verify", "centre", "BD_VSIP_NUO001"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    listed = tram(folder, "central", "stations", "centre")
    return done.returncode == 0 and "nothing missing" in listed and "verified 1," not in listed


def test_with_a_centre(tmp_path: Path, server: Path, broker: Iotcore) -> None:
    with running(str(server), "tcp") as port:
        file = follow(tmp_path, port, broker)
        centre = Process(
            "centre",
            tmp_path / "centre.log",
            "central",
            "serve",
            str(tmp_path / "centre"),
            "--broker",
            broker.url,
        )
        centre.wait_for("ready")
        (tmp_path / "mystation/keys/centre.pub").write_bytes((tmp_path / "centre/centre.pub").read_bytes())
        receipt = re.findall(r"```toml\n(ack.*?)```", README, re.DOTALL)[0]
        text = re.sub(r'ack = "broker".*\n', lambda _: receipt, file.read_text(encoding="utf-8"))
        file.write_text(text, encoding="utf-8")
        agent = Process("agent", tmp_path / "agent.log", "run", str(file))
        try:
            words = re.findall(
                r"[a-z2-7]{4}(?:-[a-z2-7]{4}){7}",
                tram(tmp_path, "keys", "show", "mystation/keys/station.pem"),
            )
            until(
                lambda: "WAITS TO BE ENROLLED" in tram(tmp_path, "central", "stations", "centre"),
                "the station heard",
            )
            tram(tmp_path, "central", "enrol", "centre", "BD_VSIP_NUO001", "--fingerprint", words[0])
            until(lambda: proven(tmp_path), "a proven ledger", within_s=50)
        finally:
            assert agent.stop() == 0
            centre.stop()
