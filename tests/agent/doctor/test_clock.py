"""The clock: possible, and kept right by somebody."""

import time
from datetime import UTC, datetime

import pytest

from agent.doctor.clock import ClockFacts, judge_clock, look_at_clock
from agent.version import BUILT_WALL_MS
from tests.agent.doctor.spoken import spoken

DAY_MS = 86_400_000
NOW = BUILT_WALL_MS + 100 * DAY_MS


@pytest.mark.pure
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (ClockFacts(NOW, True, 12, ("chronyd",)), "ok clock-ok"),
        (ClockFacts(NOW, True, 12, ()), "ok clock-ok"),
        (ClockFacts(NOW, False, 16_000, ("chronyd",)), "warning clock-unsynchronised"),
        (ClockFacts(NOW, False, 16_000, ()), "warning clock-nobody"),
        (ClockFacts(NOW, True, 9_000, ("chronyd",)), "warning clock-loose"),
        (ClockFacts(0, False, 0, ()), "wrong clock-past"),
        (ClockFacts(BUILT_WALL_MS - 1, True, 0, ("chronyd",)), "wrong clock-past"),
        (ClockFacts(NOW + 30 * 365 * DAY_MS, True, 0, ("chronyd",)), "wrong clock-future"),
    ],
)
def test_a_clock(facts: ClockFacts, said: str) -> None:
    assert spoken(judge_clock(facts)) == [said]


@pytest.mark.pure
def test_the_time_is_shown_in_utc_to_be_compared() -> None:
    (said,) = judge_clock(
        ClockFacts(int(datetime(2027, 3, 1, 7, 5, tzinfo=UTC).timestamp() * 1000), True, 1, ())
    )
    assert said.values["now"] == "2027-03-01 07:05:00 UTC"


def test_this_machine_is_asked() -> None:
    facts = look_at_clock(time.time_ns() // 1_000_000)
    assert facts.max_error_ms >= 0
    assert len(spoken(judge_clock(facts))) == 1
