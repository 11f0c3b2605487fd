"""What a channel shows on a quiet day."""

import pytest

from drivers import units
from sim.plausible import TOTALS, USUAL, signal
from sim.signals import Constant, Counter

pytestmark = pytest.mark.pure

HOURS = [20_000 * 86_400.0 + 3600 * hour for hour in range(24)]


@pytest.mark.parametrize(
    ("unit", "low", "high"),
    [
        ("pH", 0, 14),
        ("mg/L", 0, 5),
        ("degC", -20, 60),
        ("m", 100, 101),
        ("1", 0, 1000),
        ("Pa", -50, 0),
        ("ppm", 3, 4),
    ],
)
def test_a_channel_with_a_range_stays_well_inside_it_and_moves(unit: str, low: float, high: float) -> None:
    shown = [signal(unit, low, high, 5).at(utc_s, 0) for utc_s in HOURS]
    assert low < min(shown) < max(shown) < high


@pytest.mark.parametrize("unit", USUAL)
def test_what_is_usual_is_in_the_drivers_table_and_is_not_negative_by_accident(unit: str) -> None:
    assert unit in units.KNOWN
    shown = [signal(unit, None, None, 5).at(utc_s, 0) for utc_s in HOURS]
    assert USUAL[unit].mean < 0 or min(shown) >= 0
    assert len(set(shown)) > 1


def test_ph_is_about_seven_and_spelling_does_not_matter() -> None:
    assert 6 < signal("pH", None, None, 1).at(HOURS[0], 0) < 8.5
    assert signal("mg/l", None, None, 1) == signal("mg/L", None, None, 1)


def test_a_total_counts_and_an_unknown_quantity_stands_still() -> None:
    assert set(units.KNOWN) >= TOTALS
    assert isinstance(signal("m3", None, None, 1), Counter)
    assert signal("1", None, None, 1) == Constant(0)


def test_two_channels_of_one_unit_do_not_move_together() -> None:
    one, other = ([signal("mg/L", 0, 50, seed).at(t, 0) for t in HOURS] for seed in (1, 2))
    assert one != other
