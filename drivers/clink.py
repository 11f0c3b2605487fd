"""Thermo iSeries analyzers that speak C-Link: one command for each value, and what the analyzer says of itself.

An answer repeats the command, but not whose it is: only silence on the line tells two instruments apart
(drivers.turns). At each poll the analyzer is asked first what it does (`gas mode`): a value that comes while it
stands in span is not outside air. The bits of the word `flags` differ per model and no manual's table of them is
here: `flag_bits` takes them from the manual on the technician's desk.

The records that the analyzer keeps (`lrec`) never become readings: they carry the time of its own clock, whose zone
and error nobody tells, and a poll's answer is dated by ours (decision 34). Those that were missed are signed as they
are said (decision 35).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, partial
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from drivers.character_settings import FAULT
from drivers.characters import CharacterLine, Heard
from drivers.clink_kept import ClinkKept
from drivers.driver import Cycle, DriverSettings, SettingProblem
from drivers.errors import DriverError, Refused
from drivers.kept import Keeping
from drivers.protocols import clink
from drivers.protocols.clink import Answer, Command, Wire, encode_request, take_reply
from drivers.protocols.modbus_pdu import Malformed
from drivers.said_unit import Outcome, SaidChannel, SaidSettings
from telemetry.reading import Block, Flag, Reading

RECORD_S: Final = 5.0
"""For one record: 600 characters at 1200 Bd. Who asks for records asks again by himself, and later."""
FlagName = Literal["calibration", "maintenance", "instrument_fault", "warming_up", "out_of_service"]
Mask = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{8}$")]

ENDS: Final = {"cr": b"\r", "crlf": b"\r\n", "lf": b"\n", "nul": b"\x00"}
ACTS: Final = re.compile(r"(set|push|lr\d\d|[ls]rec|er)( |$)", re.IGNORECASE)
"""Commands that change something, press its keys, or bring records."""


class Settings(SaidSettings):
    """An analyzer that is asked in words. A channel's `field` is the command: `o3`, `no2`, `pres`, `flags`."""

    unit: int = Field(default=0, ge=0, le=clink.MAX_INSTRUMENT_ID)
    """The instrument ID of its menu; 0: no ID is sent, the instrument has its line for itself."""
    checksum: bool = False
    """Its format is 01: an answer without its sum is refused."""
    sum_with_line_feed: bool = False
    """The sum counts the line feed in front of it too."""
    end: Literal["cr", "crlf", "lf", "nul"] = "cr"
    """What ends an answer."""
    states: tuple[Literal["gas mode", "mode"], ...] = ("gas mode",)
    """What it is asked about itself at each poll. Instruments without zero and span gas know no gas mode: []."""
    flag_bits: Mapping[Mask, FlagName] = Field(default_factory=dict)
    """Bits of the word `flags`, eight hexadecimal digits, and what it means when one of them is 1."""
    backfill: bool = True
    """After a silence the records that it kept meanwhile are asked for, one at a time between polls."""

    def address(self) -> int:
        """The instrument ID."""
        return self.unit

    def alone(self) -> bool:
        """Without an ID everybody answers."""
        return self.unit == 0

    def asks(self) -> str:
        """The protocol; the commands are the fields."""
        return "C-Link"

    @cached_property
    def wire(self) -> Wire:
        """How answers look."""
        return Wire(self.checksum, self.sum_with_line_feed, ENDS[self.end])

    def command(self, words: str) -> Command:
        """To this instrument. ValueError: these words are none."""
        return Command(words, self.unit or None)

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels, then commands that are none, or that do more than ask."""
        yield from super().problems()
        for index, channel in enumerate(self.channel):
            wrong = self._wrong_command(channel.source)
            if wrong:
                yield SettingProblem(("channel", index, "field" if channel.field else "id"), wrong)

    def _wrong_command(self, words: str) -> str | None:
        if ACTS.match(words):
            return f'"{words}" does more than ask for a value'
        try:
            self.command(words)
        except ValueError as error:
            return str(error)
        return None


@dataclass(slots=True)
class _Poll:
    """What one poll has brought. `lost`: why the rest is not asked; `flags` are for every value."""

    flags: int = 0
    lost: DriverError | None = None
    at_mono_ms: int | None = None
    blocks: list[Block] = field(default_factory=list)
    missing: list[Reading] = field(default_factory=list)
    errors: list[DriverError] = field(default_factory=list)

    def doubt(self, error: DriverError) -> None:
        """What the analyzer does is not known, or it reports a fault: no value of this poll counts."""
        self.flags |= FAULT
        self.errors.append(error)

    def cycle(self) -> Cycle:
        """Everything; raises the first error when nothing was answered."""
        if self.at_mono_ms is None:
            raise self.errors[0]
        missing = [Block(self.at_mono_ms, tuple(self.missing))] if self.missing else []
        return Cycle((*self.blocks, *missing), tuple(self.errors))


class ClinkDriver:
    """One analyzer on its line."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: CharacterLine) -> None:
        assert isinstance(settings, Settings)
        self._settings = settings
        self._line = line
        self._bits = {int(mask, 16): int(Flag[name.upper()]) for mask, name in settings.flag_bits.items()}

    async def read(self) -> Cycle:
        """One poll. After silence or damage the rest is not asked for: one timeout is enough."""
        poll = _Poll()
        for words in self._settings.states:
            await self._learn(words, poll)
        if self._bits:
            await self._learn_flags(poll)
        for channel in self._settings.channel:
            await self._measure(channel, poll)
        return poll.cycle()

    @property
    def backfills(self) -> bool:
        """See `drivers.kept`."""
        return self._settings.backfill

    def kept(self) -> Keeping:
        """See `drivers.kept`."""

        async def ask(words: str) -> Answer:
            command, wire = self._settings.command(words), self._settings.wire
            reader = partial(take_reply, command=command, wire=wire)
            at_least_s = RECORD_S if words.startswith("lrec") else 0.0
            request = encode_request(command)
            return (await self._line.ask(request, reader, at_least_s=at_least_s, again=False)).message

        return ClinkKept(ask)

    async def _ask(self, words: str, poll: _Poll) -> Heard[Answer] | DriverError:
        """An answer, or why there is none. Silence and damage are noted once, for the rest of the poll."""
        if poll.lost is not None:
            return poll.lost
        command, wire = self._settings.command(words), self._settings.wire
        try:
            heard = await self._line.ask(
                encode_request(command), lambda buffer: take_reply(buffer, command, wire)
            )
        except Refused as error:
            return error
        except DriverError as error:
            poll.lost = error
            poll.errors.append(error)
            return error
        poll.at_mono_ms = heard.at_mono_ms
        return heard

    async def _learn(self, words: str, poll: _Poll) -> None:
        """What the analyzer does now, as flags of all values."""
        heard = await self._ask(words, poll)
        if isinstance(heard, Refused):
            hint = f"if this model has no {words}, take it out of states"
            poll.doubt(Refused(heard.what, code=0, hint=hint, evidence=heard.evidence))
        elif not isinstance(heard, DriverError):
            state = clink.state_of(heard.message)
            if state is None:
                poll.doubt(DriverError(f'{words} is "{heard.message.words}", which no manual here explains'))
            elif state.flag is not None:
                poll.flags |= int(Flag[state.flag.upper()])

    async def _learn_flags(self, poll: _Poll) -> None:
        heard = await self._ask(clink.FLAGS, poll)
        if isinstance(heard, Refused):
            poll.doubt(heard)
        elif not isinstance(heard, DriverError):
            try:
                word = clink.flags(heard.message)
            except Malformed as wrong:
                poll.doubt(DriverError(str(wrong), evidence=wrong.evidence))
                return
            for mask, flag in self._bits.items():
                poll.flags |= flag if word & mask else 0
            if any(word & mask and flag == FAULT for mask, flag in self._bits.items()):
                poll.errors.append(DriverError(f"the instrument reports a fault (flags {word:08X})"))

    async def _measure(self, channel: SaidChannel, poll: _Poll) -> None:
        heard = await self._ask(channel.source, poll)
        if isinstance(heard, DriverError):
            poll.missing.append(Reading(channel.id, None, heard.flags | poll.flags))
            if isinstance(heard, Refused):
                poll.errors.append(heard)
            return
        outcome = measured(channel, heard.message, poll.flags)
        poll.blocks.append(Block(heard.at_mono_ms, (outcome.reading,)))
        if outcome.error is not None:
            poll.errors.append(outcome.error)


def measured(channel: SaidChannel, answer: Answer, flags: int) -> Outcome:
    """The value of an answer; one that is worded otherwise is none."""
    try:
        if answer.command.words.lower() == clink.FLAGS:
            return channel.outcome(Decimal(clink.flags(answer)), "", flags)
        value, unit = clink.measured(answer)
    except Malformed as wrong:
        reading = Reading(channel.id, None, flags | FAULT)
        return Outcome(reading, DriverError(f"{channel.id}: {wrong}", evidence=wrong.evidence))
    return channel.outcome(value, unit, flags)
