"""What the station adds to an instrument's answer."""

import pytest

from agent.flag import MAX_AWAY_MS, ClockTrust, flagged, silent
from telemetry.reading import Block, Flag, Reading
from telemetry.record import ClockState, Moment

pytestmark = pytest.mark.pure

BUILT = 1_790_000_000_000


def flags_of(value: float | str | None, low: float | None, high: float | None, before: int = 0) -> int:
    block = Block(5, (Reading("pH", value, before),))
    (after,) = flagged([block], {"pH": (low, high)}, clock_trusted=True)
    return after.readings[0].flags


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7.2, 0), (14.0, 0), (14.1, Flag.ABOVE_RANGE), (-0.1, Flag.BELOW_RANGE), (0, 0), ("text", 0), (None, 0)],
)
def test_a_value_outside_its_range_is_kept_and_flagged(value: float | str | None, expected: int) -> None:
    assert flags_of(value, 0, 14) == expected


def test_a_range_may_have_one_end() -> None:
    assert flags_of(-5, None, 14) == 0
    assert flags_of(500, 0, None) == 0


def test_the_drivers_own_flags_stay() -> None:
    assert flags_of(99, 0, 14, Flag.INSTRUMENT_FAULT) == Flag.INSTRUMENT_FAULT | Flag.ABOVE_RANGE


def test_every_reading_says_that_the_clock_is_not_trusted() -> None:
    block = Block(5, (Reading("a", 1), Reading("b", None, Flag.NO_COMMUNICATION)))
    (after,) = flagged([block], {}, clock_trusted=False)
    assert [r.flags for r in after.readings] == [
        Flag.CLOCK_NOT_TRUSTED,
        Flag.CLOCK_NOT_TRUSTED | Flag.NO_COMMUNICATION,
    ]
    assert after.at_mono_ms == 5


def test_a_silent_device_gives_all_its_channels_with_the_reason() -> None:
    block = silent(["pH", "Temp"], 77)
    assert block.readings == (
        Reading("pH", None, Flag.NO_COMMUNICATION),
        Reading("Temp", None, Flag.NO_COMMUNICATION),
    )


def at(wall_ms: int, clock: ClockState, mono_ms: int = 100_000) -> Moment:
    return Moment(wall_ms, mono_ms, clock, 3)


def test_a_clock_before_the_software_was_built_is_not_trusted() -> None:
    trust = ClockTrust(BUILT)
    assert not trust.trusted(at(BUILT - 1, ClockState.SYNCHRONISED))
    assert trust.trusted(at(BUILT, ClockState.UNSYNCHRONISED))


def test_after_a_step_only_synchronisation_brings_the_trust_back() -> None:
    trust = ClockTrust(BUILT)
    trust.stepped(0)
    assert not trust.trusted(at(BUILT + 1, ClockState.UNSYNCHRONISED))
    assert not trust.trusted(at(BUILT + 1, ClockState.HOLDOVER))
    assert trust.trusted(at(BUILT + 1, ClockState.SYNCHRONISED))
    assert trust.trusted(at(BUILT + 1, ClockState.HOLDOVER))


@pytest.mark.parametrize(
    ("clock", "away_ms", "sound"),
    [
        (ClockState.UNSYNCHRONISED, MAX_AWAY_MS, True),
        (ClockState.UNSYNCHRONISED, MAX_AWAY_MS + 1, False),
        (ClockState.UNKNOWN, MAX_AWAY_MS + 1, False),
        (ClockState.UNSYNCHRONISED, -MAX_AWAY_MS, True),
        (ClockState.SYNCHRONISED, 70 * MAX_AWAY_MS, True),
        (ClockState.HOLDOVER, 70 * MAX_AWAY_MS, True),
    ],
)
def test_a_clock_that_nobody_set_in_this_run_is_sound_for_a_week_after_it_was_sound_last(
    clock: ClockState, away_ms: int, sound: bool
) -> None:
    now = at(BUILT + 100 * MAX_AWAY_MS, clock)
    assert ClockTrust(BUILT).sound(now, now.wall_ms - away_ms) is sound
    assert ClockTrust(BUILT).sound(now, None)
    assert not ClockTrust(now.wall_ms + 1).sound(now, now.wall_ms)


def test_what_the_kernel_said_just_before_a_step_is_no_synchronisation_after_it() -> None:
    trust = ClockTrust(BUILT)
    trust.stepped(50_000)
    assert not trust.trusted(at(BUILT, ClockState.SYNCHRONISED, mono_ms=50_900))
    assert not trust.trusted(at(BUILT, ClockState.HOLDOVER, mono_ms=60_000))
