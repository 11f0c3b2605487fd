"""Air analyzers that speak Bayern-Hessen (driver `bayern_hessen`): a line of them, each with its address.

They measure, or stand in zero or span as `ST` or a test sets them. Not modelled: what zero and span gas do to the
values, the tables of models beyond the bits for zero and span, which are at one place everywhere.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

from drivers.protocols.bayern_hessen import (
    MEASURE,
    SPAN,
    ZERO,
    Addressing,
    DataQuery,
    Dialect,
    Value,
    encode_reply,
    encode_request,
    take_request,
)
from drivers.protocols.bayern_hessen_status import Table
from drivers.protocols.conversion import SAME, conversion
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.unit_words import is_share
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said

SERIAL_NUMBER: Final = "001234"
MODE_WORDS: Final = {MEASURE: 0x0000, ZERO: 0x0400, SPAN: 0x0800}
_FOUR_DIGITS: Final = Context(prec=4, rounding=ROUND_HALF_EVEN)


class Slot(NamedTuple):
    """One value of the answer: whose it is, what stands behind its status, and the field that names it, if any."""

    identification: int
    tail: tuple[str, ...]
    field: str | None
    unit_word: int = 0


class AnalyzerFace(NamedTuple):
    """How one instrument words its answer."""

    dialect: Dialect
    slots: tuple[Slot, ...]


def face(
    unit: int, dialect: Dialect, channels: Sequence[tuple[str, str]], count: int | None, table: Table
) -> AnalyzerFace:
    """From `(field, unit of measure)` of each channel; `count` values, or as many as are named."""
    named = dict(channels)
    words = {field: _unit_word(unit_of_measure, table) for field, unit_of_measure in channels}
    if all(len(field) < 3 for field in named):
        fields: list[str | None] = [str(place + 1) for place in range(count or len(named))]
    else:
        fields = [*_ordered(unit, dialect, list(named))]
        fields += [None] * ((count or 0) - len(fields))
    return AnalyzerFace(
        dialect,
        tuple(
            Slot(
                _identification(unit, place, field, dialect),
                _tail(field),
                field if field in named else None,
                words.get(field or "", 0),
            )
            for place, field in enumerate(fields)
        ),
    )


def _ordered(unit: int, dialect: Dialect, fields: list[str]) -> list[str | None]:
    """With rising identifications each has its place; nobody asks for those in between."""
    if fields[0].startswith("gas"):
        return [*fields]
    numbers = [int(field) for field in fields]
    if dialect.addressing is Addressing.LISTED:
        return [f"{number:03d}" for number in dict.fromkeys([unit, *numbers])]
    return [f"{number:03d}" for number in range(unit, max(numbers) + 1)]


def _identification(unit: int, place: int, field: str | None, dialect: Dialect) -> int:
    if field is not None and len(field) == 3:
        return int(field)
    return unit if dialect.addressing is Addressing.SAME else unit + place


def _tail(field: str | None) -> tuple[str, ...]:
    return (field[4:], SERIAL_NUMBER) if field is not None and field.startswith("gas") else ()


def _unit_word(unit: str, table: Table) -> int:
    """The bits by which this maker tells the unit."""
    for word, told in table.units:
        if told == "volumetric" and is_share(unit):
            return word
        if conversion(told, unit) == SAME:
            return word
    return 0


class BayernHessenTalker:
    """The instruments of one line. `words`: status and failure bits of an instrument besides the unit's."""

    every_s: float | None = None

    def __init__(self, speakers: Mapping[int, Speaker], faces: Mapping[int, AnalyzerFace]) -> None:
        self.speakers = speakers
        self.words = dict.fromkeys(speakers, 0)
        self._faces = faces

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker. What is for nobody here is passed over."""
        request = take_request(buffer)
        if request is None:
            return None
        address = request.address.strip()
        unit = (int(address) if address.isdigit() else 0) or min(self.speakers)
        if unit not in self.speakers:
            raise Malformed(f"nobody here has address {unit}", encode_request(request))
        return Asked(unit, encode_request(request))

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker. A mode is set without an answer."""
        request = take_request(bytearray(asked.request))
        if not isinstance(request, DataQuery):
            if request is not None:
                self.words[asked.unit] = MODE_WORDS[request.mode]
            return None
        speaker, wording = self.speakers[asked.unit], self._faces[asked.unit]
        numbers = {field: _FOUR_DIGITS.plus(number) for field, number in speaker.shown(now).numbers.items()}
        values = [self._value(asked.unit, slot, numbers) for slot in wording.slots]
        said = {
            figure.channel: figure.value(numbers[figure.field])
            for figure in speaker.figures
            if figure.field in numbers
        }
        return Said(encode_reply(request, values, wording.dialect), said)

    def tell(self, unit: int, now: Moment) -> Said:
        """They say nothing by themselves."""
        return Said(b"", {})

    def _value(self, unit: int, slot: Slot, numbers: Mapping[str, Decimal]) -> Value:
        word = self.words[unit] | slot.unit_word
        number = numbers.get(slot.field, Decimal(0)) if slot.field else Decimal(0)
        return Value(slot.identification, number, word >> 8, word & 0xFF, slot.tail)
