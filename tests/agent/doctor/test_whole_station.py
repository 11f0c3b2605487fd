"""The doctor at a real station: agent, broker, centre as processes; and nobody notices that it was there."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.doctor.examination import Examination, examine
from agent.doctor.sentences import as_text
from telemetry import keyfile
from telemetry.keys import SigningKey, fingerprint
from tests.agent.doctor.spoken import spoken
from tests.system.patience import until
from tests.system.station import Station, station_at

pytestmark = pytest.mark.system


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with station_at(tmp_path / "stage") as station:
        station.describe(station.receipted())
        yield station


def doctor(station: Station) -> Examination:
    found = asyncio.run(examine(station.file, SystemClock()))
    print(as_text(found.lines, "en"))
    return found


def said(found: Examination, *subjects: str) -> list[str]:
    return spoken(line for line in found.lines if line.subject in subjects)


def run_for_a_while(station: Station) -> None:
    """Until the centre has some records, then stop in order."""
    agent = station.start()
    station.arrives()
    agent.stop()


def at_the_centre(station: Station) -> dict[str, object]:
    row = station.stage.at_the_centre()[station.name]
    return {name: row[name] for name in ("rejected", "replayed", "open_findings", "findings")}


def test_a_running_station_in_order(station: Station) -> None:
    station.trust()
    agent = station.start()
    station.arrives()
    until(lambda: station.destination("centre").get("receipt_age_ms") is not None, "a receipt")
    before, log = at_the_centre(station), agent.said()
    found = doctor(station)
    assert said(found, "key", "agent", "store") == ["ok key-ok", "ok store-ok", "ok agent-ok"]
    assert said(found, "tcp", "login", "acl", "centre", "rest") == [
        "ok tcp-ok",
        "ok login-ok",
        "ok acl-ok",
        "ok centre-agent-ok",
    ]
    assert not [line for line in found.lines if line.verdict.mark.value == "wrong"]
    station.arrives()
    assert agent.said().startswith(log)
    assert "disconnected" not in agent.said()
    assert at_the_centre(station) == before
    assert agent.stop() == 0


def test_a_station_that_is_not_started_yet_gets_the_centres_answer(station: Station) -> None:
    """The head that the agent would send; the ledger goes on afterwards as if nothing had been asked."""
    station.trust()
    run_for_a_while(station)
    before = at_the_centre(station)
    found = doctor(station)
    assert said(found, "agent", "store") == ["ok store-ok", "warning agent-not-running"]
    assert said(found, "acl", "centre") == ["ok acl-ok", "ok centre-answers"]
    run_for_a_while(station)
    sent_again = {"replayed"}  # what had no receipt yet at the stop
    after = at_the_centre(station)
    assert {name for name in before if after[name] != before[name]} <= sent_again
    assert len(station.boots()) == 2
    assert len({row.ledger for row in station.rows()}) == 1


def test_the_centre_is_away(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.doctor.dialling.ANSWER_S", 1.5)
    station.trust()
    run_for_a_while(station)
    assert station.stage.centre
    station.stage.centre.stop()
    assert said(doctor(station), "centre") == ["wrong centre-silent"]


def test_nobody_has_enrolled_the_station(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.doctor.dialling.ANSWER_S", 1.5)
    agent = station.start()
    station.grows()
    found = doctor(station)
    assert said(found, "centre") == ["wrong centre-agent-none"]
    agent.stop()
    found = doctor(station)
    assert said(found, "centre") == ["wrong centre-never"]
    (line,) = [line for line in found.lines if line.subject == "centre"]
    assert line.verdict.values["fingerprint"] == fingerprint(keyfile.load(station.key).public)


def test_the_centre_trusts_another_key_now(station: Station) -> None:
    station.trust()
    run_for_a_while(station)
    other = station.folder / "other.pem"
    keyfile.create(other)
    keyfile.write_public(station.folder / "other.pub", keyfile.load(other).public)
    enrolled = station.stage.centre_folder / "stations" / f"{station.name}.pub"
    enrolled.write_bytes((station.folder / "other.pub").read_bytes())
    until(
        lambda: "wrong centre-says-re-enrol" in said(doctor(station), "centre"),
        "the centre's word",
        within_s=20,
    )


def test_another_centres_key_is_pinned(station: Station, tmp_path: Path) -> None:
    station.trust()
    run_for_a_while(station)
    keyfile.write_public(tmp_path / "wrong.pub", SigningKey.generate().public)
    key = str(station.stage.centre_key().resolve())
    station.file.write_text(station.file.read_text().replace(key, str(tmp_path / "wrong.pub")))
    assert said(doctor(station), "centre") == ["wrong centre-other-key"]


def test_an_agent_that_hangs(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.doctor.examination.LOOK_S", 0.5)
    agent = station.start()
    station.grows()
    os.kill(agent.pid, signal.SIGSTOP)
    try:
        found = doctor(station)
    finally:
        os.kill(agent.pid, signal.SIGCONT)
    (line,) = [line for line in found.lines if line.subject == "agent"]
    assert spoken([line]) == ["wrong agent-mute"]
    assert line.verdict.values["pid"] == agent.pid
    assert "ok store-ok" in said(found, "store")


def test_an_agent_that_was_killed_leaves_a_store_that_can_be_read(station: Station) -> None:
    station.trust()
    agent = station.start()
    station.grows()
    agent.kill()
    found = doctor(station)
    assert said(found, "store", "agent", "centre") == [
        "ok store-ok",
        "warning agent-not-running",
        "ok centre-answers",
    ]
    run_for_a_while(station)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Station]:
    """A station without a destination."""
    with station_at(tmp_path / "stage", centre=False) as station:
        station.describe()
        yield station


def run_alone(station: Station) -> None:
    """Until there are some records, then stop in order."""
    agent = station.start()
    station.grows(2)
    agent.stop()


def test_an_old_copy_of_the_store_is_seen_before_the_agent_starts(alone: Station) -> None:
    run_alone(alone)
    copy = alone.store.read_bytes()
    run_alone(alone)
    for path in alone.store.parent.glob("ledger.db-*"):
        path.unlink()
    alone.store.write_bytes(copy)
    assert said(doctor(alone), "store") == ["warning store-restored"]


def test_another_key_and_a_deleted_store_are_seen_before_the_agent_starts(alone: Station) -> None:
    run_alone(alone)
    key = alone.key.read_bytes()
    alone.key.unlink()
    keyfile.create(alone.key)
    assert said(doctor(alone), "store") == ["warning store-other-key"]
    alone.key.write_bytes(key)
    assert said(doctor(alone), "store") == ["ok store-ok"]
    for path in alone.store.parent.glob("ledger.db*"):
        path.unlink()
    assert said(doctor(alone), "store") == ["warning store-lost"]
    alone.store.write_text("not a database, but long enough to be taken for one" * 20)
    assert said(doctor(alone), "store") == ["wrong store-foreign"]
