"""Milliamperes of a transmitter: the numbers of real inputs, the limits of NE 43, and wires that break."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest

from drivers.protocols.current_loop import NE43, Limits, Loop, State, decode, encode, encode_current

pytestmark = pytest.mark.pure

D = Decimal
PH = Loop((D(0), D(14)))
"""pH 0 to 14 on a 16-bit input in its 0-20 mA mode."""
PH_4_20 = Loop((D(0), D(14)), ma=(D(4), D(20)))
"""The same on an input in its 4-20 mA mode."""
BECKHOFF = Loop((D(0), D(100)), raw=(D(0), D(0x7FFF)))
MOXA = Loop((D(0), D(100)), raw=(D(13107), D(65534)), ma=(D(4), D(20)), ends=(D(0), D(65535)))
IN_MA = Loop((D(0), D(100)), raw=(D(0), D(20)), ends=(D(0), D(24)))
"""An input that gives milliamperes itself, up to 24."""
WITHOUT_LIVE_ZERO = Loop((D(0), D(100)), live_ma=(D(0), D(20)), limits=None)


@pytest.mark.parametrize(
    ("loop", "raw", "current_ma", "value", "state"),
    [
        (PH, 13107, "4", "0", State.MEASURING),
        (PH, 39321, "12", "7", State.MEASURING),
        (PH, 12452, "249040/65535", None, State.MEASURING),
        (PH, 12451, "249020/65535", None, State.UNDER_RANGE),
        (PH, 11797, "235940/65535", None, State.UNDER_RANGE),
        (PH, 11796, "235920/65535", None, State.FAULT_LOW),
        (PH, 0, "0", None, State.FAULT_LOW),
        (PH, 65534, "1310680/65535", None, State.MEASURING),
        (PH, 65535, "20", "14", State.CLIPPED_HIGH),
        (PH_4_20, 0, "4", "0", State.CLIPPED_LOW),
        (PH_4_20, 65535, "20", "14", State.CLIPPED_HIGH),
        (BECKHOFF, 0x3FFF, "327660/32767", None, State.MEASURING),
        (BECKHOFF, 0x7FFF, "20", "100", State.CLIPPED_HIGH),
        (MOXA, 13107, "4", "0", State.MEASURING),
        (MOXA, 65534, "20", "100", State.MEASURING),
        (MOXA, 65535, "1048556/52427", None, State.CLIPPED_HIGH),
        (WITHOUT_LIVE_ZERO, 13107, "4", "20", State.MEASURING),
        (WITHOUT_LIVE_ZERO, 0, "0", "0", State.CLIPPED_LOW),
    ],
)
def test_the_numbers_of_real_inputs(
    loop: Loop, raw: int, current_ma: str, value: str | None, state: State
) -> None:
    measured = decode(loop, raw)
    assert measured.state is state
    assert abs(Fraction(measured.current_ma) - Fraction(current_ma)) < Fraction(1, 10**25)
    assert value is None or measured.value == D(value)
    assert (measured.value is None) is (state in {State.FAULT_LOW, State.FAULT_HIGH})


@pytest.mark.parametrize(
    ("current_ma", "state"),
    [
        ("0", State.FAULT_LOW),
        ("3.599", State.FAULT_LOW),
        ("3.6", State.UNDER_RANGE),
        ("3.799", State.UNDER_RANGE),
        ("3.8", State.MEASURING),
        ("20.5", State.MEASURING),
        ("20.501", State.OVER_RANGE),
        ("21", State.OVER_RANGE),
        ("21.001", State.FAULT_HIGH),
        ("24", State.FAULT_HIGH),
    ],
)
def test_the_limits_of_ne_43(current_ma: str, state: State) -> None:
    assert decode(IN_MA, D(current_ma)).state is state


def test_between_the_live_zero_and_its_limit_a_value_goes_on_below_its_span() -> None:
    assert decode(IN_MA, D("3.84")).value == D(-1)
    assert decode(IN_MA, D("20.16")).value == D(101)


def test_a_broken_wire_shows_in_the_0_20_ma_mode_only() -> None:
    assert decode(PH, int(encode_current(PH, D(0)))).state is State.FAULT_LOW
    assert decode(PH_4_20, int(encode_current(PH_4_20, D(0)))).state is State.CLIPPED_LOW


@pytest.mark.parametrize(("current_ma", "raw"), [("3.6", 11796), ("3.8", 12452), ("4", 13107), ("12", 39321)])
def test_a_current_is_read_as_the_nearest_number(current_ma: str, raw: int) -> None:
    assert round(encode_current(PH, D(current_ma))) == raw


def test_an_input_stands_still_at_its_ends() -> None:
    assert encode_current(PH, D(24)) == 65535
    assert encode_current(PH_4_20, D("3.5")) == 0
    assert encode_current(MOXA, D(24)) == 65535
    assert round(encode_current(MOXA, D(0))) == 0
    assert encode(PH, D(20)) == 65535


@pytest.mark.parametrize(
    "loop", [PH, PH_4_20, BECKHOFF, MOXA, Loop((D(14), D(0))), Loop((D(-50), D("150.5")))]
)
def test_every_value_comes_back_within_one_step_of_the_input(loop: Loop) -> None:
    low, high = loop.span
    raw_low, raw_high = loop.raw
    step = abs(high - low) * (loop.ma[1] - loop.ma[0]) / 16 / (raw_high - raw_low)
    for tenth in range(1, 10):
        value = low + (high - low) * tenth / 10
        back = decode(loop, round(encode(loop, value))).value
        assert back is not None
        assert abs(back - value) <= step


def test_a_result_does_not_depend_on_the_precision_of_whoever_asks() -> None:
    asked = decode(PH, 12452)
    with localcontext() as context:
        context.prec = 3
        assert decode(PH, 12452) == asked


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "sNaN"])
def test_what_is_no_number_has_no_state(raw: str) -> None:
    with pytest.raises(ValueError, match="reads a number"):
        decode(PH, D(raw))


def test_every_state_has_a_phrase_and_what_is_not_measuring_has_a_flag() -> None:
    assert {state.flag for state in State} == {"", "below_range", "above_range", "instrument_fault"}
    assert [state for state in State if not state.flag] == [State.MEASURING]
    assert all(state.phrase == state.phrase.lower() for state in State)


def test_a_loop_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="span must be two different"):
        Loop((D(1), D(1)))
    with pytest.raises(ValueError, match="span must be two different"):
        Loop((D(1), D("NaN")))
    for name in ("raw", "ma", "live_ma", "ends"):
        falling: dict[str, Any] = {name: (D(20), D(4))}
        with pytest.raises(ValueError, match=f"{name} must rise"):
            replace(PH, **falling)
    with pytest.raises(ValueError, match="limits rise"):
        Limits(low_ma=D("3.5"))
    assert Limits() == NE43
