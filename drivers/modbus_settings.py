"""What a Modbus device's table says: its unit address, its channels, and how many registers at once."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from drivers import units
from drivers.blocks import MOST_REGISTERS
from drivers.driver import ChannelMeaning, SettingProblem, channels_twice
from drivers.measured import ChannelId, UnitOfMeasure, ValidRange
from drivers.modbus_unit import ModbusUnit
from drivers.notation import number, place
from drivers.protocols.modbus import BIT_TABLES, REGISTERS, ByteOrder, DataType, Point, Table, encode
from drivers.status import StatusRule
from drivers.status_settings import StatusKeys, mistakes, rules, wrong_flags
from telemetry.reading import RULES

ADDRESSES = 65536
PLAIN_TYPES = frozenset({"bit", "string"})
FLOATS = frozenset({"float32", "float64"})
Meaning = Literal[
    "calibration", "maintenance", "instrument fault", "stale", "warming up / recovery", "out of service"
]
_FLAGS = {rule.words: rule.flag for rule in RULES}
Problems = Iterator[tuple[str, str]]


class Channel(StatusKeys):
    """One `[[device.channel]]`: where the value lies, how it is written there, what it means."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    id: ChannelId
    table: Table | None = None
    """May be left out with `register`, which names it."""
    address: int | None = Field(default=None, ge=0, lt=ADDRESSES)
    """The number in the request, from 0."""
    register_: int | str | None = Field(default=None, alias="register")
    """The manual's number: 40001, 400001, 30001, "00001"."""
    type: DataType
    order: ByteOrder = "ABCD"
    scale: float = 1.0
    offset: float = 0.0
    unit: UnitOfMeasure | None = None
    """Unit of measure; must be given but for bits and texts."""
    range: ValidRange | None = None
    """Lowest and highest value that counts, in `unit`."""
    no_value: tuple[int | float, ...] = ()
    """Raw values with which the instrument says that it has none."""
    no_value_means: Meaning = "instrument fault"
    bit: int | None = Field(default=None, ge=0, le=15)
    """Type bit in a register: which one, 0 is the least significant."""
    length: int | None = Field(default=None, ge=2, le=2 * MOST_REGISTERS)
    """Type string: characters, two per register."""

    @property
    def unit_of_measure(self) -> str:
        """The unit that is signed: "1" for a bit that has none, empty for a text that has none."""
        return self.unit or ("1" if self.type == "bit" else "")

    @property
    def bits(self) -> int:
        """How wide the value is written at most; a scaled one was computed, and computed ones have 64."""
        if self.type == "string":
            return 8 * (self.length or 0)
        if self.type == "bit":
            return 8
        return 16 * REGISTERS[self.type] if self.scale == 1 and self.offset == 0 else 64

    @property
    def no_value_flags(self) -> int:
        """The flags of a reading whose raw value is one of `no_value`."""
        return int(_FLAGS[self.no_value_means])

    def meaning(self) -> ChannelMeaning:
        """What its number means."""
        low, high = self.range or (None, None)
        return ChannelMeaning(self.id, self.unit_of_measure, low, high, self.bits)

    def point(self) -> Point | None:
        """Where the value lies; None while that is contradictory."""
        if self.register_ is None:
            at = None if self.table is None or self.address is None else (self.table, self.address)
        else:
            at = _place_or_none(self.register_)
        if at is None:
            return None
        words = REGISTERS.get(self.type, (self.length or 2) // 2)
        return Point(self.id, *at, self.type, self.order, words, self.bit)

    def problems(self) -> Problems:
        """(key, message) for what is wrong between this channel's own settings."""
        yield from self._misplaced()
        yield from self._contradictions()
        point = self.point()
        if point is not None:
            yield from self._at(point)

    def _misplaced(self) -> Problems:
        if (self.address is None) == (self.register_ is None):
            given = (
                "address and register name the same thing"
                if self.address is not None
                else "the address is missing"
            )
            yield "address", f"{given}: give address (from 0) or register (like 40001), one of them"
        elif self.register_ is not None:
            yield from self._wrong_register(self.register_)
        elif self.table is None:
            yield "table", "the table is missing: holding, input, coil or discrete"

    def _wrong_register(self, register: int | str) -> Problems:
        try:
            table, address = place(register)
        except ValueError as error:
            yield "register", str(error)
            return
        if self.table not in {None, table}:
            yield "register", f'{register} is {table} address {address}, but table = "{self.table}"'

    def _contradictions(self) -> Problems:
        if (self.type == "string") != (self.length is not None):
            yield "length", "a string needs its length in characters, and only a string has one"
        elif self.length is not None and self.length % 2:
            yield "length", f"two characters share a register: {self.length} must be even"
        if self.type not in PLAIN_TYPES and self.unit is None:
            yield "unit", str(units.problem(""))
        if self.type in PLAIN_TYPES and (self.scale, self.offset, self.range) != (1.0, 0.0, None):
            yield "scale", f"a {self.type} has no scale, offset or range"
        if self.type == "string" and self.no_value:
            yield "no_value", "a string has no numbers that mean no value"
        if self.scale == 0:
            yield "scale", "scale 0 makes every value the same"

    def _at(self, point: Point) -> Problems:
        in_bits = point.table in BIT_TABLES
        if in_bits and self.type != "bit":
            yield "type", f'the table {point.table} holds bits: type must be "bit" (got "{self.type}")'
        elif (self.type == "bit" and not in_bits) != (self.bit is not None):
            yield (
                "bit",
                f"bit = 0..15 belongs to type bit in a register (type {self.type}, table {point.table})",
            )
        end = point.address + point.count
        if end > ADDRESSES:
            yield "address", f"{point.count} registers from {point.address} on end beyond 65535"
        for value in self.no_value if self.type != "string" else ():
            try:
                encode(point, value)
            except ValueError:
                yield "no_value", f"{value} can never be read as {self.type}"


def _place_or_none(register: int | str) -> tuple[Table, int] | None:
    try:
        return place(register)
    except ValueError:
        return None


class Settings(ModbusUnit):
    """A Modbus device."""

    channel: Annotated[tuple[Channel, ...], Field(json_schema_extra={"minItems": 1})]

    def channels(self) -> tuple[ChannelMeaning, ...]:
        """The channels in the order of the file."""
        return tuple(c.meaning() for c in self.channel)

    def points(self) -> tuple[Point, ...]:
        """One point per channel."""
        return tuple(point for channel in self.channel if (point := channel.point()) is not None)

    def status_rules(self) -> tuple[StatusRule, ...]:
        """What the status channels say of the others."""
        return rules(self.channel)

    def wrong_status(self, channel: str, meanings: Mapping[str, str]) -> Iterator[str]:
        """What keeps this channel from being a status of other devices' values that means this."""
        for each in self.channel:
            if each.id == channel:
                yield from wrong_flags(each, meanings)

    def rows(self) -> list[list[object]]:
        """[id, table, address, type, order, scale, offset, unit, range] of every channel."""
        return [
            [
                p.channel,
                p.table,
                p.address,
                p.type,
                p.order,
                c.scale,
                c.offset,
                c.unit_of_measure,
                _listed(c.range),
            ]
            for c in self.channel
            if (p := c.point()) is not None
        ]

    def problems(self) -> Iterator[SettingProblem]:
        """Mistakes within a channel, then between channels."""
        for index, channel in enumerate(self.channel):
            for key, message in channel.problems():
                yield SettingProblem(("channel", index, key), message)
            if (point := channel.point()) is not None and point.count > self.block_max:
                wrong = f"{point.count} registers in one value are more than block_max = {self.block_max}"
                yield SettingProblem(("channel", index, "type"), wrong)
        for found in mistakes(self.channel):
            yield SettingProblem(("channel", found.at, found.key), found.message)
        yield from channels_twice(channel.id for channel in self.channel)
        yield from self._torn()
        yield from self._inside_floats()

    def _torn(self) -> Iterator[SettingProblem]:
        """Values of several registers that share some but not all of them: one of the two is wrong."""
        long = [(i, p) for i, c in enumerate(self.channel) if (p := c.point()) is not None and p.count > 1]
        by_place = sorted(long, key=lambda item: (item[1].table, item[1].address, item[1].count))
        for (_, a), (index, b) in pairwise(by_place):
            shared = a.table == b.table and b.address < a.address + a.count
            if shared and (a.address, a.count) != (b.address, b.count):
                wrong = (
                    f'"{b.channel}" ({_span(b)}) and "{a.channel}" ({_span(a)}) overlap in part: '
                    "one of the addresses or types is wrong"
                )
                yield SettingProblem(("channel", index, "address"), wrong)

    def _inside_floats(self) -> Iterator[SettingProblem]:
        """One register of a float is never a measurement; of an integer or a text it may be one."""
        points = [(i, p) for i, c in enumerate(self.channel) if (p := c.point()) is not None]
        floats = [point for _, point in points if point.type in FLOATS]
        for index, inner in points:
            outer = next((f for f in floats if inner.count == 1 and _holds(f, inner)), None)
            if outer is not None:
                wrong = (
                    f'"{inner.channel}" ({number(inner.table, inner.address)}) lies inside the {outer.type} '
                    f'"{outer.channel}" ({_span(outer)}), a part of a float means nothing: '
                    "one of the addresses or types is wrong"
                )
                yield SettingProblem(("channel", index, "address"), wrong)


def _holds(outer: Point, inner: Point) -> bool:
    return outer.table == inner.table and outer.address <= inner.address < outer.address + outer.count


def _listed(limits: tuple[float, float] | None) -> list[float] | None:
    return None if limits is None else list(limits)


def _span(point: Point) -> str:
    return f"{number(point.table, point.address)}..{number(point.table, point.address + point.count - 1)}"
