"""Quantities as pure functions of time."""

import math
from statistics import mean, pstdev

import pytest

from sim.signals import (
    DAY_S,
    Constant,
    Counter,
    DayCycle,
    Discharge,
    Drift,
    Noise,
    Signal,
    Stuck,
    Sum,
    living,
)

pytestmark = pytest.mark.pure

MIDNIGHT_UTC_S = 20_000 * DAY_S


def test_the_day_is_warmest_in_the_early_afternoon_of_vietnam() -> None:
    day = DayCycle(mean=28.0, amplitude=3.0, peak_h=14.0)
    assert day.at(MIDNIGHT_UTC_S + 7 * 3600, 0) == pytest.approx(31.0)
    assert day.at(MIDNIGHT_UTC_S + 19 * 3600, 0) == pytest.approx(25.0)


def test_noise_is_the_same_world_for_the_same_seed_and_another_for_another() -> None:
    first = [Noise(2.0, seed=1).at(second, 0) for second in range(2000)]
    assert first == [Noise(2.0, seed=1).at(second, 0) for second in range(2000)]
    assert first != [Noise(2.0, seed=2).at(second, 0) for second in range(2000)]
    assert abs(mean(first)) < 0.2
    assert 1.8 < pstdev(first) < 2.2
    assert max(map(abs, first)) <= 6.0


def test_noise_stands_still_within_its_step() -> None:
    noise = Noise(1.0, seed=3, step_s=5)
    assert noise.at(100.0, 0) == noise.at(104.9, 0) != noise.at(105.0, 0)


def test_a_sensor_drifts_until_it_is_as_wrong_as_it_gets() -> None:
    drift = Drift(per_day=0.1, since_s=0, limit=0.25)
    assert drift.at(0, 0) == 0
    assert drift.at(2 * DAY_S, 0) == pytest.approx(0.2)
    assert drift.at(9 * DAY_S, 0) == 0.25
    assert drift.at(-9 * DAY_S, 0) == -0.25


def test_a_discharge_rises_stays_and_fades() -> None:
    discharge = Discharge(start_s=1000, height=-3.0, rise_s=60, hold_s=300, fall_s=900)
    assert discharge.at(999, 0) == 0
    assert discharge.at(1030, 0) == pytest.approx(-1.5)
    assert discharge.at(1200, 0) == -3.0
    assert -3.0 < discharge.at(1700, 0) < discharge.at(2200, 0) < 0
    assert discharge.at(1000 + 6 * 3600, 0) == pytest.approx(0.0, abs=1e-6)


def test_a_counter_counts_from_power_on_and_wraps() -> None:
    counter = Counter(per_s=2.5, modulus=100)
    assert [counter.at(MIDNIGHT_UTC_S, up) for up in (0, 1, 2, 39.9, 40, -5)] == [0, 2, 5, 99, 0, 0]


def test_a_stuck_value_shows_the_moment_it_stopped() -> None:
    stuck = Stuck(Counter(1.0), from_s=100, to_s=200)
    assert [stuck.at(utc, utc) for utc in (99, 100, 150, 199.5, 200)] == [99, 100, 100, 100, 200]


def test_influences_add_up_and_stay_inside_the_sensor() -> None:
    ph = Sum((Constant(7.2), Discharge(0, 9.0)), low=0, high=14)
    assert ph.at(-1, 0) == 7.2
    assert ph.at(100, 0) == 14


@pytest.mark.parametrize("hour", range(0, 24, 6))
def test_a_living_quantity_stays_plausible_all_day(hour: int) -> None:
    signal: Signal = living(30.0, 5.0, 7, low=24.0, high=36.0)
    value = signal.at(MIDNIGHT_UTC_S + hour * 3600, 0)
    assert 24.0 <= value <= 36.0
    assert math.isfinite(value)
