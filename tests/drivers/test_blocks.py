"""Which reads are made: few, whole, within the limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.blocks import MOST_REGISTERS, BlockRead, plan, split
from drivers.protocols.modbus import REGISTERS, Point, Table

pytestmark = pytest.mark.pure


def points(*spans: tuple[int, int], table: Table = "holding") -> list[Point]:
    return [Point(f"c{a}", table, a, "bit" if table == "coil" else "string", "ABCD", n) for a, n in spans]


def spans(reads: tuple[BlockRead, ...]) -> list[tuple[int, int]]:
    return [(read.address, read.length) for read in reads]


def test_two_measuring_points_of_one_analyzer_are_one_read() -> None:
    assert spans(plan(points((0, 2), (4, 2)), gap=8)) == [(0, 6)]


def test_a_gap_that_is_too_wide_makes_a_second_read() -> None:
    assert spans(plan(points((0, 2), (10, 2)), gap=8)) == [(0, 12)]
    assert spans(plan(points((0, 2), (11, 2)), gap=8)) == [(0, 2), (11, 2)]
    assert spans(plan(points((0, 2), (3, 2)), gap=0)) == [(0, 2), (3, 2)]


def test_a_read_takes_125_registers_and_tears_no_value() -> None:
    whole = points(*[(n, 2) for n in range(0, 260, 2)])
    assert spans(plan(whole, gap=8)) == [(0, 124), (124, 124), (248, 12)]


def test_a_device_that_gives_less_at_once_is_asked_for_less() -> None:
    assert spans(plan(points((0, 2), (2, 2), (4, 2)), gap=8, most=4)) == [(0, 4), (4, 2)]


def test_coils_are_counted_in_bits_with_the_same_gap_in_registers() -> None:
    assert spans(plan(points((0, 1), (128, 1), table="coil"), gap=8)) == [(0, 129)]
    many = points(*[(n, 1) for n in range(0, 2100, 100)], (1999, 1), table="coil")
    assert spans(plan(many, gap=8)) == [(0, 2000), (2000, 1)]


def test_tables_are_never_mixed() -> None:
    both = [*points((0, 2)), *points((2, 2), table="input")]
    assert [(read.table, read.address) for read in plan(both, gap=8)] == [("holding", 0), ("input", 2)]


def test_bits_of_one_register_share_its_read() -> None:
    status = [Point(f"b{n}", "input", 7, "bit", "ABCD", 1, n) for n in range(16)]
    assert spans(plan(status, gap=0)) == [(7, 1)]


def test_a_refused_read_is_split_at_the_registers_nobody_asked_for() -> None:
    (refused,) = plan(points((0, 2), (2, 2), (10, 2)), gap=8)
    assert spans(split(refused)) == [(0, 4), (10, 2)]


def test_a_refused_read_without_gaps_is_cut_into_single_values() -> None:
    (refused,) = plan(points((0, 2), (2, 2), (4, 1)), gap=0)
    assert spans(split(refused)) == [(0, 2), (2, 2), (4, 1)]


def test_a_single_refused_value_cannot_be_split() -> None:
    (refused,) = plan([Point("a", "input", 3, "bit", "ABCD", 1, 0), Point("b", "input", 3, "uint16")], gap=0)
    assert split(refused) == ()


TYPES = sorted(set(REGISTERS) - {"bit"})
POINTS = st.lists(
    st.builds(
        lambda address, kind, table: Point(
            f"{table}{address}{kind}", table, address, kind, "ABCD", REGISTERS[kind]
        ),
        st.integers(0, 600),
        st.sampled_from(TYPES),
        st.sampled_from(["holding", "input"]),
    ),
    min_size=1,
    max_size=40,
)


@given(POINTS, st.integers(0, 124), st.integers(4, MOST_REGISTERS))
def test_every_point_is_read_once_and_whole(some: list[Point], gap: int, most: int) -> None:
    reads = plan(some, gap=gap, most=most)
    assert sorted(p for read in reads for p in read.points) == sorted(some)
    for read in reads:
        assert read.length <= most
        for point in read.points:
            assert point.table == read.table
            assert read.address <= point.address
            assert point.address + point.count <= read.address + read.length


@given(POINTS)
def test_splitting_ends_and_loses_nothing(some: list[Point]) -> None:
    waiting = list(plan(some, gap=20))
    single: list[BlockRead] = []
    for _ in range(500):
        if not waiting:
            break
        read = waiting.pop()
        parts = split(read)
        waiting += parts
        if not parts:
            single.append(read)
    assert not waiting
    assert sorted(p for read in single for p in read.points) == sorted(some)
