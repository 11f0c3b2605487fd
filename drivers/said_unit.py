"""Channels of instruments that say the unit of a value: it is checked, and converted by a power of ten at most.

An analyzer whose unit was changed in its menu says 0.041 ppm where it said 41 ppb. Without a `scale` of its own a
channel in ppb reads 41 from both. Any other unit than expected gives no value and an error for the technician.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from pydantic import Field

from drivers.character_settings import FAULT, CharacterChannel, CharacterSettings
from drivers.driver import SettingProblem
from drivers.errors import DriverError, Misconfigured
from drivers.protocols.unit_words import power
from telemetry.reading import Reading


def real(number: Decimal) -> Decimal:
    """The same number, never a whole one by the way it is written."""
    return number + Decimal("0.0")


class Outcome(NamedTuple):
    """A reading, and what the technician has to know about it."""

    reading: Reading
    error: DriverError | None = None


class SaidChannel(CharacterChannel):
    """One `[[device.channel]]` whose value comes with a unit."""

    instrument_unit: str | None = Field(default=None, max_length=16)
    """The unit that the instrument says, if it is not `unit`; empty: it says none. `scale` and `offset` lead from it
    to `unit`; powers of ten need none."""

    @property
    def expected_unit(self) -> str:
        """What the instrument has to say."""
        return self.unit if self.instrument_unit is None else self.instrument_unit

    @property
    def scales(self) -> bool:
        """Whether the station file says how the number is converted."""
        return bool({"scale", "offset"} & self.model_fields_set)

    def power_from(self, said: str) -> int | None:
        """Of ten, before scale and offset. None: a unit that is not expected."""
        if self.scales or self.instrument_unit is not None:
            if power(said, self.expected_unit) != 0:
                return None
            return 0 if self.scales or not self.instrument_unit else power(self.instrument_unit, self.unit)
        return power(said, self.unit)

    def outcome(self, number: Decimal, unit: str | None, flags: int = 0) -> Outcome:
        """The reading of a number in the unit that the instrument said; None: this instrument says none."""
        steps = self.power_from(self.expected_unit if unit is None else unit)
        if steps is not None:
            # 0.041 ppm is 41.0 ppb, as 0.0415 is 41.5: one channel's numbers are of one kind.
            return Outcome(self.reading(real(number.scaleb(steps)) if steps else number, flags))
        said, expected = (f'"{word}"' if word else "no unit" for word in (unit or "", self.expected_unit))
        return Outcome(
            Reading(self.id, None, flags | FAULT),
            Misconfigured(
                f"{self.id}: the instrument says {said} where the station file expects {expected}",
                hint="set the unit in the instrument's menu, or write instrument_unit, and scale if it takes one",
            ),
        )


class SaidSettings(CharacterSettings):
    """A device whose values come with units."""

    channel: tuple[SaidChannel, ...] = Field(json_schema_extra={"minItems": 1})

    def rows(self) -> list[list[object]]:
        """As for all; the scale contains the power of ten between `instrument_unit` and `unit`."""
        rows = super().rows()
        for channel, row in zip(self.channel, rows, strict=True):
            if not channel.scales:
                row[5] = float(Decimal(1).scaleb(channel.power_from(channel.expected_unit) or 0))
        return rows

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels, then units that nothing connects."""
        yield from super().problems()
        for index, channel in enumerate(self.channel):
            if channel.power_from(channel.expected_unit) is None:
                wrong = (
                    f'no power of ten makes "{channel.unit}" of "{channel.instrument_unit}": write the scale that '
                    "does (1.0 if they are the same)"
                )
                yield SettingProblem(("channel", index, "instrument_unit"), wrong)
