"""What the device tables of all instruments that speak in characters have in common."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from drivers.driver import ChannelMeaning, DriverSettings, SettingProblem, Speech, channels_twice
from drivers.measured import ChannelId, UnitOfMeasure, ValidRange
from drivers.protocols.conversion import SAME, Linear
from drivers.scaling import INT64, decimal
from telemetry.reading import Flag, Reading


def _a_digit_is_a_character(unit: object) -> object:
    return str(unit) if isinstance(unit, int) and not isinstance(unit, bool) else unit


LetterOrDigit = Annotated[
    str,
    Field(pattern=r"^[0-9A-Za-z]$", json_schema_extra={"type": ["string", "integer"]}),
    BeforeValidator(_a_digit_is_a_character),
]
"""An address of one character; a digit may be written as a number."""

FAULT = int(Flag.INSTRUMENT_FAULT)
Word = Decimal | str | None


class CharacterChannel(BaseModel):
    """One `[[device.channel]]`: which field of the answer, and what it means."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    id: ChannelId
    field: str | None = Field(default=None, min_length=1, max_length=64)
    """The field's name in the instrument's words; None: the same as `id`."""
    unit: UnitOfMeasure
    """Unit of measure after scaling."""
    scale: float = 1.0
    offset: float = 0.0
    range: ValidRange | None = None
    """Lowest and highest value that counts, in `unit`."""

    @field_validator("scale")
    @classmethod
    def _scale_keeps_values_apart(cls, scale: float) -> float:
        if scale == 0:
            raise ValueError("scale 0 makes every value the same")
        return scale

    @property
    def source(self) -> str:
        """The field's name."""
        return self.field or self.id

    def meaning(self) -> ChannelMeaning:
        """What its number means."""
        low, high = self.range or (None, None)
        return ChannelMeaning(self.id, self.unit, low, high)

    def reading(self, word: Word, flags: int = 0, *, by: Linear = SAME) -> Reading:
        """The reading of the instrument's word, taken `by` into the channel's unit, scaled in decimals, rounded once.

        No word, a text where a number is meant, or what 64 bits do not hold is an instrument fault. A channel is
        whole numbers or not by its scale and offset, not by what the value happens to be: 0.041 ppm is 41.0 ppb.
        """
        if not isinstance(word, Decimal):
            return Reading(self.id, None, flags | FAULT)
        factor, shift = decimal(self.scale), decimal(self.offset)
        exact = factor * by.of(word) + shift
        whole = by == SAME and factor.denominator == shift.denominator == 1 and _is_integer(word)
        if whole and int(exact) in INT64:
            return Reading(self.id, int(exact), flags)
        try:
            return Reading(self.id, exact.numerator / exact.denominator, flags)
        except OverflowError:
            return Reading(self.id, None, flags | FAULT)


class CharacterSettings(DriverSettings):
    """A device on a line of characters. Drivers add what their instruments need."""

    channel: tuple[CharacterChannel, ...] = Field(json_schema_extra={"minItems": 1})

    def speech(self) -> Speech:
        """Characters."""
        return "characters"

    def channels(self) -> tuple[ChannelMeaning, ...]:
        """The channels in the order of the file."""
        return tuple(channel.meaning() for channel in self.channel)

    def address(self) -> int | str | None:
        """None: lines of characters have no numbers for devices."""
        return None

    def asks(self) -> str:
        """What the instrument is asked, as the configuration record shows it; empty: it talks by itself."""
        return ""

    def rows(self) -> list[list[object]]:
        """[id, what is asked, field, "text", "", scale, offset, unit, range] of every channel."""
        return [
            [
                c.id,
                self.asks(),
                c.source,
                "text",
                "",
                c.scale,
                c.offset,
                c.unit,
                None if c.range is None else list(c.range),
            ]
            for c in self.channel
        ]

    def fields(self) -> frozenset[str] | None:
        """The names that `field` may have; None: any."""
        return None

    def problems(self) -> Iterator[SettingProblem]:
        """Mistakes between channels."""
        yield from channels_twice(channel.id for channel in self.channel)
        known = self.fields()
        for index, channel in enumerate(self.channel):
            if known is not None and channel.source not in known:
                key = "field" if channel.field else "id"
                there = f"there are: {', '.join(sorted(known))}"
                wrong = f'the answer has no field "{channel.source}"; {there}'
                yield SettingProblem(("channel", index, key), wrong)

    def readings(self, words: Mapping[str, Word], flags: int = 0) -> tuple[Reading, ...]:
        """One reading for each channel; a field that is not in the answer is an instrument fault."""
        return tuple(channel.reading(words.get(channel.source), flags) for channel in self.channel)


def _is_integer(word: Decimal) -> bool:
    """Whether it was written as one: 42 and 4.2E1 are, 42.0 is not."""
    exponent = word.as_tuple().exponent
    return isinstance(exponent, int) and exponent == 0
