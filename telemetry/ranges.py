"""Arithmetic on sets of seq numbers, as sorted inclusive ranges that are apart (no overlap, no touching).

Pure functions: a new tuple each time. A range with first > last is not a range and is never returned.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

Range = tuple[int, int]
Ranges = tuple[Range, ...]


def normal(ranges: Iterable[Range]) -> Ranges:
    """Any ranges, sorted and joined where they overlap or touch."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if first > last:
            continue
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def add(ranges: Sequence[Range], *more: Range) -> Ranges:
    """`ranges` and each range of `more`."""
    return normal((*ranges, *more))


def subtract(ranges: Sequence[Range], less: Iterable[Range]) -> Ranges:
    """What is in `ranges` and not in `less`."""
    holes = normal(less)
    left: list[Range] = []
    at = 0
    for begin, last in ranges:
        first = begin
        while at < len(holes) and holes[at][1] < first:
            at += 1
        look = at
        while look < len(holes) and holes[look][0] <= last:
            if first < holes[look][0]:
                left.append((first, holes[look][0] - 1))
            first = holes[look][1] + 1
            look += 1
        if first <= last:
            left.append((first, last))
    return tuple(left)


def intersect(ranges: Sequence[Range], others: Sequence[Range]) -> Ranges:
    """What is in both."""
    both: list[Range] = []
    a = b = 0
    while a < len(ranges) and b < len(others):
        first, last = max(ranges[a][0], others[b][0]), min(ranges[a][1], others[b][1])
        if first <= last:
            both.append((first, last))
        if ranges[a][1] < others[b][1]:
            a += 1
        else:
            b += 1
    return tuple(both)


def clip(ranges: Sequence[Range], first: int, last: int) -> Ranges:
    """What is from `first` to `last`. Costs as much as it gives, however long `ranges` is."""
    found: list[Range] = []
    at = bisect_left(ranges, first, key=lambda r: r[1])
    while at < len(ranges) and ranges[at][0] <= last:
        found.append((max(first, ranges[at][0]), min(last, ranges[at][1])))
        at += 1
    return tuple(found) if first <= last else ()


def covers(ranges: Sequence[Range], seq: int) -> bool:
    """Whether `seq` is in `ranges`."""
    at = bisect_right(ranges, seq, key=lambda r: r[0])
    return at > 0 and ranges[at - 1][1] >= seq


def count(ranges: Sequence[Range]) -> int:
    """How many numbers there are."""
    return sum(last - first + 1 for first, last in ranges)


def coarse(ranges: Ranges, most: int) -> Ranges:
    """At most `most` ranges that hold all of `ranges`: the closest are joined, with what is between them."""
    if len(ranges) <= most:
        return ranges
    distances = sorted(ranges[at + 1][0] - ranges[at][1] for at in range(len(ranges) - 1))
    widest = distances[len(ranges) - most :]
    joined: list[Range] = [ranges[0]]
    for first, last in ranges[1:]:
        distance = first - joined[-1][1]
        place = bisect_left(widest, distance)
        if place < len(widest) and widest[place] == distance:
            widest.pop(place)
            joined.append((first, last))
        else:
            joined[-1] = (joined[-1][0], last)
    return tuple(joined)
