"""Marks, counts and the exit code."""

import pytest

from agent.doctor.verdict import Mark, counts, exit_code, lines, ok, skipped, span, warning, wrong

pytestmark = pytest.mark.pure


def test_only_what_is_wrong_fails_a_nightly_timer() -> None:
    fine = lines("key", "", [ok("a"), warning("b"), skipped("c")])
    assert exit_code(fine) == 0
    assert exit_code([*fine, *lines("disk", "", [wrong("d")])]) == 1
    assert exit_code([]) == 0


def test_every_mark_is_counted_also_when_there_is_none_of_it() -> None:
    assert counts(lines("key", "", [ok("a"), ok("b"), wrong("c")])) == {
        Mark.OK: 2,
        Mark.WARNING: 0,
        Mark.WRONG: 1,
        Mark.SKIPPED: 0,
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (9_000, "2.5 h"), (200_000, "2.31 d")],
)
def test_a_length_of_time_is_read_the_same_in_every_language(seconds: float, text: str) -> None:
    assert span(seconds) == text
