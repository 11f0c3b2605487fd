"""What stands beside registers that are refused, or that hold what cannot be: the manual may count from 1, or mean the
other table. It only reads, with questions of `drivers.inquiry`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from drivers.errors import DriverError
from drivers.exchange import Exchange
from drivers.inquiry import pdu_of
from drivers.modbus_settings import Channel, Settings
from drivers.notation import number
from drivers.protocols.modbus import BIT_TABLES, READ_FUNCTIONS, Point, Table, decode
from drivers.protocols.modbus_pdu import ExceptionReply, Malformed, ReadRequest, decode_reply
from drivers.registers import Block, InOrder, could_be, figure, has_orders, in_orders, scaled, words_of

OTHER_TABLE: dict[Table, Table] = {
    "holding": "input",
    "input": "holding",
    "coil": "discrete",
    "discrete": "coil",
}
MOST_TRIED = 4
"""Channels whose neighbours are looked at: more wrong ones have the same reason."""


class Beside(NamedTuple):
    """What the device answered for a place beside the channel's own. `value` as the channel would have it there.

    `refused`: the channel's own place is; else it holds what cannot be. `order`: of a value that only another order of
    its bytes makes possible; empty: the channel's own.
    """

    channel: str
    table: Table
    address: int
    why: str
    value: int | float | str | None
    possible: bool
    refused: bool
    order: str = ""

    def __str__(self) -> str:
        here = f"{self.table} {self.address} ({number(self.table, self.address)})"
        order = f' with order = "{self.order}"' if self.order else ""
        return f"{self.why}, {here} is answered: {self.channel} would be {figure(self.value)}{order}"


async def look_beside(exchange: Exchange, settings: Settings, read: Sequence[Block]) -> tuple[Beside, ...]:
    """Looks beside the channels that were refused, and those whose value is possible in no order."""
    channels = {channel.id: channel for channel in settings.channel}
    lost = [
        point
        for point in settings.points()
        if _refused(point, read) or _hopeless(channels[point.channel], point, words_of(point, read))
    ]
    found: list[Beside] = []
    for point in lost[:MOST_TRIED]:
        refused = not words_of(point, read)
        found += await _beside(exchange, settings.unit, channels[point.channel], point, refused=refused)
    return tuple(found)


def _refused(point: Point, read: Sequence[Block]) -> bool:
    if words_of(point, read):
        return False
    mine = [block for block in read if block.table == point.table and point.address in _places(block)]
    return bool(mine) and mine[-1].why.startswith("exception")


def _places(block: Block) -> range:
    return range(block.address, block.address + block.length)


def _hopeless(channel: Channel, point: Point, words: Sequence[int]) -> bool:
    """Whether the value is wrong and another order of its bytes does not help."""
    if not words or could_be(channel, point, scaled(channel, decode(point, words))):
        return False
    return not has_orders(point) or not any(each.possible for each in in_orders(channel, point, words))


async def _beside(
    exchange: Exchange, unit: int, channel: Channel, point: Point, *, refused: bool
) -> list[Beside]:
    tries = [("one lower", point.table, point.address - 1), ("one higher", point.table, point.address + 1)]
    tries.append(
        (f"with function {READ_FUNCTIONS[OTHER_TABLE[point.table]]}", OTHER_TABLE[point.table], point.address)
    )
    found = []
    for why, table, address in tries:
        words = await _read(exchange, unit, table, address, point.count)
        if words is not None:
            value = scaled(channel, decode(point._replace(table=table, address=address), words))
            telling = point.table not in BIT_TABLES and any(words)
            possible = telling and could_be(channel, point, value)
            other = None if possible or not refused else _in_another_order(channel, point, words)
            value, order = (value, "") if other is None else (other.value, other.order)
            found.append(Beside(channel.id, table, address, why, value, possible, refused, order))
    return found


def _in_another_order(channel: Channel, point: Point, words: Sequence[int]) -> InOrder | None:
    """The first order that makes the value possible: often address and order are both wrong."""
    if not has_orders(point):
        return None
    return next((each for each in in_orders(channel, point, words) if each.possible), None)


async def _read(
    exchange: Exchange, unit: int, table: Table, address: int, count: int
) -> tuple[int, ...] | None:
    """None: refused, or no answer."""
    if not 0 <= address <= 0x10000 - count:
        return None
    request = ReadRequest(READ_FUNCTIONS[table], address, count)
    try:
        reply = decode_reply(request, (await exchange(unit, pdu_of(request))).pdu)
    except (DriverError, Malformed):
        return None
    return None if isinstance(reply, ExceptionReply) else reply
