"""Believable quantities: pure functions of time, so that a test may ask for any minute of any day.

`at(utc_s, up_s)`: Unix seconds and seconds since the instrument was switched on. The same seed gives the
same world. Not modelled: correlation between channels other than a shared Discharge.
"""

import math
from dataclasses import dataclass
from typing import Protocol

DAY_S = 86_400.0
_MASK = (1 << 64) - 1


class Signal(Protocol):
    """One quantity in its unit of measure; NaN: the instrument has no value now."""

    def at(self, utc_s: float, up_s: float) -> float:
        """The value at this time."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same: a set-point, a status word, a value that is stuck."""

    value: float

    def at(self, utc_s: float, up_s: float) -> float:
        """The value, whatever the time."""
        return self.value


@dataclass(frozen=True, slots=True)
class DayCycle:
    """A cosine over the day around `mean`, highest at `peak_h` of local time (`utc_offset_h`, Vietnam 7)."""

    mean: float
    amplitude: float
    peak_h: float = 14.0
    utc_offset_h: float = 7.0

    def at(self, utc_s: float, up_s: float) -> float:
        """The point of the day's curve."""
        hour = utc_s / 3600 + self.utc_offset_h - self.peak_h
        return self.mean + self.amplitude * math.cos(2 * math.pi * hour / 24)


@dataclass(frozen=True, slots=True)
class Noise:
    """About normal, around 0 with deviation `sigma`; a new draw every `step_s`, never beyond 3 sigma."""

    sigma: float
    seed: int
    step_s: float = 1.0

    def at(self, utc_s: float, up_s: float) -> float:
        """The draw of this step: four uniform draws added up are bell-shaped enough."""
        step = math.floor(utc_s / self.step_s)
        bits = _mix(self.seed * 0x9E3779B97F4A7C15 + step)
        uniform = sum((bits >> shift & 0xFFFF) / 0xFFFF for shift in (0, 16, 32, 48)) - 2.0
        return max(-3.0, min(3.0, uniform * math.sqrt(3))) * self.sigma


@dataclass(frozen=True, slots=True)
class Drift:
    """A sensor that ages: `per_day` since `since_s`, at most `limit` to either side."""

    per_day: float
    since_s: float
    limit: float = math.inf

    def at(self, utc_s: float, up_s: float) -> float:
        """How far it has drifted."""
        return max(-self.limit, min(self.limit, self.per_day * (utc_s - self.since_s) / DAY_S))


@dataclass(frozen=True, slots=True)
class Discharge:
    """An excursion of `height`: a steep rise, a plateau, a slow way back. 0 outside.

    Give one start to pH, COD and flow of a station, each with its own height, and they tell one story.
    """

    start_s: float
    height: float
    rise_s: float = 60.0
    hold_s: float = 300.0
    fall_s: float = 900.0

    def at(self, utc_s: float, up_s: float) -> float:
        """The excursion at this time."""
        since = utc_s - self.start_s
        if since < 0:
            return 0.0
        if since < self.rise_s:
            return self.height * since / self.rise_s
        since -= self.rise_s + self.hold_s
        return self.height * (1.0 if since < 0 else math.exp(-3 * since / self.fall_s))


@dataclass(frozen=True, slots=True)
class Counter:
    """Whole units since the instrument was switched on (a totaliser); starts at 0 again after `modulus`."""

    per_s: float
    modulus: int = 1 << 32

    def at(self, utc_s: float, up_s: float) -> float:
        """The count."""
        return float(math.floor(max(0.0, up_s) * self.per_s) % self.modulus)


@dataclass(frozen=True, slots=True)
class Sum:
    """Several influences added up, then kept inside what the sensor can show."""

    parts: tuple[Signal, ...]
    low: float = -math.inf
    high: float = math.inf

    def at(self, utc_s: float, up_s: float) -> float:
        """The sum, clipped."""
        return max(self.low, min(self.high, sum(part.at(utc_s, up_s) for part in self.parts)))


@dataclass(frozen=True, slots=True)
class Stuck:
    """`signal`, but from `from_s` to `to_s` it shows what it showed at `from_s`."""

    signal: Signal
    from_s: float
    to_s: float = math.inf

    def at(self, utc_s: float, up_s: float) -> float:
        """The value, or the old one."""
        if self.from_s <= utc_s < self.to_s:
            return self.signal.at(self.from_s, up_s - (utc_s - self.from_s))
        return self.signal.at(utc_s, up_s)


def living(mean: float, swing: float, seed: int, *, low: float, high: float, peak_h: float = 14.0) -> Sum:
    """A quantity of a living process: a day cycle of `swing` around `mean` with a tenth of it as noise."""
    return Sum((DayCycle(mean, swing, peak_h), Noise(swing / 10, seed)), low, high)


def _mix(number: int) -> int:
    """splitmix64: spreads a number over 64 bits; far cheaper than seeding a generator per draw."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & _MASK
    return number ^ number >> 31
