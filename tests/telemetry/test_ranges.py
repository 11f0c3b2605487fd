"""Ranges: what sets of numbers would say, said about their ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import ranges
from telemetry.ranges import Ranges

pytestmark = pytest.mark.pure

numbers = st.frozensets(st.integers(1, 40), max_size=25)


def as_ranges(seqs: frozenset[int]) -> Ranges:
    return ranges.normal((n, n) for n in seqs)


def as_set(given_ranges: Ranges) -> frozenset[int]:
    assert all(first <= last for first, last in given_ranges)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(given_ranges))
    return frozenset(n for first, last in given_ranges for n in range(first, last + 1))


@given(numbers, numbers)
def test_they_are_sets(one: frozenset[int], other: frozenset[int]) -> None:
    a, b = as_ranges(one), as_ranges(other)
    assert as_set(a) == one
    assert as_set(ranges.add(a, *b)) == one | other
    assert as_set(ranges.subtract(a, b)) == one - other
    assert as_set(ranges.intersect(a, b)) == one & other
    assert ranges.count(a) == len(one)
    assert [n for n in range(42) if ranges.covers(a, n)] == sorted(one)


@given(numbers, st.integers(0, 41), st.integers(0, 41))
def test_clipping_keeps_what_is_between(one: frozenset[int], first: int, last: int) -> None:
    assert as_set(ranges.clip(as_ranges(one), first, last)) == {n for n in one if first <= n <= last}


@given(numbers, st.integers(1, 8))
def test_coarse_ranges_hold_at_least_what_they_were(one: frozenset[int], most: int) -> None:
    fine = as_ranges(one)
    coarse = ranges.coarse(fine, most)
    assert len(coarse) == min(most, len(fine))
    assert as_set(coarse) >= one
    assert not fine or (coarse[0][0], coarse[-1][1]) == (fine[0][0], fine[-1][1])


def test_the_closest_neighbours_are_joined_first() -> None:
    assert ranges.coarse(((1, 2), (4, 5), (100, 200), (203, 203)), 2) == ((1, 5), (100, 203))


def test_ranges_are_sorted_joined_and_emptied_of_nothing() -> None:
    assert ranges.normal([(5, 6), (1, 2), (3, 3), (9, 8), (6, 7)]) == ((1, 3), (5, 7))
    assert ranges.subtract(((1, 10),), [(8, 20), (2, 3), (0, 1)]) == ((4, 7),)
