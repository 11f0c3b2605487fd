"""The clock: is it possible, and does something keep it right? The time zone does not matter: records are in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.doctor.verdict import Verdict, ok, warning, wrong
from agent.version import BUILT_WALL_MS
from drivers.kernel_clock import kernel_clock

YEARS_AHEAD = 20
YEAR_MS = 365 * 86_400_000
KEEPERS = ("chronyd", "systemd-timesyn", "ntpd", "openntpd", "ptp4l", "phc2sys")
"""Programs that keep a clock right, by the kernel's name for them: 15 letters, proc_pid_comm(5)."""
LARGE_ERROR_MS = 5_000


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """`keepers`: programs that run here and keep clocks right."""

    wall_ms: int
    synchronised: bool
    max_error_ms: int
    keepers: tuple[str, ...]


def judge_clock(facts: ClockFacts) -> list[Verdict]:
    """Wrong when the time cannot be; a warning when nobody keeps it right."""
    values: dict[str, object] = {"now": _shown(facts.wall_ms), "built": _shown(BUILT_WALL_MS)[:10]}
    if facts.wall_ms < BUILT_WALL_MS:
        return [wrong("clock-past", **values)]
    if facts.wall_ms > BUILT_WALL_MS + YEARS_AHEAD * YEAR_MS:
        return [wrong("clock-future", **values)]
    keeper = ", ".join(facts.keepers)
    if not facts.synchronised:
        code = "clock-unsynchronised" if keeper else "clock-nobody"
        return [warning(code, **values, keeper=keeper)]
    if facts.max_error_ms > LARGE_ERROR_MS:
        return [warning("clock-loose", **values, error_ms=facts.max_error_ms)]
    return [ok("clock-ok", **values, error_ms=facts.max_error_ms, keeper=keeper or "–")]


def look_at_clock(wall_ms: int) -> ClockFacts:
    """What the kernel says of its clock (adjtimex)."""
    kernel = kernel_clock()
    names = {_name(path) for path in Path("/proc").glob("[0-9]*/comm")}
    found = tuple(keeper for keeper in KEEPERS if keeper in names)
    return ClockFacts(wall_ms, kernel.synchronised, kernel.max_error_us // 1_000, found)


def _name(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _shown(wall_ms: int) -> str:
    return f"{datetime.fromtimestamp(wall_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
