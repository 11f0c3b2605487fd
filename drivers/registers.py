"""What a Modbus device's answers hold, register by register, and each value in every order of its bytes. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

from drivers.modbus_settings import FLOATS, Channel
from drivers.protocols.modbus import BIT_TABLES, READ_FUNCTIONS, ByteOrder, Point, Table, decode
from drivers.protocols.modbus_pdu import ExceptionReply, Malformed, ReadRequest, decode_reply, decode_request
from drivers.scaling import scaling
from drivers.trace import Asked

ORDERS: tuple[ByteOrder, ...] = get_args(ByteOrder)
SMALLEST, LARGEST = 1e-9, 1e9
"""A float beyond these (and not 0) is one whose bytes came in another order, or none at all."""
RESOLUTION = 1e-5
"""Of a channel's range; what is smaller (and not 0) is no measurement: 4e-8 is a pH within 0 to 14, and none."""
TABLES: dict[int, Table] = {function: table for table, function in READ_FUNCTIONS.items()}


class Block(NamedTuple):
    """One question and its answer. `words` empty: `why` says what came in place of them."""

    table: Table
    address: int
    length: int
    words: tuple[int, ...]
    why: str = ""

    def of(self, point: Point) -> tuple[int, ...]:
        """The point's own words; empty when they are not all here."""
        at = point.address - self.address
        inside = point.table == self.table and at >= 0 and at + point.count <= len(self.words)
        return self.words[at : at + point.count] if inside else ()


class InOrder(NamedTuple):
    """A value as it is when its bytes come in this order; None: no number. `mine`: the file says this order."""

    order: ByteOrder
    value: int | float | str | None
    possible: bool
    mine: bool


def blocks(asked: Sequence[Asked]) -> tuple[Block, ...]:
    """The reads among the questions."""
    return tuple(block for each in asked if (block := _block(each)) is not None)


def _block(asked: Asked) -> Block | None:
    try:
        request = decode_request(asked.request)
    except Malformed:
        return None
    if not isinstance(request, ReadRequest):
        return None
    place = (TABLES[request.function], request.address, request.count)
    if asked.answer is None:
        return Block(*place, (), str(asked.error))
    try:
        reply = decode_reply(request, asked.answer)
    except Malformed as error:
        return Block(*place, (), str(error))
    if isinstance(reply, ExceptionReply):
        return Block(*place, (), f"exception {reply.code}")
    return Block(*place, reply)


def words_of(point: Point, read: Sequence[Block]) -> tuple[int, ...]:
    """Where the value lies in what was read last; empty: nowhere."""
    return next((words for block in reversed(read) if (words := block.of(point))), ())


def has_orders(point: Point) -> bool:
    """Whether the order of the file decides about this value."""
    return point.count > 1 and point.type != "string" and point.table not in BIT_TABLES


def in_orders(channel: Channel, point: Point, words: Sequence[int]) -> Iterator[InOrder]:
    """The value in all four orders, scaled as the file says."""
    for order in ORDERS:
        value = scaled(channel, decode(point._replace(order=order), words))
        yield InOrder(order, value, could_be(channel, point, value), order == point.order)


def scaled(channel: Channel, raw: int | float | str | None) -> int | float | str | None:
    """The value in the channel's unit."""
    scale = scaling(channel.scale, channel.offset)
    return raw if scale is None or raw is None or isinstance(raw, str) else scale(raw)


def could_be(channel: Channel, point: Point, value: int | float | str | None) -> bool:
    """Whether the channel could have this value: within its range, and a float of a size that is meant."""
    if value is None:
        return False
    if isinstance(value, str) or point.type == "bit":
        return True
    if channel.range is None:
        smallest, low, high = SMALLEST, -LARGEST, LARGEST
    else:
        low, high = channel.range
        smallest = RESOLUTION * max(abs(low), abs(high))
    if point.type not in FLOATS:
        return channel.range is None or low <= value <= high
    return low <= value <= high and (value == 0 or abs(value) >= smallest)


def figure(value: float | str | None) -> str:
    """The value in a sentence: seven significant digits, which is what a 32-bit float has."""
    if value is None:
        return "no number"
    return f"{value:.7g}" if isinstance(value, float) else str(value)
