"""Weather instruments that send NMEA 0183 sentences by themselves: wind (MWV) and transducers (XDR).

Fields: `wind_speed`, `wind_direction`, and of each transducer its type and name as they stand in XDR: `C:2` is the
temperature that the instrument calls 2. Sentences of other talkers and kinds are passed over. Every sentence is
proven by its checksum; the unit that it says is taken into the channel's.
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final, Literal

from pydantic import Field

from drivers.character_settings import CharacterChannel, CharacterSettings
from drivers.characters import CharacterLine
from drivers.driver import Cycle, DriverSettings, SettingProblem
from drivers.hearing import LONGEST_SILENCE_S, Hearing
from drivers.line import Seconds
from drivers.protocols import nmea0183
from drivers.protocols.nmea0183 import SPEED_UNITS, XDR_UNITS, Dialect, Quantity, Sentence, Transducer
from drivers.protocols.vaisala_wxt_tables import text_row
from drivers.statements import Said, Statement, unit_problems
from telemetry.reading import Flag

SPEED, DIRECTION = "wind_speed", "wind_direction"
_TRANSDUCER: Final = re.compile(r"[A-Z]:[^\s,*$]+", re.ASCII)


class Channel(CharacterChannel):
    """`[[device.channel]]` of a talking weather instrument."""

    letter: str | None = Field(default=None, min_length=1, max_length=1)
    """XDR: the unit letter that stands for `unit`, where letter and type alone do not tell (rain, heating)."""


class Settings(CharacterSettings):
    """An instrument that sends MWV and XDR sentences by itself."""

    channel: tuple[Channel, ...] = Field(json_schema_extra={"minItems": 1})
    talker: str | None = Field(default=None, pattern=r"^[A-Z0-9]{1,5}$")
    """Whose sentences count, for example WI; None: everybody's."""
    reference: Literal["R", "T"] = "R"
    """The wind direction that counts: R from the instrument's own north, T true, corrected by a compass."""
    checksum: bool = True
    """Whether a sentence without a checksum is refused."""
    silence_s: Seconds = Field(default=30.0, alias="silence", ge=1, le=LONGEST_SILENCE_S)
    """How long a field may stay unsaid."""

    def streams(self) -> bool:
        """It talks by itself."""
        return True

    def patience_s(self) -> float:
        """As long as a field may stay unsaid."""
        return self.silence_s

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels, then names of fields, scales and letters."""
        yield from super().problems()
        for index, channel in enumerate(self.channel):
            yield from _problems(index, channel)


def units_of(field: str) -> tuple[str, ...]:
    """In which units a field may be said; none: its letter alone does not tell, or there is no such field."""
    if field == SPEED:
        return tuple(SPEED_UNITS.values())
    if field == DIRECTION:
        return ("deg",)
    return tuple(unit for (kind, _letter), unit in XDR_UNITS.items() if field.startswith(f"{kind}:"))


def _problems(index: int, channel: Channel) -> Iterator[SettingProblem]:
    is_transducer = _TRANSDUCER.fullmatch(channel.source) is not None
    units = units_of(channel.source)
    if not is_transducer and not units:
        key = "field" if channel.field else "id"
        wrong = f'no field "{channel.source}": {SPEED}, {DIRECTION}, or type and name of a transducer, as C:2'
        yield SettingProblem(("channel", index, key), wrong)
    elif channel.letter is None and not units:
        wrong = f'the type of "{channel.source}" does not tell its unit, write the letter in XDR that stands for it'
        yield SettingProblem(("channel", index, "letter"), wrong)
    elif channel.letter is None:
        yield from unit_problems(index, channel, units)
    elif not is_transducer:
        yield SettingProblem(
            ("channel", index, "letter"), "only a transducer of XDR needs it, wind says its unit"
        )


class Nmea0183Driver:
    """One instrument, heard."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: CharacterLine) -> None:
        assert isinstance(settings, Settings)
        self._settings = settings
        self._letters = {one.source: (one.letter, one.unit) for one in settings.channel if one.letter}
        self._dialect = Dialect(checksum=settings.checksum)
        wanted = frozenset(channel.source for channel in settings.channel)
        self._hearing = Hearing(line, self._take, wanted, settings.silence_s)

    async def read(self) -> Cycle:
        """The newest that was said of each field."""
        account, missing = await self._hearing.account()
        return account.cycle(self._settings.channel, missing)

    def _take(self, buffer: bytearray) -> Statement | None:
        sentence = nmea0183.take_sentence(buffer, self._dialect)
        if sentence is None:
            return None
        if self._settings.talker not in (None, sentence.talker):
            return Statement({})
        match sentence.kind:
            case "MWV":
                return self._wind(sentence)
            case "XDR":
                found = nmea0183.decode_transducers(sentence)
                return Statement({f"{one.kind}:{one.name}": self._transducer(one) for one in found})
            case "TXT":
                return _words(nmea0183.decode_text(sentence).words)
            case _:
                return Statement({})

    def _wind(self, sentence: Sentence) -> Statement:
        wind = nmea0183.decode_wind(sentence)
        if wind.reference != self._settings.reference:
            return Statement({})
        speed = _said(SPEED, wind.speed, SPEED_UNITS.get(wind.speed.unit, ""))
        return Statement({SPEED: speed, DIRECTION: _said(DIRECTION, wind.angle, "deg")})

    def _transducer(self, one: Transducer) -> Said:
        name, quantity = f"{one.kind}:{one.name}", one.quantity
        letter, unit = self._letters.get(name, ("", ""))
        if letter and letter == one.unit:
            return _said(name, quantity, "")
        known = XDR_UNITS.get((one.kind, one.unit))
        if known is None and not quantity.reason:
            return Said(None, "", f'"{name}" has the unit letter "{one.unit}", which is not described')
        if letter and not quantity.reason:
            return Said(None, "", f'"{name}" has the unit letter "{one.unit}", not "{letter}" for {unit}')
        return _said(name, quantity, known or "")


def _said(name: str, quantity: Quantity, unit: str) -> Said:
    return Said(quantity.value, unit, f'"{name}": {quantity.reason}' if quantity.reason else "")


def _words(words: str) -> Statement:
    """What it says in words is told; a restart with settings lost makes its readings doubtful."""
    row = text_row(words)
    doubtful = row is not None and row.flag == "instrument_fault"
    return Statement({}, (words,), int(Flag.INSTRUMENT_FAULT) if doubtful else 0)
