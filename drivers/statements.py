"""What an instrument said of its fields, each with the unit it said, as the readings of one poll.

The station file names the unit that it wants. A number is taken into it where a definition leads there
(`drivers.protocols.conversion`); any other unit makes the reading a fault, with an error that tells the technician.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from drivers.character_settings import FAULT, CharacterChannel
from drivers.characters import Heard
from drivers.driver import Cycle, SettingProblem
from drivers.errors import DriverError, Refused
from drivers.protocols.conversion import SAME, conversion
from drivers.said_unit import unexpected
from telemetry.reading import Block, Reading


class Said(NamedTuple):
    """A number exactly as said, or None and the reason. `unit` empty: the instrument does not say it.

    `words` in place of a number: a text, as the field means it. `flags` belong to this field.
    """

    value: Decimal | None
    unit: str = ""
    reason: str = ""
    flags: int = 0
    words: str = ""


class Statement(NamedTuple):
    """One message by fields, what it says in words, and flags for every reading of the poll."""

    said: Mapping[str, Said]
    notes: tuple[str, ...] = ()
    flags: int = 0


class Found(NamedTuple):
    """What was said of a field, and when it was heard (CLOCK_BOOTTIME, ms)."""

    said: Said
    at_mono_ms: int


@dataclass(slots=True)
class Account:
    """The statements of one poll; of each field the newest counts."""

    found: dict[str, Found] = field(default_factory=dict)
    errors: list[DriverError] = field(default_factory=list)
    flags: int = 0
    at_mono_ms: int | None = None

    def add(self, heard: Iterable[Heard[Statement]]) -> None:
        """In the order in which they were heard."""
        for statement, at_mono_ms in heard:
            self.at_mono_ms = at_mono_ms
            self.flags |= statement.flags
            self.errors += [Refused(f"the instrument says {note!r}", code=0) for note in statement.notes]
            self.found |= {name: Found(said, at_mono_ms) for name, said in statement.said.items()}

    def cycle(
        self, channels: Sequence[CharacterChannel], missing: Mapping[str, DriverError] | None = None
    ) -> Cycle:
        """Every channel once. `missing` tells why a field was not said.

        The error itself when nothing at all was heard.
        """
        why = missing or {}
        if self.at_mono_ms is None:
            raise next(iter(why.values()))
        blocks: dict[int, list[Reading]] = {}
        for channel in channels:
            found = self.found.get(channel.source)
            at_mono_ms = self.at_mono_ms if found is None else found.at_mono_ms
            reading = self._reading(channel, found, why.get(channel.source))
            blocks.setdefault(at_mono_ms, []).append(reading)
        said_once = tuple({str(error): error for error in self.errors}.values())
        return Cycle(tuple(Block(at, tuple(blocks[at])) for at in sorted(blocks)), said_once)

    def _reading(self, channel: CharacterChannel, found: Found | None, why: DriverError | None) -> Reading:
        if found is None:
            error = why or Refused(f'the instrument says no "{channel.source}"', code=0)
            self.errors.append(error)
            return Reading(channel.id, None, self.flags | error.flags)
        reading, wrong = reading_of(channel, found.said)
        if wrong is not None:
            self.errors.append(wrong)
        return reading._replace(flags=reading.flags | self.flags)


def reading_of(channel: CharacterChannel, said: Said) -> tuple[Reading, DriverError | None]:
    """The reading in the channel's unit, and what is wrong with what was said."""
    if said.words:
        return Reading(channel.id, said.words, said.flags), None
    if said.value is None:
        return Reading(channel.id, None, said.flags or FAULT), Refused(said.reason, code=0)
    linear = conversion(said.unit, channel.unit) if said.unit else SAME
    if linear is None:
        wrong = unexpected(
            channel, said.unit, channel.unit, hint="set the instrument's unit, or the channel's"
        )
        return Reading(channel.id, None, said.flags | FAULT), wrong
    return channel.reading(said.value, said.flags, by=linear), None


def unit_problems(index: int, channel: CharacterChannel, said: Iterable[str]) -> Iterator[SettingProblem]:
    """Of a channel whose field is said in one of these units: a unit that none of them leads to, and a scale."""
    units = sorted(set(said))
    if not any(conversion(unit, channel.unit) for unit in units):
        wrong = f'"{channel.source}" is said in {" or ".join(units)}, which {channel.unit} cannot be made of'
        yield SettingProblem(("channel", index, "unit"), wrong)
    if channel.scale != 1:
        wrong = "the instrument says its unit, and its numbers are taken into the channel's: remove it"
        yield SettingProblem(("channel", index, "scale"), wrong)
