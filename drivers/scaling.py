"""From the number in the register to the number that is signed: value = raw x scale + offset.

Scale and offset are the decimals of the station file (0.1 is one tenth, not the float next to it). The
result is computed exactly and rounded to a float once: 71 x 0.1 is 7.1. Where scale and offset are whole,
integers stay integers. Scale 1 and offset 0 leave every value untouched, so that a float32 of the
instrument still fits 32 bits.
"""

from collections.abc import Callable
from fractions import Fraction
from math import lcm

Scaling = Callable[[int | float], int | float | None]
"""None: the result is beyond what 64 bits hold, which no instrument means."""

INT64 = range(-(2**63), 2**63)


def decimal(value: float) -> Fraction:
    """The decimal number that a file says, exactly."""
    return Fraction(repr(value))


def scaling(scale: float, offset: float) -> Scaling | None:
    """The function that scales; None when there is nothing to do.

    Python divides integers correctly rounded, whatever their size: one division is the only rounding.
    """
    if scale == 1 and offset == 0:
        return None
    factor, shift = decimal(scale), decimal(offset)
    divisor = lcm(factor.denominator, shift.denominator)
    times = factor.numerator * (divisor // factor.denominator)
    plus = shift.numerator * (divisor // shift.denominator)

    def scaled(raw: int | float) -> int | float | None:
        numerator, denominator = raw.as_integer_ratio()
        numerator = numerator * times + plus * denominator
        denominator *= divisor
        if denominator == 1 and isinstance(raw, int):
            return numerator if numerator in INT64 else None
        try:
            return numerator / denominator
        except OverflowError:
            return None

    return scaled
