"""The agent as a program that runs: does it answer, who started it, and will it come back after a power cut?"""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.doctor.verdict import Verdict, ok, skipped, span, warning, wrong

UNIT_WORDS = ("ActiveState", "Restart", "WatchdogUSec", "NRestarts", "UnitFileState", "User")
ASK_S = 4.0


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """`status`: what it answers; None: nothing, `why`. `pid`: who holds the store's lock; None: nobody, or unseen.

    `hidden`: this user may not even ask. `unknown`: nor can it be said where to ask, without a station file.
    """

    status: Mapping[str, Any] | None
    why: str
    pid: int | None
    hidden: bool = False
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """`there`: this machine was started by systemd. `unit`: the one that runs the agent; None: none. `words` of it."""

    there: bool
    pid: int | None
    unit: str | None
    words: Mapping[str, str]


def judge_agent(facts: AgentFacts) -> list[Verdict]:
    """Its own troubles as well: they are why somebody looks."""
    status = facts.status
    if status is None:
        if facts.unknown:
            return [skipped("agent-unknown")]
        if facts.hidden:
            return [warning("agent-hidden")]
        if facts.pid is not None:
            return [wrong("agent-mute", pid=facts.pid)]
        return [warning("agent-not-running")]
    found = [*_troubles(status), *_devices(status.get("devices", ()))]
    running = span(float(status.get("running_for_s") or 0))
    return [ok("agent-ok", running=running, software=status.get("software", "–")), *found]


def _troubles(status: Mapping[str, Any]) -> list[Verdict]:
    found = []
    ledger = status.get("ledger") or {}
    if ledger.get("trouble"):
        found.append(wrong("agent-store-trouble", trouble=ledger["trouble"]))
    if status.get("reload_refused"):
        found.append(warning("agent-reload-refused", why=status["reload_refused"]))
    return found


def _devices(devices: Iterable[Mapping[str, Any]]) -> list[Verdict]:
    return [
        wrong("agent-device-silent", device=device["device"], trouble=device.get("trouble") or "–")
        for device in devices
        if device.get("silent") or device.get("trouble")
    ]


def judge_service(facts: ServiceFacts) -> list[Verdict]:
    """Started by systemd at every start of the machine, watched, and how often it had to come back."""
    if not facts.there:
        return [skipped("service-none")]
    if facts.pid is None:
        return [skipped("service-no-agent")]
    if facts.unit is None:
        return [warning("service-by-hand", pid=facts.pid)]
    return _unit(facts.unit, facts.words) if facts.words else [skipped("service-mute", unit=facts.unit)]


def _unit(unit: str, words: Mapping[str, str]) -> list[Verdict]:
    found = []
    if words.get("UnitFileState") not in {
        "enabled",
        "enabled-runtime",
        "static",
        "linked",
        "generated",
        "alias",
    }:
        found.append(warning("service-not-enabled", unit=unit))
    if words.get("Restart") in {"no", ""}:
        found.append(warning("service-no-restart", unit=unit))
    if words.get("WatchdogUSec") in {"0", "infinity"}:
        found.append(warning("service-no-watchdog", unit=unit))
    restarts = words.get("NRestarts", "0")
    if restarts not in {"0", ""}:
        found.append(warning("service-restarts", unit=unit, count=restarts))
    return found or [ok("service-ok", unit=unit)]


def look_at_service(
    pid: int | None, *, run: Path = Path("/run/systemd/system"), proc: Path = Path("/proc")
) -> ServiceFacts:
    """Asks systemd about the unit that the agent's process is in."""
    there = run.is_dir()
    unit = unit_in(_text(proc / str(pid) / "cgroup")) if there and pid is not None else None
    return ServiceFacts(there, pid, unit, _words(unit) if unit else {})


def unit_in(cgroup: str) -> str | None:
    """The service that a process belongs to, from /proc/PID/cgroup; a login session is none."""
    for line in cgroup.splitlines():
        last = line.rpartition("/")[2]
        if last.endswith(".service") and not last.startswith("user@"):
            return last
    return None


def _words(unit: str) -> dict[str, str]:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return {}
    command = [systemctl, "show", unit, f"--property={','.join(UNIT_WORDS)}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)  # noqa: S603 - a unit's name
    except subprocess.TimeoutExpired:
        return {}
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
