"""Who is it? What a unit that was found says of itself, and whose registers it has.

    name plate   Modbus device identification, 43/14: maker, product, version. Few instruments have one
    words        the identity register of each profile (`[about.identity]`): a tag, a serial number, a name
    registers    a profile of which every register is there and whose values are possible: it may be this instrument

Another instrument can have the same registers, so the last is a suggestion that a person compares with the display.
"""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from math import isfinite
from typing import NamedTuple

from drivers import profile as library
from drivers.blocks import BlockRead, plan
from drivers.inquiry import NAME_PLATE, Inquiry
from drivers.modbus_settings import FLOATS, Channel, Settings
from drivers.profile import Identity, Profile
from drivers.protocols import modbus_device_id
from drivers.protocols.modbus import READ_FUNCTIONS, Point, decode
from drivers.protocols.modbus_pdu import ExceptionReply, Malformed, ReadRequest, decode_reply
from drivers.scaling import scaling
from drivers.status import StatusRule

Ask = Callable[[Inquiry], Awaitable[bytes | None]]
"""A question to one unit: the answer's PDU, an exception too; None: silence."""

MOST_SILENCES = 3
"""A unit that says nothing to so many questions is asked no more of them."""
GOOD_SHARE = 0.8
"""Of the values that can be judged, so many must be possible."""
TELLING = 2
"""So many floats and states that are possible are no chance."""
TINY, HUGE = 1e-4, 1e7
"""Bytes in a wrong order are mostly floats beyond these."""
_MODEL = re.compile(r"[a-z-]*\d[\w-]*")


class Fit(NamedTuple):
    """A profile whose registers are all there. Of `judged` values, `possible` ones could be measurements.

    `telling`: of these, floats and states, of which other bytes make few that are possible; a whole number mostly is.
    `named`: the model stands on the name plate.
    """

    profile: str
    possible: int
    judged: int
    telling: int = 0
    named: bool = False

    @property
    def good(self) -> bool:
        """Whether it is worth a suggestion."""
        return self.named or (self.judged > 0 and self.possible >= GOOD_SHARE * self.judged)


class Known(NamedTuple):
    """What a unit said. `plate`: maker, product, version; `words`: (what, text); `fits`: the best first."""

    plate: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    fits: tuple[Fit, ...] = ()

    @property
    def profile(self) -> str | None:
        """The profile that it has, as far as that can be told from here; None: none, or one of several."""
        if not self.fits:
            return None
        best = self.fits[0]
        alone = len(self.fits) == 1 or self.fits[1].telling < best.telling
        return best.profile if best.named or (alone and best.telling >= TELLING) else None


