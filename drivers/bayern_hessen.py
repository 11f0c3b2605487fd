"""Air analyzers that speak the Bayern-Hessen (Gesytec) network protocol: all values of an instrument in one answer.

Every value carries a status word; its maker's table (drivers.protocols.bayern_hessen_status) turns it into flags.
Thermo sends 0.0 for a value that its present mode does not have, and nothing in the answer tells: leave such a
value out of the station file. An instrument that measures less often than it is asked sends the same value again.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from drivers.character_settings import FAULT
from drivers.characters import CharacterLine
from drivers.driver import Cycle, DriverSettings, SettingProblem
from drivers.errors import DriverError, Misconfigured
from drivers.protocols import bayern_hessen_status as status
from drivers.protocols.bayern_hessen import (
    DIALECTS,
    Addressing,
    DataQuery,
    Dialect,
    Value,
    encode_request,
    take_reply,
)
from drivers.protocols.bayern_hessen_frame import Framing
from drivers.protocols.unit_words import is_mass, is_share
from drivers.said_unit import Outcome, SaidChannel, SaidSettings, real
from telemetry.reading import Block, Flag, Reading

Maker = Literal["thermo", "ecotech-old", "ecotech-new", "teledyne-type-1", "teledyne-type-2", "horiba"]
Model = Literal["thermo", "ecotech", "horiba", "teledyne-t200", "teledyne-t300", "teledyne-t400"]
Width = Annotated[int, Field(ge=0, le=16)]
Mask = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{4}$")]
BitFlag = Literal["valid", "calibration", "maintenance", "instrument_fault", "warming_up", "out_of_service"]

PLACE: Final = re.compile(r"[1-9]\d?", re.ASCII)
IDENTIFICATION: Final = re.compile(r"\d{3}", re.ASCII)
GAS: Final = re.compile(r"gas \d{3}", re.ASCII)
_WORDS: Final = (
    '"1" is the first value of the answer, "097" the one with this identification, "gas 001" of this gas'
)
_FLAGS: Final = {name: int(Flag[name.upper()]) for name in status.FLAGS}


class Settings(SaidSettings):
    """An instrument that is asked with `DA`. A channel's `field` names a value of the answer."""

    unit: int = Field(ge=1, le=999)
    """The instrument's address, which is the first identification in its answer."""
    dialect: Maker
    """How the maker words an answer; Acoem is ecotech-new."""
    model: Model | None = None
    """Whose table of status bits holds; None: the dialect's. Teledyne has one for each model."""
    status_bits: Mapping[Mask, BitFlag] = Field(default_factory=dict)
    """Bits of the status word, four hexadecimal digits, where the manual on the desk differs from the table."""
    values: int | None = Field(default=None, ge=1, le=99)
    """How many values an answer has. Another number means that the instrument was set up anew: no value counts."""
    query: Literal["DA014", "DA 14", "DA"] = "DA014"
    """How the address is sent: three digits, with spaces (Thermo), or not at all (it is checked all the same)."""
    check: bool = True
    """Whether a request ends with ETX and its check; false: with CR, and nothing proves what the answer says."""
    replies: Literal["etx", "cr", "text"] | None = None
    """How an answer ends; None: as the request does. `text`: Teledyne's mode of this name."""
    mantissa: Literal["thousandths", "whole"] | None = None
    """What +2578+01 is: 25.78 or 25780; None: as the dialect has it."""
    joined_status: bool | None = None
    """Whether both status bytes are one word of four digits."""
    identifications: Literal["rising", "same", "first", "listed"] | None = None
    """How those in an answer follow from the address; None: as the dialect has it."""
    tails: tuple[tuple[Width, ...], ...] | None = None
    """Characters of the fields behind the status, one list for each form; None: as the dialect has it."""

    def address(self) -> int:
        """The instrument's."""
        return self.unit

    def alone(self) -> bool:
        """Without an address everybody answers at once."""
        return self.query == "DA"

    def asks(self) -> str:
        """The command."""
        return f"DA{self.request.address}"

    @property
    def request(self) -> DataQuery:
        """What is sent."""
        address = {"DA014": f"{self.unit:03d}", "DA 14": f"{self.unit:3d}", "DA": ""}[self.query]
        return DataQuery(address, Framing.BCC if self.check else Framing.CR)

    @cached_property
    def wording(self) -> Dialect:
        """The dialect with what the station file says otherwise."""
        known = DIALECTS[self.dialect]
        framings = {"etx": Framing.BCC, "cr": Framing.CR, "text": Framing.TEXT}
        return replace(
            known,
            addressing=Addressing[self.identifications.upper()] if self.identifications else known.addressing,
            tails=known.tails if self.tails is None else self.tails,
            integer_mantissa=self.mantissa == "whole" if self.mantissa else known.integer_mantissa,
            joined_status=known.joined_status if self.joined_status is None else self.joined_status,
            framing=framings[self.replies] if self.replies else known.framing,
        )

    @cached_property
    def table(self) -> status.Table:
        """What the bits of a status word mean."""
        known = status.TABLES[self.model or self.dialect.split("-")[0]]
        own = {int(mask, 16): None if flag == "valid" else flag for mask, flag in self.status_bits.items()}
        return status.laid_over(known, own)

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels, then names of values that no answer has."""
        yield from super().problems()
        if self.dialect.startswith("teledyne") != (self.model or "").startswith("teledyne"):
            models = ", ".join(
                name for name in status.TABLES if name.split("-")[0] == self.dialect.split("-")[0]
            )
            yield SettingProblem(("model",), f"this dialect's tables are: {models}")
        for mask in self.status_bits:
            if int(mask, 16) & self.table.unit_mask:
                yield SettingProblem(("status_bits",), f"{mask}: these bits tell the unit of the value")
        if self.tails == ():
            yield SettingProblem(
                ("tails",), "write at least one form, [[]] if nothing stands behind the status"
            )
        for index, channel in enumerate(self.channel):
            wrong = self._wrong_name(channel.source)
            if wrong:
                yield SettingProblem(("channel", index, "field" if channel.field else "id"), wrong)
        if len({bool(PLACE.fullmatch(c.source)) + 2 * c.source.startswith("gas") for c in self.channel}) > 1:
            yield SettingProblem(
                ("channel",), "name all values by place, all by identification, or all by gas"
            )

    def _wrong_name(self, name: str) -> str | None:
        """Why no value of an answer has this name; None: one may have it."""
        wording = self.wording
        if PLACE.fullmatch(name):
            if self.values is None:
                return "write how many values an answer has (values = 1): one more would shift the others"
            return None if int(name) <= self.values else f"an answer has {self.values} values"
        if IDENTIFICATION.fullmatch(name):
            several = wording.addressing is Addressing.SAME and self.values != 1
            return (
                "all values of this dialect have one identification: name their places" if several else None
            )
        if GAS.fullmatch(name):
            return None if (3, 6) in wording.tails else "this dialect does not say which gas a value is"
        return f'no value is called "{name}": {_WORDS}'


class BayernHessenDriver:
    """One instrument on its line."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: CharacterLine) -> None:
        assert isinstance(settings, Settings)
        self._settings = settings
        self._line = line
        self._request = settings.request
        self._wire_request = encode_request(self._request)

    async def read(self) -> Cycle:
        """All values of one answer."""
        heard = await self._line.ask(self._wire_request, self._take)
        outcomes = self._outcomes(heard.message)
        readings = tuple(outcome.reading for outcome in outcomes)
        # One error for what is wrong with the whole answer, however many channels it concerns.
        errors = dict.fromkeys(outcome.error for outcome in outcomes if outcome.error is not None)
        return Cycle((Block(heard.at_mono_ms, readings),), tuple(errors))

    def _take(self, buffer: bytearray) -> tuple[Value, ...] | None:
        return take_reply(buffer, self._request, self._settings.wording, of=self._settings.unit)

    def _outcomes(self, values: Sequence[Value]) -> list[Outcome]:
        settings = self._settings
        if settings.values not in (None, len(values)):
            error = Misconfigured(
                f"the answer to {settings.asks()} has {len(values)} values, not {settings.values}",
                hint="the instrument was set up anew: compare what it reports with the station file",
            )
            return [Outcome(Reading(channel.id, None, FAULT), error) for channel in settings.channel]
        named = by_name(values)
        return [self._outcome(channel, named) for channel in settings.channel]

    def _outcome(self, channel: SaidChannel, named: Mapping[str, Value]) -> Outcome:
        value = named.get(channel.source)
        if value is None:
            there = ", ".join(name for name in named if not PLACE.fullmatch(name)) or "none"
            what = f'{channel.id}: the answer has no value "{channel.source}" of its own; there are: {there}'
            return Outcome(Reading(channel.id, None, FAULT), Misconfigured(what))
        return judged(channel, value, self._settings.table)


