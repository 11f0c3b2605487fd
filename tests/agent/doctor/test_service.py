"""The agent as a program, and systemd around it."""

from pathlib import Path
from typing import Any

import pytest

from agent.doctor.service import (
    AgentFacts,
    ServiceFacts,
    judge_agent,
    judge_service,
    look_at_service,
    unit_in,
)
from tests.agent.doctor.spoken import spoken

UNIT = {
    "ActiveState": "active",
    "Restart": "always",
    "WatchdogUSec": "1min",
    "NRestarts": "0",
    "UnitFileState": "enabled",
}


def status(**more: Any) -> dict[str, Any]:
    ledger = {"trouble": None}
    return {
        "running_for_s": 90,
        "software": "tram 1",
        "ledger": ledger,
        "devices": [],
        "reload_refused": None,
    } | more


@pytest.mark.pure
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (AgentFacts(status(), "", 7), ["ok agent-ok"]),
        (AgentFacts(None, "nobody", None), ["warning agent-not-running"]),
        (AgentFacts(None, "no file", None, unknown=True), ["skipped agent-unknown"]),
        (AgentFacts(None, "silence", 7), ["wrong agent-mute"]),
        (AgentFacts(None, "not allowed", None, hidden=True), ["warning agent-hidden"]),
        (
            AgentFacts(status(ledger={"trouble": "disk full"}), "", 7),
            ["ok agent-ok", "wrong agent-store-trouble"],
        ),
        (AgentFacts(status(reload_refused="line 3"), "", 7), ["ok agent-ok", "warning agent-reload-refused"]),
        (
            AgentFacts(
                status(
                    devices=[
                        {"device": "ph", "silent": True},
                        {"device": "t", "silent": False, "trouble": None},
                    ]
                ),
                "",
                7,
            ),
            ["ok agent-ok", "wrong agent-device-silent"],
        ),
    ],
)
def test_the_agent(facts: AgentFacts, said: list[str]) -> None:
    assert spoken(judge_agent(facts)) == said


@pytest.mark.pure
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (ServiceFacts(False, 7, None, {}), ["skipped service-none"]),
        (ServiceFacts(True, None, None, {}), ["skipped service-no-agent"]),
        (ServiceFacts(True, 7, None, {}), ["warning service-by-hand"]),
        (ServiceFacts(True, 7, "tram.service", UNIT), ["ok service-ok"]),
        (
            ServiceFacts(True, 7, "tram.service", UNIT | {"UnitFileState": "disabled"}),
            ["warning service-not-enabled"],
        ),
        (ServiceFacts(True, 7, "tram.service", UNIT | {"Restart": "no"}), ["warning service-no-restart"]),
        (
            ServiceFacts(True, 7, "tram.service", UNIT | {"WatchdogUSec": "0"}),
            ["warning service-no-watchdog"],
        ),
        (ServiceFacts(True, 7, "tram.service", UNIT | {"NRestarts": "3"}), ["warning service-restarts"]),
        (ServiceFacts(True, 7, "tram.service", {}), ["skipped service-mute"]),
    ],
)
def test_systemd(facts: ServiceFacts, said: list[str]) -> None:
    assert spoken(judge_service(facts)) == said


@pytest.mark.pure
@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/tram.service\n", "tram.service"),
        ("12:cpu:/\n1:name=systemd:/system.slice/system-tram.slice/tram@nuo.service\n", "tram@nuo.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
        ("0::/user.slice/user-1000.slice/user@1000.service\n", None),
        ("", None),
    ],
)
def test_which_unit_a_process_is_in(cgroup: str, unit: str | None) -> None:
    assert unit_in(cgroup) == unit


def test_systemd_is_asked_about_the_agents_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A systemctl of our own, in front of the machine's."""
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "cgroup").write_text("0::/system.slice/tram.service\n")
    fake = tmp_path / "systemctl"
    fake.write_text('#!/bin/sh\necho "UnitFileState=enabled"\necho "Asked=$*"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    facts = look_at_service(7, run=tmp_path, proc=tmp_path / "proc")
    assert facts.unit == "tram.service"
    assert facts.words["UnitFileState"] == "enabled"
    assert facts.words["Asked"].startswith("show tram.service")
    assert not look_at_service(7, run=tmp_path / "missing").there
