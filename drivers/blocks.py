"""Which reads fetch a device's points: near ones together, no value ever torn apart. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from drivers.protocols.modbus import BIT_TABLES, Point, Table

MOST_REGISTERS = 125
MOST_BITS = 2000
"""Modbus Application Protocol V1.1b3, sections 6.1 to 6.4."""
BITS_PER_REGISTER = 16


class BlockRead(NamedTuple):
    """One request: `length` registers or bits from `address` on, and the points inside it."""

    table: Table
    address: int
    length: int
    points: tuple[Point, ...]


def plan(points: Sequence[Point], *, gap: int, most: int = MOST_REGISTERS) -> tuple[BlockRead, ...]:
    """Reads that fetch every point once. Tables in the order of the points, addresses ascending.

    `gap`: how many unused registers (16 times as many bits) may be read along to save a request.
    `most`: registers that the device gives in one answer.
    """
    tables = list(dict.fromkeys(point.table for point in points))
    return tuple(
        read
        for table in tables
        for read in _of_table(table, [point for point in points if point.table == table], gap, most)
    )


def split(read: BlockRead) -> tuple[BlockRead, ...]:
    """The reads to try when the device refuses this one; empty when it holds one value only.

    First without the unused registers in between, which a device may not have. A read without any is cut
    into single values, so that one wrong address cannot take its neighbours along.
    """
    runs = _of_table(read.table, read.points, 0, MOST_REGISTERS)
    if len(runs) > 1:
        return tuple(runs)
    single = _of_table(read.table, read.points, None, MOST_REGISTERS)
    return tuple(single) if len(single) > 1 else ()


def _of_table(table: Table, points: Sequence[Point], gap: int | None, most: int) -> list[BlockRead]:
    """`gap` None: only values that share registers share a read."""
    bits = table in BIT_TABLES
    limit = MOST_BITS if bits else most
    reach = -1 if gap is None else gap * (BITS_PER_REGISTER if bits else 1)
    reads: list[BlockRead] = []
    for point in sorted(points, key=lambda p: (p.address, -p.count)):
        if reads and _fits(reads[-1], point, reach, limit):
            reads[-1] = _joined(reads[-1], point)
        else:
            reads.append(BlockRead(table, point.address, point.count, (point,)))
    return reads


def _fits(read: BlockRead, point: Point, reach: int, limit: int) -> bool:
    near = point.address - (read.address + read.length) <= reach
    return near and point.address + point.count - read.address <= max(limit, read.length)


def _joined(read: BlockRead, point: Point) -> BlockRead:
    length = max(read.length, point.address + point.count - read.address)
    return BlockRead(read.table, read.address, length, (*read.points, point))