class Interview:
    """Questions to one unit, each asked once."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._said: dict[Inquiry, bytes | None] = {}
        self._silences = 0

    async def known(self, profiles: Sequence[Profile]) -> Known:
        """Everything that can be found out."""
        plate = await self.plate()
        words = [await self._words(each.about.identity) for each in profiles if each.about.identity]
        fits = [await self._fit(each, " ".join(plate)) for each in profiles if each.about.driver == "modbus"]
        good = [fit for fit in fits if fit is not None and fit.good]
        good.sort(key=lambda fit: (fit.named, fit.telling, fit.possible), reverse=True)
        told = dict.fromkeys(word for word in words if word is not None)
        return Known(plate, tuple(told), tuple(good))

    async def plate(self) -> tuple[str, ...]:
        """Maker, product and version as the unit writes them; empty: it has no name plate."""
        pdu = await self._asked(NAME_PLATE)
        if pdu is None:
            return ()
        try:
            said = modbus_device_id.decode(pdu)
        except Malformed:
            return ()
        return (
            ()
            if isinstance(said, ExceptionReply)
            else tuple(_printable(said[0][key]) for key in sorted(said[0]))
        )

    async def _asked(self, question: Inquiry) -> bytes | None:
        if question not in self._said:
            if self._silences >= MOST_SILENCES:
                return None
            self._said[question] = pdu = await self._ask(question)
            self._silences += pdu is None
        return self._said[question]

    async def _read(self, block: BlockRead) -> tuple[int, ...] | None:
        """The block's words; None: refused, or silence."""
        request = ReadRequest(READ_FUNCTIONS[block.table], block.address, block.length)
        pdu = await self._asked(request)
        try:
            reply = None if pdu is None else decode_reply(request, pdu)
        except Malformed:
            return None
        return None if isinstance(reply, ExceptionReply) else reply

    async def _words(self, identity: Identity) -> tuple[str, str] | None:
        """What an identity register says, when that is a text."""
        count = (identity.length or 2) // 2
        point = Point(identity.what, identity.table, identity.address, "string", "ABCD", count)
        words = await self._read(BlockRead(identity.table, identity.address, count, (point,)))
        text = decode(point, words) if words and identity.type == "string" else None
        if not isinstance(text, str) or len(text) < 2 or not text.isprintable() or not text.isascii():
            return None
        return identity.what, text

    async def _fit(self, profile: Profile, plate: str) -> Fit | None:
        """None: a register of the profile is not there, or all of them hold 0."""
        settings = _settings(profile)
        words: dict[Point, Sequence[int]] = {}
        for block in plan(settings.points(), gap=0, most=settings.block_max):
            answer = await self._read(block)
            if answer is None:
                return None
            words |= {point: _cut(answer, block, point) for point in block.points}
        if not any(any(some) for some in words.values()):
            return None
        channels = {channel.id: channel for channel in settings.channel}
        rules = {rule.channel: rule for rule in settings.status_rules()}
        judged = {
            point: possible(channels[point.channel], point, some, rules.get(point.channel))
            for point, some in words.items()
        }
        return Fit(
            profile.name,
            sum(right is True for right in judged.values()),
            sum(right is not None for right in judged.values()),
            sum(
                right is True
                for point, right in judged.items()
                if point.type in FLOATS or point.channel in rules
            ),
            _named(profile, plate),
        )


def possible(channel: Channel, point: Point, words: Sequence[int], rule: StatusRule | None) -> bool | None:
    """Whether this could be a value of the channel; None: it tells nothing. Zeros are everywhere."""
    if not any(words):
        return None
    value = decode(point, words)
    if rule is not None and rule.by_value:
        return value in rule.by_value
    if value is None:
        return False
    if isinstance(value, str) or point.type == "bit":
        return None
    scale = scaling(channel.scale, channel.offset)
    scaled = value if scale is None else scale(value)
    if scaled is None or (point.type in FLOATS and not likely(float(value))):
        return False
    if channel.range is not None:
        return channel.range[0] <= scaled <= channel.range[1]
    return True if point.type in FLOATS else None


def likely(value: float) -> bool:
    """Whether a float is of a size that measurements have."""
    return value == 0 or (isfinite(value) and TINY <= abs(value) <= HUGE)


def everything() -> tuple[Profile, ...]:
    """The whole library."""
    return tuple(library.read(name) for name in library.names())


def _settings(profile: Profile) -> Settings:
    """As a station file would have it; the unit is of no matter here."""
    return Settings.model_validate_json(json.dumps(profile.table | {"unit": 1}))


def _cut(words: Sequence[int], block: BlockRead, point: Point) -> Sequence[int]:
    at = point.address - block.address
    return words[at : at + point.count]


def _named(profile: Profile, plate: str) -> bool:
    """Whether a model of the profile, a word with a digit in it, stands on the name plate."""
    models = _MODEL.findall(profile.about.instrument.lower())
    return any(re.search(rf"(?<!\w){re.escape(model)}(?!\w)", plate.lower()) for model in models)


def _printable(said: bytes) -> str:
    text = said.split(b"\0", 1)[0].decode("utf-8", "backslashreplace").strip()
    return "".join(sign if sign.isprintable() else "?" for sign in text)
