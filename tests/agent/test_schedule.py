"""When a device is polled."""

from itertools import pairwise

import pytest

from agent.schedule import PROBE_MAX_MS, Due, next_due_ms, probe_pause_ms

pytestmark = pytest.mark.pure


def test_a_five_second_poll_is_at_the_wall_clocks_fives() -> None:
    wall_minus_mono = 1_767_225_601_234  # an instant that is on no boundary
    due = next_due_ms(10_000, wall_minus_mono, 5_000, None)
    assert (due + wall_minus_mono) % 5_000 == 0
    assert 10_000 < due <= 15_000


def test_waking_a_hair_early_does_not_poll_twice() -> None:
    last_due = next_due_ms(0, 0, 5_000, None)
    assert next_due_ms(last_due - 2, 0, 5_000, last_due) == last_due + 5_000


def test_polls_never_drift_however_late_each_one_is() -> None:
    due = Due(1_000, 1_000)
    for _ in range(500):
        due = due.after_answer(due.due_ms + 37, 0)
        assert due.due_ms % 1_000 == 0
    assert due.due_ms == 501_000


def test_fractions_of_a_millisecond_do_not_make_a_poll_tremble() -> None:
    wall_minus_mono = 1_767_225_601_234.567
    due = Due(1_000, 0)
    dues = []
    for late_ms in (0.1, 0.9, 0.4, 7.3):
        due = due.after_answer(due.due_ms + late_ms, wall_minus_mono)
        dues.append(due.due_ms)
    assert [later - due for due, later in pairwise(dues)] == pytest.approx([1_000] * 3, abs=0.001)


def test_a_poll_longer_than_its_period_skips_and_does_not_burst() -> None:
    due = Due(1_000, 1_000).after_answer(4_500, 0)
    assert due.due_ms == 5_000


@pytest.mark.parametrize("step_ms", [3_600_000, -3_600_000, 1_250, -1_250, 123])
def test_after_a_clock_step_polls_realign_without_a_burst(step_ms: int) -> None:
    due = Due(5_000, 50_000)
    after = due.after_answer(50_020, step_ms)
    assert (after.due_ms + step_ms) % 5_000 == 0
    assert 2_500 <= after.due_ms - due.due_ms <= 7_500


def test_a_dead_device_is_asked_less_and_less_but_at_least_every_minute() -> None:
    due, gaps, now = Due(5_000, 0), [], 0.0
    for _ in range(10):
        later = due.after_failure(now + 1_000, 0)
        gaps.append(later.due_ms - due.due_ms)
        due, now = later, later.due_ms
    assert gaps == [5_000, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000, 60_000, 60_000]


def test_a_device_that_answers_again_is_back_at_its_period() -> None:
    due = Due(5_000, 0, failures=7).after_answer(100, 0)
    assert (due.due_ms, due.failures) == (5_000, 0)


@pytest.mark.parametrize(("every_ms", "longest"), [(7_000, 56_000), (60_000, 60_000), (900_000, 900_000)])
def test_probes_stay_on_the_devices_own_grid(every_ms: int, longest: int) -> None:
    assert probe_pause_ms(every_ms, 30) == longest
    assert longest <= max(PROBE_MAX_MS, every_ms)
