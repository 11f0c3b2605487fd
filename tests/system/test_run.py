"""The agent as a service: it starts, says so, reads its file again, ends in order, and is alone."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sim.faults import Slow
from sim.reconcile import reconcile
from sim.script import Rule
from telemetry.bodies import BootReason, ConfigurationBody, EventBody
from telemetry.record import Kind
from tests.late import stored
from tests.system.patience import until
from tests.system.station import Station, station_at

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def unmeasured() -> None:
    """These are measured: their agents end in order."""


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """Two gauges, a broker and a centre that trusts the station."""
    with station_at(tmp_path, gauges=2) as station:
        station.trust()
        station.describe(station.receipted())
        yield station
        if "COVERAGE_PROCESS_CONFIG" in os.environ:
            for agent in station.stage.agents.values():
                agent.stop()


def test_sigterm_ends_within_five_seconds_with_every_answer_signed_and_says_so_next_time(
    station: Station,
) -> None:
    script = station.lines[0].host.wire.script
    station.plant.do(lambda: script.rules.append(Rule(Slow(0.4))))
    agent = station.start()
    station.grows(8)
    station.stage.broker.kill()
    until(lambda: station.plant.do(lambda: script.asked(1)) > _answers(station, "gauge1"), "an open question")
    began_s = time.monotonic()
    assert agent.stop(within_s=5) == 0
    assert time.monotonic() - began_s < 5
    (last,) = station.records()[-1:]
    assert last.kind == Kind.EVENT
    assert EventBody.decode(last.body).what == "stop"
    readings = [row for row in station.rows() if row.kind == Kind.READINGS]
    assert station.plant.do(lambda: script.asked(1)) == sum(row.device == "gauge1" for row in readings)
    answers = [answer._replace(faults=()) for answer in station.plant.answers()]
    verdict = reconcile(answers, stored(readings, station.ring))
    assert verdict.unsigned == ()
    assert verdict.wrong == ()
    station.start()
    until(lambda: len(station.boots()) == 2, "the next boot record")
    assert station.boots()[-1].reason == BootReason.CLEAN_STOP


def _answers(station: Station, device: str) -> int:
    return sum(answer.device == device for answer in station.plant.answers())


def test_a_device_added_with_sighup_goes_on_in_the_same_ledger_behind_its_configuration(
    station: Station,
) -> None:
    agent = station.start()
    station.grows()
    station.lines.append(station.plant.tcp("added"))
    station.describe(station.receipted())
    station.reload(agent)
    until(
        lambda: any(row.device == "added" and row.kind == Kind.READINGS for row in station.rows()), "readings"
    )
    records = station.records()
    assert len({record.ledger for record in records}) == 1
    assert len(station.boots()) == 1
    bodies = {r.seq: ConfigurationBody.decode(r.body) for r in records if r.kind == Kind.CONFIGURATION}
    described = next(seq for seq, body in bodies.items() if body.device == "added")
    readings = [r for r in records if r.kind == Kind.READINGS and r.configuration == bodies[described].hash8]
    assert min(record.seq for record in readings) > max(bodies)
    station.arrives()


def test_a_broken_file_changes_nothing_and_shows_in_the_status(station: Station) -> None:
    agent = station.start()
    station.grows()
    whole = station.file.read_text(encoding="utf-8")
    station.file.write_text(whole.replace('every = "300ms"', 'every = "soon"', 1), encoding="utf-8")
    agent.send(signal.SIGHUP)
    refused = until(lambda: str(station.status()["reload_refused"] or ""), "a refused reload")
    assert "station.toml:" in refused
    assert "soon" in refused
    shown = station.stage.tram("status", str(station.file))
    assert shown.returncode == 0, shown.stderr
    assert "the changed station file was refused" in shown.stdout
    station.grows()
    station.file.write_text(whole, encoding="utf-8")
    station.reload(agent)
    assert station.status()["reload_refused"] is None
    assert len(station.records(Kind.CONFIGURATION)) == 3


def test_a_second_agent_on_the_same_store_gets_one_line_and_harms_nobody(station: Station) -> None:
    first = station.start()
    done = station.stage.tram("run", str(station.file))
    assert done.returncode != 0
    (line,) = done.stderr.strip().splitlines()
    assert "ledger.db" in line
    assert "another" in line
    assert first.is_running()
    station.grows()
    assert station.status()["station"] == station.name
    assert station.status()["tasks"] > len(station.lines)


def test_systemd_hears_ready_then_the_watchdog_and_at_the_end_stopping(
    station: Station, tmp_path: Path
) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        agent = station.start(environment=environment)
        first = systemd.recv(4096).decode()
        assert "READY=1" in first.splitlines() or first == "WATCHDOG=1"
        heard = [first, *(systemd.recv(4096).decode() for _ in range(4))]
        assert sum("READY=1" in said.splitlines() for said in heard) == 1
        assert heard.count("WATCHDOG=1") >= 3
        agent.send(signal.SIGTERM)
        until(lambda: "STOPPING=1" in systemd.recv(4096).decode(), "the word of the end")
        assert agent.stop() == 0
