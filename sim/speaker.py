"""An instrument that speaks in characters: quantities that follow time, as numbers in its own words.

No loop and no clock: who asks says when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from sim.moment import Moment
from sim.signals import Signal


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that it says under the name `field`: value of the channel = number x scale + offset.

    `decimals`: how many it shows.
    """

    channel: str
    field: str
    signal: Signal
    scale: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    decimals: int = 3

    def number(self, now: Moment, up_s: float) -> Decimal:
        """What it shows, in the instrument's own unit."""
        value = Decimal(repr(self.signal.at(now.utc_s, up_s)))
        return round((value - self.offset) / self.scale, self.decimals)

    def value(self, number: Decimal) -> float:
        """What a right reader makes of it."""
        return float(Fraction(number) * Fraction(self.scale) + Fraction(self.offset))


class Shown(NamedTuple):
    """One instant: numbers by field, and values by channel."""

    numbers: dict[str, Decimal]
    values: dict[str, float]


@dataclass(slots=True)
class Speaker:
    """One instrument. `figures` are what it measures."""

    name: str
    figures: Sequence[Figure]
    _by_hand: dict[str, Decimal] | None = None
    _power_on_mono_ms: int | None = None
    _silent_until_mono_ms: int = 0

    def shown(self, now: Moment) -> Shown:
        """All of its numbers at this instant."""
        if self._power_on_mono_ms is None:
            self._power_on_mono_ms = now.mono_ms
        up_s = (now.mono_ms - self._power_on_mono_ms) / 1000
        numbers, values = {}, {}
        for figure in self.figures:
            number = (self._by_hand or {}).get(figure.field, figure.number(now, up_s))
            numbers[figure.field] = number
            values[figure.channel] = figure.value(number)
        return Shown(numbers, values)

    def set(self, numbers: Mapping[str, Decimal]) -> None:
        """These fields show these numbers until a reboot."""
        self._by_hand = {**(self._by_hand or {}), **numbers}

    def reboot(self, now: Moment, silent_s: float) -> None:
        """Power lost: silent for `silent_s`."""
        self._silent_until_mono_ms = now.mono_ms + round(silent_s * 1000)
        self._power_on_mono_ms = self._silent_until_mono_ms
        self._by_hand = None

    def is_silent(self, now: Moment) -> bool:
        """Whether it is rebooting."""
        return now.mono_ms < self._silent_until_mono_ms
