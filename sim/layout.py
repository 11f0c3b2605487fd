"""Short names for the commonest quantities of a register map, so that a map reads like the manual's table."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from drivers.protocols.modbus import ByteOrder, Point, Table
from sim.instrument import Quantity
from sim.signals import Signal


def float32(channel: str, table: Table, address: int, signal: Signal, order: ByteOrder = "ABCD") -> Quantity:
    """A float in two registers from `address` on, high word first unless `order` says otherwise."""
    return Quantity(Point(channel, table, address, "float32", order, 2), signal)


def uint16(channel: str, table: Table, address: int, signal: Signal) -> Quantity:
    """An unsigned number in one register."""
    return Quantity(Point(channel, table, address, "uint16"), signal)


def bit(channel: str, table: Table, address: int, signal: Signal) -> Quantity:
    """One bit of a bit table."""
    return Quantity(Point(channel, table, address, "bit"), signal)


def words(table: Table, address: int, values: Sequence[int]) -> dict[tuple[Table, int], int]:
    """Fixed registers from `address` on."""
    return {(table, address + place): value for place, value in enumerate(values)}


class Loop(NamedTuple):
    """A transmitter on an analog input: 4 mA means `low`, 20 mA means `high`; `signal` is what it measures."""

    low: Decimal
    high: Decimal
    signal: Signal

    def quantity(self, point: Point, at_4_ma: int, at_20_ma: int) -> Quantity:
        """The loop at `point` of a converter that shows these numbers at 4 and at 20 mA."""
        scale = (self.high - self.low) / (at_20_ma - at_4_ma)
        return Quantity(point, self.signal, scale, self.low - at_4_ma * scale)