def by_name(values: Sequence[Value]) -> dict[str, Value]:
    """By place, identification and gas. A name that two values have is nobody's."""
    names = [
        (str(place), *(() if value.address is None else (f"{value.address:03d}",)), *_gas(value))
        for place, value in enumerate(values, 1)
    ]
    count = Counter(name for each in names for name in each)
    return {
        name: value for value, each in zip(values, names, strict=True) for name in each if count[name] == 1
    }


def _gas(value: Value) -> tuple[str, ...]:
    return (f"gas {value.tail[0]}",) if [len(part) for part in value.tail] == [3, 6] else ()


def judged(channel: SaidChannel, value: Value, table: status.Table) -> Outcome:
    """A value and its status word as a reading, and an error if the instrument reports a fault."""
    told = status.conditions(value.word, table)
    flags = 0
    for bit in told:
        flags |= _FLAGS[bit.flag] if bit.flag else 0
    unit = status.unit_of(value.word, table)
    reading, error = channel.outcome(real(value.value), _spelt(unit, channel.expected_unit), flags)
    if error is None and flags & FAULT:
        faults = ", ".join(bit.meaning for bit in told if bit.flag == status.FAULT)
        error = DriverError(f"{channel.id}: the instrument reports {faults} (status {value.word:04X})")
    if any(bit.meaning == status.INVALID for bit in told):
        reading = reading._replace(value=None)
    return Outcome(reading, error)


def _spelt(unit: str | None, expected: str) -> str | None:
    """The unit that a status word tells. None: none, or a kind of unit that the expected one may be of."""
    other = {"gravimetric": is_share, "volumetric": is_mass}.get(unit or "")
    return unit if other is None or other(expected) else None
