"""Reads a Modbus device: its channels block by block, whatever line it is on."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, cast

from drivers.blocks import BlockRead, plan, split
from drivers.driver import Cycle, DriverSettings
from drivers.errors import DriverError, Garbled, NoAnswer, Refused
from drivers.exchange import Exchange
from drivers.modbus_settings import Channel, Settings
from drivers.notation import number
from drivers.protocols.modbus import READ_FUNCTIONS, Point, decode, decoder, encode
from drivers.protocols.modbus_pdu import (
    EXCEPTIONS,
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    ExceptionReply,
    Malformed,
    ReadRequest,
    decode_reply,
    encode_request,
)
from drivers.scaling import Scaling, scaling
from drivers.status import StatusRule, flagged
from telemetry.reading import Block, Flag, Reading

FAULT = int(Flag.INSTRUMENT_FAULT)
SPLITS = frozenset({ILLEGAL_ADDRESS, ILLEGAL_VALUE})
"""A device refuses registers that it does not have with 2, and more than it gives at once with 2 or 3."""
GATEWAY_SILENCE = frozenset({10, 11})
"""A gateway's way to say that the device behind it did not answer."""

ToReading = Callable[[Sequence[int]], Reading]


class _Read(NamedTuple):
    """A block with all that can be prepared before the first poll."""

    block: BlockRead
    request: ReadRequest
    pdu: bytes
    to_readings: tuple[ToReading, ...]


class _Poll:
    """What one poll has gathered so far."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.errors: list[DriverError] = []
        self.missing: list[Reading] = []
        self.at_mono_ms: int | None = None
        self.lost: DriverError | None = None

    def miss(self, read: _Read, error: DriverError) -> None:
        """No channel of this block has a value."""
        self.missing += [Reading(point.channel, None, error.flags) for point in read.block.points]

    def cycle(self, rules: Sequence[StatusRule]) -> Cycle:
        """With the flags of the status channels. Raises the first error when nothing was read."""
        if not self.blocks or self.at_mono_ms is None:
            raise self.errors[0]
        if self.missing:
            self.blocks.append(Block(self.at_mono_ms, tuple(self.missing)))
        return Cycle(flagged(self.blocks, rules) if rules else tuple(self.blocks), tuple(self.errors))


class ModbusDriver:
    """One device on one exchange. A block that the device refuses is split for as long as this object lives."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: Exchange) -> None:
        assert isinstance(settings, Settings)
        self._unit = settings.unit
        self._exchange = line
        self._channels = {channel.id: channel for channel in settings.channel}
        self._status_rules = settings.status_rules()
        blocks = plan(settings.points(), gap=settings.block_gap, most=settings.block_max)
        self._reads = [self._prepared(block) for block in blocks]

    async def read(self) -> Cycle:
        """One poll. After silence or damage the rest of the blocks is not asked for: one timeout is enough."""
        poll = _Poll()
        self._reads = [kept for read in self._reads for kept in await self._follow(read, poll)]
        return poll.cycle(self._status_rules)

    async def _follow(self, read: _Read, poll: _Poll) -> list[_Read]:
        """Reads one block, in parts when the device refuses it; gives the reads to use from now on."""
        if poll.lost is not None:
            poll.miss(read, poll.lost)
            return [read]
        parts = await self._ask(read, poll)
        return [kept for part in parts for kept in await self._follow(part, poll)] or [read]

    async def _ask(self, read: _Read, poll: _Poll) -> list[_Read]:
        """Adds one block's readings or its error to the poll; gives the parts to read in its place."""
        try:
            answer = await self._exchange(self._unit, read.pdu)
            poll.at_mono_ms = answer.at_mono_ms
            reply = _reply(read, self._unit, answer.pdu)
        except Refused as error:
            return self._refused(read, error, poll)
        except DriverError as error:
            poll.errors.append(error)
            poll.lost = error
            poll.miss(read, error)
            return []
        poll.blocks.append(Block(answer.at_mono_ms, tuple([to(reply) for to in read.to_readings])))
        return []

    def _refused(self, read: _Read, error: Refused, poll: _Poll) -> list[_Read]:
        pieces = [self._prepared(block) for block in split(read.block)] if error.code in SPLITS else []
        if pieces:
            hint = f"from now on it is read in {len(pieces)} parts"
            error = Refused(error.what, code=error.code, hint=hint, evidence=error.evidence)
        else:
            poll.miss(read, error)
        poll.errors.append(error)
        return pieces

    def _prepared(self, block: BlockRead) -> _Read:
        request = ReadRequest(READ_FUNCTIONS[block.table], block.address, block.length)
        readings = tuple(
            _to_reading(self._channels[point.channel], point, point.address - block.address)
            for point in block.points
        )
        return _Read(block, request, encode_request(request), readings)


def _reply(read: _Read, unit: int, pdu: bytes) -> tuple[int, ...]:
    """The block's words; raises Refused, NoAnswer (said by a gateway) or Garbled."""
    try:
        reply = decode_reply(read.request, pdu)
    except Malformed as error:
        what = f"unit {unit} did not answer the question for {_span(read.block)}"
        raise Garbled(what, evidence=pdu) from error
    if not isinstance(reply, ExceptionReply):
        return reply
    words = EXCEPTIONS.get(reply.code, "unknown")
    if reply.code in GATEWAY_SILENCE:
        raise NoAnswer(f"the gateway got no answer from unit {unit} (exception {reply.code}, {words})")
    hint = "check table and address against the manual" if reply.code in SPLITS else ""
    what = f"unit {unit} refuses {_span(read.block)} with exception {reply.code} ({words})"
    raise Refused(what, code=reply.code, hint=hint)


def _span(block: BlockRead) -> str:
    last = block.address + block.length - 1
    return f"{block.table} {block.address}..{last} ({number(block.table, block.address)})"


def _to_reading(channel: Channel, point: Point, at: int) -> ToReading:
    """From a block's words to this channel's reading. What is constant is worked out here, once."""
    value_of = decoder(point, at)
    name = channel.id
    fault = Reading(name, None, FAULT)
    scale = None if point.type in {"bit", "string"} else scaling(channel.scale, channel.offset)
    sentinels = frozenset(decode(point, encode(point, value)) for value in channel.no_value)
    if scale is None and not sentinels:

        def plain(words: Sequence[int]) -> Reading:
            value = value_of(words)
            return fault if value is None else Reading(name, value)

        return plain
    return _scaled(value_of, scale, sentinels, fault, Reading(name, None, channel.no_value_flags))


def _scaled(
    value_of: Callable[[Sequence[int]], int | float | str | None],
    scale: Scaling | None,
    sentinels: frozenset[int | float | str | None],
    fault: Reading,
    none: Reading,
) -> ToReading:
    name = fault.channel

    def scaled(words: Sequence[int]) -> Reading:
        value = value_of(words)
        if value in sentinels:
            return none
        if scale is not None and value is not None:
            value = scale(cast("int | float", value))
        return fault if value is None else Reading(name, value)

    return scaled
