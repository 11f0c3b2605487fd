"""An instrument: quantities that follow time, and the registers in which it shows them.

No loop and no clock: who asks says when. All registers of one request show the same instant, so a value
of several registers is never half old.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from drivers.protocols.modbus import Point, Table, Value, decode, encode
from drivers.protocols.modbus_pdu import DEVICE_FAILURE, ILLEGAL_ADDRESS, ILLEGAL_FUNCTION
from sim.moment import Moment
from sim.signals import Signal

_LIMITS = {
    "int16": (-(1 << 15), (1 << 15) - 1),
    "uint16": (0, (1 << 16) - 1),
    "int32": (-(1 << 31), (1 << 31) - 1),
    "uint32": (0, (1 << 32) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "uint64": (0, (1 << 64) - 1),
    "bcd16": (0, 9999),
    "bcd32": (0, 99_999_999),
    "bit": (0, 1),
}
ALL_FUNCTIONS = frozenset({1, 2, 3, 4, 5, 6, 15, 16, 43})


class Refusal(Exception):
    """The instrument answers with a Modbus exception; `code` says which."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Quantity:
    """One channel: where it stands (`point`), how it behaves, and how its number is made.

    The reader computes raw x `scale` + `offset`; the instrument holds the inverse. `text` is shown instead
    of a number when the point's type is string.
    """

    point: Point
    signal: Signal
    scale: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    text: str = ""

    def words(self, utc_s: float, up_s: float) -> tuple[int, ...]:
        """The registers (bits for a bit table) that show it at this time."""
        if self.point.type == "string":
            return tuple(encode(self.point, self.text))
        return self.words_of(self.signal.at(utc_s, up_s))

    def words_of(self, value: float) -> tuple[int, ...]:
        """The registers that show `value` (in the channel's unit), rounded and clipped to the type."""
        if self.point.type not in _LIMITS:
            return tuple(encode(self.point, self._unscaled(value)))
        low, high = _LIMITS[self.point.type]
        raw = 0 if math.isnan(value) else round(self._unscaled(value))
        return tuple(encode(self.point, max(low, min(high, raw))))

    def read_back(self, words: Sequence[int]) -> Value:
        """What a right reader makes of these registers: scaled in decimal, converted once."""
        raw = decode(self.point, words)
        if raw is None or isinstance(raw, str) or (self.scale == 1 and self.offset == 0):
            return raw
        exact = Fraction(raw) * Fraction(self.scale) + Fraction(self.offset)
        return int(exact) if isinstance(raw, int) and self._is_whole() else float(exact)

    def _is_whole(self) -> bool:
        return self.scale == int(self.scale) and self.offset == int(self.offset)

    def _unscaled(self, value: float) -> float:
        if (self.scale == 1 and self.offset == 0) or not math.isfinite(value):
            return value
        return float((Decimal(repr(value)) - self.offset) / self.scale)

    @property
    def size(self) -> int:
        """Addresses it takes."""
        return self.point.count

    def cut(self, words: Sequence[int], address: int) -> Sequence[int]:
        """Its own part of words that begin at `address`."""
        return words[self.point.address - address :][: self.size]


class Shown(NamedTuple):
    """What one request got: the words, and the channels that are whole inside them."""

    words: tuple[int, ...]
    values: dict[str, Value]


