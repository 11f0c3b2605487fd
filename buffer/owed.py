"""Arithmetic on sets of sequence numbers, written as sorted, disjoint, non-adjacent inclusive ranges.

A set that also holds every number still to come ends at OPEN. So a new record is owed to every destination
without a write: only what was delivered changes the stored ranges. A ledger that has ended keeps such a range
as well; readers clip it to the ledger's last record.
"""

from collections.abc import Iterable, Sequence

Range = tuple[int, int]
Ranges = tuple[Range, ...]

OPEN = (1 << 40) - 1
"""Above every real seq: 3,400 years at ten records a second."""


def normal(ranges: Iterable[Range]) -> Ranges:
    """The same set, sorted and merged. Empty ranges (first > last) vanish."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if first > last:
            continue
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def add(these: Ranges, more: Iterable[Range]) -> Ranges:
    """Union."""
    return normal((*these, *more))


def subtract(these: Ranges, others: Iterable[Range]) -> Ranges:
    """What is in `these` and in none of `others`."""
    rest: list[Range] = []
    holes = normal(others)
    at = 0
    for first, last in these:
        low = first
        while at < len(holes) and holes[at][1] < low:
            at += 1
        look = at
        while look < len(holes) and holes[look][0] <= last:
            if holes[look][0] > low:
                rest.append((low, holes[look][0] - 1))
            low = holes[look][1] + 1
            look += 1
        if low <= last:
            rest.append((low, last))
    return tuple(rest)


def clip(these: Sequence[Range], first: int, last: int) -> Ranges:
    """The part between first and last, both included."""
    return tuple((max(low, first), min(high, last)) for low, high in these if low <= last and high >= first)


def count(these: Iterable[Range]) -> int:
    """How many numbers."""
    return sum(last - first + 1 for first, last in these)


def covers(these: Iterable[Range], seq: int) -> bool:
    """Whether seq is in the set."""
    return any(first <= seq <= last for first, last in these)
