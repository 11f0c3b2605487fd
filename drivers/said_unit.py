"""Channels of instruments that say the unit of a value: it is checked, and converted where a definition leads to it.

An analyzer whose unit was changed in its menu says 0.041 ppm where it said 41 ppb. Without a `scale` of its own a
channel in ppb reads 41 from both. A unit that nothing leads from gives no value and an error for the technician.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from pydantic import Field

from drivers.character_settings import FAULT, CharacterChannel, CharacterSettings
from drivers.driver import SettingProblem
from drivers.errors import DriverError, Misconfigured
from drivers.protocols.conversion import SAME, Linear, conversion
from telemetry.reading import Reading


def real(number: Decimal) -> Decimal:
    """The same number, never a whole one by the way it is written."""
    return number + Decimal("0.0")


class Outcome(NamedTuple):
    """A reading, and what the technician has to know about it."""

    reading: Reading
    error: DriverError | None = None


def unexpected(channel: CharacterChannel, said: str, expected: str, *, hint: str) -> Misconfigured:
    """What the technician is told of a unit that nothing leads from; an empty one is none."""
    words = (f'"{word}"' if word else "no unit" for word in (said, expected))
    return Misconfigured(
        "{}: the instrument says {} where the station file expects {}".format(channel.id, *words), hint=hint
    )


class SaidChannel(CharacterChannel):
    """One `[[device.channel]]` whose value comes with a unit."""

    instrument_unit: str | None = Field(default=None, max_length=16)
    """The unit that the instrument says, if it is not `unit`; empty: it says none. `scale` and `offset` lead from it
    to `unit`; where a definition does, as from ppm to ppb or from mmHg to hPa, none is needed."""

    @property
    def expected_unit(self) -> str:
        """What the instrument has to say."""
        return self.unit if self.instrument_unit is None else self.instrument_unit

    @property
    def scales(self) -> bool:
        """Whether the station file says how the number is converted."""
        return bool({"scale", "offset"} & self.model_fields_set)

    def conversion_from(self, said: str) -> Linear | None:
        """Before scale and offset. None: a unit that is not expected."""
        if self.scales or self.instrument_unit is not None:
            if conversion(said, self.expected_unit) != SAME:
                return None
            return SAME if self.scales or not self.instrument_unit else conversion(said, self.unit)
        return conversion(said, self.unit)

    def outcome(self, number: Decimal, unit: str | None, flags: int = 0) -> Outcome:
        """The reading of a number in the unit that the instrument said; None: this instrument says none."""
        linear = self.conversion_from(self.expected_unit if unit is None else unit)
        if linear is not None:
            return Outcome(self.reading(number, flags, by=linear))
        hint = "set the unit in the instrument's menu, or write instrument_unit, and scale if it takes one"
        wrong = unexpected(self, unit or "", self.expected_unit, hint=hint)
        return Outcome(Reading(self.id, None, flags | FAULT), wrong)


class SaidSettings(CharacterSettings):
    """A device whose values come with units."""

    channel: tuple[SaidChannel, ...] = Field(json_schema_extra={"minItems": 1})

    def rows(self) -> list[list[object]]:
        """As for all; scale and offset contain what leads from `instrument_unit` to `unit`."""
        rows = super().rows()
        for channel, row in zip(self.channel, rows, strict=True):
            if not channel.scales:
                linear = channel.conversion_from(channel.expected_unit) or SAME
                row[5], row[6] = float(linear.factor), float(linear.shift)
        return rows

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels, then units that nothing connects."""
        yield from super().problems()
        for index, channel in enumerate(self.channel):
            if channel.conversion_from(channel.expected_unit) is None:
                wrong = (
                    f'no definition makes "{channel.unit}" of "{channel.instrument_unit}": write the scale that '
                    "does (1.0 if they are the same)"
                )
                yield SettingProblem(("channel", index, "instrument_unit"), wrong)
