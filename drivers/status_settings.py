"""A channel's two keys with which its number becomes flags of other channels, and what can be wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from pydantic import BaseModel, Field

from drivers.protocols.modbus import Point, encode
from drivers.status import StatusMeaning, StatusRule, rule

NO_STATUS = frozenset({"float32", "float64", "string"})
MOST_BITS = 64


class StatusKeys(BaseModel):
    """What makes a channel a status of others."""

    flags: dict[str, StatusMeaning] = Field(default_factory=dict)
    """Value (`3`, `0x3C`), bit (`bit0`) or `other` to what it says of the other channels."""
    flagged: tuple[str, ...] | None = None
    """The channels of which it says it; left out: all of the device that have no `flags` themselves."""


class StatusChannel(Protocol):
    """What is asked of a channel here."""

    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def scale(self) -> float: ...
    @property
    def offset(self) -> float: ...
    @property
    def flags(self) -> Mapping[str, StatusMeaning]: ...
    @property
    def flagged(self) -> tuple[str, ...] | None: ...
    def point(self) -> Point | None:
        """Where its number lies."""
        ...


class Mistake(NamedTuple):
    """One mistake in the keys of the channel at this index."""

    at: int
    key: str
    message: str


def rules(channels: Sequence[StatusChannel]) -> tuple[StatusRule, ...]:
    """One rule per status channel. ValueError where `mistakes` finds one."""
    plain = [channel.id for channel in channels if not channel.flags]
    return tuple(
        rule(each.id, plain if each.flagged is None else each.flagged, each.flags)
        for each in channels
        if each.flags
    )


def mistakes(channels: Sequence[StatusChannel]) -> Iterator[Mistake]:
    """What is wrong with `flags` and `flagged`, in the order of the channels."""
    ids = {channel.id for channel in channels}
    for index, channel in enumerate(channels):
        if channel.flags:
            yield from (Mistake(index, "flags", wrong) for wrong in wrong_flags(channel, channel.flags))
        for wrong in _wrong_names(channel, ids):
            yield Mistake(index, "flagged", wrong)


def wrong_flags(channel: StatusChannel, meanings: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with reading this channel as a status that means this."""
    if channel.type in NO_STATUS or (channel.scale, channel.offset) != (1.0, 0.0):
        yield "only a bit or a whole number without scale and offset is a status"
        return
    try:
        read = rule(channel.id, (), meanings)
    except ValueError as error:
        yield str(error)
        return
    point = channel.point()
    if point is None:
        return
    for bit, _ in read.by_bit:
        if point.type == "bit" or not 0 <= bit < min(MOST_BITS, 16 * point.count):
            yield f"bit{bit}: a {point.type} has no such bit"
    yield from (
        f"{value} can never be read as {point.type}" for value in read.by_value if _never(point, value)
    )


def _wrong_names(channel: StatusChannel, ids: set[str]) -> Iterator[str]:
    names = channel.flagged
    if names is None:
        return
    if not channel.flags:
        yield "it names what a status speaks of, and this channel has no flags"
    elif not names:
        yield "an empty list flags nothing: name the channels, or leave it out for all of the device"
    for name in names:
        if name == channel.id or name not in ids:
            yield f'"{name}" is not another channel of this device'


def _never(point: Point, value: int) -> bool:
    if point.type == "bit":
        return value not in {0, 1}
    try:
        encode(point, value)
    except ValueError:
        return True
    return False
