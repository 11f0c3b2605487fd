"""What a calendar has, and what damage makes of it."""

import pytest

from drivers.protocols.local_time import LocalTime

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    "time", [(2024, 2, 29, 23, 59, 59), (2000, 2, 29, 0, 0), (2026, 12, 31, 0, 0), (2026, 4, 30, 12, 0)]
)
def test_a_day_that_is_in_the_calendar_exists(time: tuple[int, ...]) -> None:
    assert LocalTime(*time).exists


@pytest.mark.parametrize(
    "time",
    [
        (2026, 2, 29, 0, 0),
        (2100, 2, 29, 0, 0),
        (2026, 4, 31, 0, 0),
        (2026, 0, 1, 0, 0),
        (2026, 13, 1, 0, 0),
        (2026, 1, 0, 0, 0),
        (0, 1, 1, 0, 0),
        (2026, 1, 1, 24, 0),
        (2026, 1, 1, 0, 60),
        (2026, 1, 1, 0, 0, 60),
    ],
)
def test_a_time_that_no_calendar_and_no_clock_shows_does_not(time: tuple[int, ...]) -> None:
    assert not LocalTime(*time).exists
