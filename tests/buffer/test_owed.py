"""Ranges against plain sets."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffer.owed import OPEN, Range, Ranges, add, clip, count, covers, normal, subtract

some_ranges = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=8)


def numbers(ranges: Ranges | list[Range]) -> set[int]:
    return {seq for first, last in ranges for seq in range(first, last + 1)}


def is_normal(ranges: Ranges) -> bool:
    ordered = all(first <= last for first, last in ranges)
    return ordered and all(a[1] + 1 < b[0] for a, b in pairwise(ranges))


@given(some_ranges, some_ranges)
def test_the_arithmetic_is_that_of_sets(these: list[Range], those: list[Range]) -> None:
    a, b = normal(these), normal(those)
    assert is_normal(a)
    assert numbers(a) == numbers(these)
    assert numbers(add(a, those)) == numbers(these) | numbers(those)
    assert is_normal(add(a, b))
    assert numbers(subtract(a, those)) == numbers(these) - numbers(those)
    assert is_normal(subtract(a, b))
    assert count(a) == len(numbers(these))
    assert {seq for seq in range(1, 42) if covers(a, seq)} == numbers(these)


@given(some_ranges, st.integers(1, 40), st.integers(1, 40))
def test_clipping_keeps_what_lies_between(these: list[Range], first: int, last: int) -> None:
    a = normal(these)
    assert numbers(clip(a, first, last)) == {seq for seq in numbers(these) if first <= seq <= last}


@pytest.mark.pure
def test_what_is_still_to_come_stays_owed_when_all_there_is_was_delivered() -> None:
    assert subtract(((1, OPEN),), ((1, 7),)) == ((8, OPEN),)
    assert clip(((8, OPEN),), 1, 7) == ()