@dataclass(slots=True)
class Instrument:
    """A register bank. An address that neither a quantity nor `fixed` fills is refused (exception 2).

    `functions` are what it speaks, `plate` its device identification (object number to bytes).
    `gaps_read_zero` makes the holes between its registers readable. `writable` are the addresses of `fixed`
    that a master may set. `baudrate` is the speed that its serial port is set to; None: it hears any.
    """

    name: str
    quantities: Sequence[Quantity]
    fixed: dict[tuple[Table, int], int] = field(default_factory=dict)
    plate: Mapping[int, bytes] = field(default_factory=dict)
    functions: frozenset[int] = ALL_FUNCTIONS
    writable: frozenset[tuple[Table, int]] = frozenset()
    gaps_read_zero: bool = False
    broken: bool = False
    baudrate: int | None = None
    _by_hand: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _power_on_mono_ms: int | None = None
    _silent_until_mono_ms: int = 0

    def set(self, channel: str, value: float) -> None:
        """The channel shows this value (in its unit) until `release`. KeyError: no such channel."""
        self._by_hand[channel] = self._quantity(channel).words_of(value)

    def release(self, channel: str) -> None:
        """The channel follows its signal again."""
        self._by_hand.pop(channel, None)

    def reboot(self, now: Moment, silent_s: float) -> None:
        """Power lost: silent for `silent_s`, then counters begin at 0 and hand-set values are gone."""
        self._silent_until_mono_ms = now.mono_ms + round(silent_s * 1000)
        self._power_on_mono_ms = self._silent_until_mono_ms
        self._by_hand.clear()

    def hears(self, baudrate: int | None) -> bool:
        """Whether a question at this speed is more than noise to it. None: the wire has no speed."""
        return None in (baudrate, self.baudrate) or baudrate == self.baudrate

    def is_silent(self, now: Moment) -> bool:
        """Whether it is rebooting."""
        return now.mono_ms < self._silent_until_mono_ms

    def read(self, table: Table, address: int, count: int, now: Moment) -> Shown:
        """The words of `count` addresses at this instant. Refusal 2: one does not exist; 4: broken."""
        self._refuse_when_broken()
        up_s = self._up_s(now)
        words: dict[int, int] = {}
        whole: list[Quantity] = []
        end = address + count
        for quantity in self.quantities:
            start = quantity.point.address
            if quantity.point.table != table or start >= end or start + quantity.size <= address:
                continue
            shown = self._by_hand.get(quantity.point.channel) or quantity.words(now.utc_s, up_s)
            for place, word in enumerate(shown, start):
                words[place] = words.get(place, 0) | word if quantity.point.type == "bit" else word
            if address <= start and start + quantity.size <= end:
                whole.append(quantity)
        served = tuple(self._word(table, place, words) for place in range(address, end))
        # From the words as they leave: another quantity may share the register.
        return Shown(served, {q.point.channel: q.read_back(q.cut(served, address)) for q in whole})

    def write(self, table: Table, address: int, values: Sequence[int]) -> None:
        """Set writable registers or coils. Refusal 2: one does not exist or is read only; 4: broken."""
        self._refuse_when_broken()
        places = [(table, address + place) for place in range(len(values))]
        if not all(place in self.writable for place in places):
            raise Refusal(ILLEGAL_ADDRESS)
        self.fixed.update(zip(places, values, strict=True))

    def speaks(self, function: int) -> None:
        """Refusal 1 when it does not know this function."""
        if function not in self.functions:
            raise Refusal(ILLEGAL_FUNCTION)

    def _refuse_when_broken(self) -> None:
        if self.broken:
            raise Refusal(DEVICE_FAILURE)

    def _word(self, table: Table, address: int, words: Mapping[int, int]) -> int:
        if address in words:
            return words[address]
        if (table, address) in self.fixed:
            return self.fixed[table, address]
        if self.gaps_read_zero and self._is_gap(table, address):
            return 0
        raise Refusal(ILLEGAL_ADDRESS)

    def _is_gap(self, table: Table, address: int) -> bool:
        known = [q.point.address for q in self.quantities if q.point.table == table]
        known += [place for kind, place in self.fixed if kind == table]
        return bool(known) and min(known) <= address <= max(known)

    def _up_s(self, now: Moment) -> float:
        if self._power_on_mono_ms is None:
            self._power_on_mono_ms = now.mono_ms
        return (now.mono_ms - self._power_on_mono_ms) / 1000

    def _quantity(self, channel: str) -> Quantity:
        for quantity in self.quantities:
            if quantity.point.channel == channel:
                return quantity
        raise KeyError(f"{self.name} has no channel {channel!r}")
