"""What a status channel says of the other channels of its device: calibration, fault, held values. Pure.

The status stays an ordinary channel, signed with its own number; here its meaning becomes flags of the readings
that came in the same poll. A status that could not be read is no good news: its own flags go to all it speaks for.
Status and value may come in two answers, so a change between the two is seen one poll late.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from telemetry.reading import RULES, Block, Flag, Reading

StatusMeaning = Literal[
    "valid",
    "calibration",
    "maintenance",
    "instrument fault",
    "above range",
    "below range",
    "stale",
    "implausible",
    "warming up / recovery",
    "out of service",
]
OTHER = "other"
_BIT = "bit"
_FAULT = int(Flag.INSTRUMENT_FAULT)
_MEANINGS = get_args(StatusMeaning)
_FLAGS: dict[str, int] = {"valid": 0} | {rule.words: int(rule.flag) for rule in RULES}


class StatusRule(NamedTuple):
    """`channel` speaks for `flagged`. `by_bit`: bit number and its flags; `other`: of a value that is not listed."""

    channel: str
    flagged: frozenset[str]
    by_value: Mapping[int, int]
    by_bit: Sequence[tuple[int, int]]
    other: int

    def flags(self, status: Reading) -> int:
        """What this status adds to the readings it speaks for."""
        value = status.value
        if not isinstance(value, int):
            return status.flags or _FAULT
        flags = self.by_value.get(value, self.other)
        for bit, flag in self.by_bit:
            if value >> bit & 1:
                flags |= flag
        return flags

    def well(self) -> int:
        """The lowest value with which nothing is flagged; 0 when every listed one flags something."""
        if self.by_bit:
            return 0
        fine = [value for value, flags in self.by_value.items() if not flags]
        unlisted = next(value for value in range(len(self.by_value) + 1) if value not in self.by_value)
        return min(fine) if fine or self.other else unlisted


def rule(channel: str, flagged: Collection[str], meanings: Mapping[str, str]) -> StatusRule:
    """From the channel's table. ValueError: a key that is no value, bit or "other"; both values and bits; a word
    that is no `StatusMeaning`.
    """
    by_value: dict[int, int] = {}
    by_bit: dict[int, int] = {}
    for key, meaning in meanings.items():
        if key != OTHER:
            numbers, number = (by_bit, key[len(_BIT) :]) if key.startswith(_BIT) else (by_value, key)
            _put(numbers, _number(key, number), _flag(meaning))
    if by_bit and (by_value or OTHER in meanings):
        raise ValueError("whole values (or other) and single bits: a status is read in one of the two ways")
    other = _flag(meanings.get(OTHER, "valid"))
    return StatusRule(channel, frozenset(flagged), by_value, tuple(by_bit.items()), other)


def flagged(blocks: Sequence[Block], rules: Sequence[StatusRule]) -> tuple[Block, ...]:
    """The blocks of one poll with the flags that its status channels call for."""
    readings = {reading.channel: reading for block in blocks for reading in block.readings}
    added: dict[str, int] = {}
    for each in rules:
        flags = each.flags(readings[each.channel])
        for channel in each.flagged if flags else ():
            added[channel] = added.get(channel, 0) | flags
    return with_flags(blocks, added)


def with_flags(blocks: Sequence[Block], added: Mapping[str, int]) -> tuple[Block, ...]:
    """The blocks with these flags added, by channel."""
    if not added:
        return tuple(blocks)
    return tuple(Block(block.at_mono_ms, tuple(_with(added, block.readings))) for block in blocks)


def _with(added: Mapping[str, int], readings: Sequence[Reading]) -> Iterator[Reading]:
    for reading in readings:
        flags = added.get(reading.channel, 0)
        yield reading._replace(flags=reading.flags | flags) if flags else reading


def _put(numbers: dict[int, int], number: int, flags: int) -> None:
    if number in numbers:
        raise ValueError(f"{number} is there twice")
    numbers[number] = flags


def _flag(meaning: str) -> int:
    if meaning not in _MEANINGS:
        raise ValueError(f'"{meaning}" is not one of the known words: {", ".join(_MEANINGS)}')
    return _FLAGS[meaning]


def _number(key: str, text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError(
            f'"{key}" is no status: a value (3, 0x3C), a bit (bit0, the least significant), or other'
        ) from None
