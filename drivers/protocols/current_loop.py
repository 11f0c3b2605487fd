"""4-20 mA: from the number of an analog input to milliamperes, to what the loop says, to the measured value.

    raw → mA: the input's own scale   mA → state: NAMUR NE 43   mA → value: lo + (mA - 4) / 16 x (hi - lo)

Sources: NAMUR NE 43 as told by zeroinstrument.com and instrunexus.com (measuring 3.8 to 20.5 mA, fault below 3.6 and
above 21 mA; the recommendation itself was not read, therefore its limits are a field); Beckhoff KL301x, KL304x and
IP3112, process data (0..20 mA and 4..20 mA are 0..0x7FFF); Moxa ioLogik 85M p.36 (13107 is 4 mA, 65534 is 20 mA);
Advantech ADAM-6017 (0..65535 over the range).

An input that stands still at the end of its scale hides what the wire does beyond: in its 4-20 mA mode a broken wire
reads like exactly 4 mA, in its 0-20 mA mode 24 mA read like 20. Such a number is CLIPPED, never MEASURING; only the
0-20 mA mode can show a broken wire. NE 43 lets a fault last before it counts; that is left to whoever has a clock.
Everything is computed in fractions; a result is rounded once, to 28 digits.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from enum import Enum
from fractions import Fraction
from typing import Final, NamedTuple

_ROUNDED: Final = Context(prec=28)
Span = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Limits:
    """Currents in mA: below `fault_low` and above `fault_high` the transmitter or the wire is broken; from `low` to
    `high` it measures; between it has left its range. A limit itself belongs to the better side.
    """

    fault_low_ma: Decimal = Decimal("3.6")
    low_ma: Decimal = Decimal("3.8")
    high_ma: Decimal = Decimal("20.5")
    fault_high_ma: Decimal = Decimal(21)

    def __post_init__(self) -> None:
        if not self.fault_low_ma <= self.low_ma < self.high_ma <= self.fault_high_ma:
            raise ValueError("limits rise: fault low, low, high, fault high")


NE43: Final = Limits()


class State(Enum):
    """What a loop says: a phrase, the name of a flag (empty: none), and whether there is a value."""

    MEASURING = ("measuring", "", True)
    UNDER_RANGE = ("current below the measuring range", "below_range", True)
    OVER_RANGE = ("current above the measuring range", "above_range", True)
    CLIPPED_LOW = ("input at the lower end of its scale", "below_range", True)
    CLIPPED_HIGH = ("input at the upper end of its scale", "above_range", True)
    FAULT_LOW = ("current below the failure limit, or a broken wire", "instrument_fault", False)
    FAULT_HIGH = ("current above the failure limit, or a short circuit", "instrument_fault", False)

    def __init__(self, phrase: str, flag: str, has_value: bool) -> None:
        self.phrase = phrase
        self.flag = flag
        self.has_value = has_value


@dataclass(frozen=True, slots=True)
class Loop:
    """One analog input and the transmitter on it.

    span      values at `live_ma`, in the transmitter's unit; the first may be the higher one
    raw, ma   two numbers of the input and the currents that they mean
    ends      numbers at which the input stands still; None: those of `raw`
    live_ma   currents between which the transmitter measures
    limits    None: a loop without failure information, like 0-20 mA; only the ends are judged
    """

    span: Span
    raw: Span = (Decimal(0), Decimal(65535))
    ma: Span = (Decimal(0), Decimal(20))
    ends: Span | None = None
    live_ma: Span = (Decimal(4), Decimal(20))
    limits: Limits | None = NE43

    def __post_init__(self) -> None:
        for name in ("raw", "ma", "live_ma", "ends"):
            pair: Span | None = getattr(self, name)
            if pair is not None and not pair[0] < pair[1]:
                raise ValueError(f"{name} must rise, got {pair[0]} and {pair[1]}")
        if self.span[0] == self.span[1] or not all(end.is_finite() for end in self.span):
            raise ValueError(f"span must be two different numbers, got {self.span[0]} and {self.span[1]}")


class Measured(NamedTuple):
    """`value` in the transmitter's unit, None in a fault; `current_ma` always."""

    state: State
    current_ma: Decimal
    value: Decimal | None


def decode(loop: Loop, raw: int | Decimal) -> Measured:
    """What the loop says when its input reads `raw`. ValueError: not a finite number."""
    number = Decimal(raw)
    if not number.is_finite():
        raise ValueError(f"an input reads a number, got {raw}")
    current = _mapped(Fraction(number), loop.raw, loop.ma)
    state = _state(loop, number, current)
    value = _decimal(_mapped(current, loop.live_ma, loop.span)) if state.has_value else None
    return Measured(state, _decimal(current), value)


def encode(loop: Loop, value: Decimal) -> Decimal:
    """What the input reads, not beyond its ends, when the transmitter sends `value`; its type rounds it."""
    return _read(loop, _mapped(Fraction(value), loop.span, loop.live_ma))


def encode_current(loop: Loop, current_ma: Decimal) -> Decimal:
    """The same for a current, so that a simulated transmitter can fail."""
    return _read(loop, Fraction(current_ma))


def _read(loop: Loop, current_ma: Fraction) -> Decimal:
    low, high = loop.ends or loop.raw
    return min(max(_decimal(_mapped(current_ma, loop.ma, loop.raw)), low), high)


def _mapped(number: Fraction, of: Span, to: Span) -> Fraction:
    """The straight line through two points."""
    low, high, first, last = map(Fraction, (*of, *to))
    return first + (number - low) * (last - first) / (high - low)


def _decimal(number: Fraction) -> Decimal:
    return _ROUNDED.divide(Decimal(number.numerator), Decimal(number.denominator))


def _state(loop: Loop, raw: Decimal, current_ma: Fraction) -> State:
    """A fault is told before a clipped input: below the failure limit it is certain, wherever the scale ends."""
    low, high = loop.ends or loop.raw
    limits = loop.limits
    verdicts = (
        (limits is not None and current_ma < Fraction(limits.fault_low_ma), State.FAULT_LOW),
        (limits is not None and current_ma > Fraction(limits.fault_high_ma), State.FAULT_HIGH),
        (raw <= low, State.CLIPPED_LOW),
        (raw >= high, State.CLIPPED_HIGH),
        (limits is not None and current_ma < Fraction(limits.low_ma), State.UNDER_RANGE),
        (limits is not None and current_ma > Fraction(limits.high_ma), State.OVER_RANGE),
    )
    return next((state for holds, state in verdicts if holds), State.MEASURING)
