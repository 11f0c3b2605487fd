"""Scaling is decimal and rounded once."""

from decimal import Decimal, getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scaling import scaling

pytestmark = pytest.mark.pure


def scaled(raw: float, scale: float, offset: float = 0.0) -> float | None:
    function = scaling(scale, offset)
    assert function is not None
    return function(raw)


def test_71_tenths_are_7_1() -> None:
    assert 71 * 0.1 != 7.1
    assert scaled(71, 0.1) == 7.1


def test_nothing_to_do_is_nothing_done() -> None:
    assert scaling(1.0, 0.0) is None


def test_whole_scale_and_offset_keep_integers_whole() -> None:
    value = scaled(12, 10.0, -40.0)
    assert value == 80
    assert isinstance(value, int)


def test_a_decimal_scale_gives_a_float_even_when_the_value_is_whole() -> None:
    assert isinstance(scaled(70, 0.1), float)


def test_an_offset_alone() -> None:
    assert scaled(2000, 0.1, -50.0) == 150.0
    assert scaled(3, 1.0, -273.15) == -270.15


def test_a_float_of_the_device_is_scaled_exactly_as_it_is() -> None:
    assert scaled(3.299999952316284, 10.0) == 32.99999952316284


@pytest.mark.parametrize(("raw", "scale"), [(1e308, 1000.0), (2**63, 10.0)])
def test_a_result_beyond_64_bits_is_no_value(raw: float, scale: float) -> None:
    assert scaled(raw, scale) is None


@given(st.integers(-(2**63), 2**64 - 1), st.integers(-(10**6), 10**6), st.integers(-6, 3))
def test_the_result_is_the_float_nearest_to_the_decimal_one(raw: int, digits: int, exponent: int) -> None:
    getcontext().prec = 60
    scale = float(f"{digits or 1}e{exponent}")
    function = scaling(scale, 0.5)
    assert function is not None
    assert function(raw) == float(raw * Decimal(repr(scale)) + Decimal("0.5"))
