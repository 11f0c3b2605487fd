"""Teledyne API analyzers (T and E series) that are asked in words: tests by name (`T O3`), and their warnings.

There is no check in this protocol: a changed digit is another value. Where the instrument speaks Modbus or
Bayern-Hessen, those are better. Whether it measures or calibrates is told by no test: only a message of kind C that
comes in the middle of a poll flags that poll, so valves that open on a timer need a status channel elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from pydantic import Field

from drivers.character_settings import FAULT
from drivers.characters import CharacterLine, Heard, Talk
from drivers.driver import Cycle, DriverSettings, SettingProblem
from drivers.errors import DriverError, Garbled, NoAnswer, Refused
from drivers.line import Seconds
from drivers.protocols import teledyne
from drivers.protocols.teledyne import (
    COMPUTER,
    LIST,
    TERMINAL,
    TEST,
    WARNING,
    Measured,
    Message,
    Mode,
    Request,
    Unasked,
    encode_request,
    repeats,
    take_message,
    take_reply,
)
from drivers.said_unit import SaidChannel, SaidSettings
from telemetry.reading import Block, Flag, Reading

CALIBRATES: Final = "C"


class TestChannel(SaidChannel):
    """One `[[device.channel]]`: `field` is the test as `T LIST` names it."""

    __test__ = False  # pytest: no test case

    label: str | None = Field(default=None, min_length=1, max_length=64)
    """The test's name in the answer, if it is another."""


class Settings(SaidSettings):
    """An instrument that is asked for tests by name."""

    unit: int | None = Field(default=None, ge=0, le=9999)
    """The ID of its menu, which its answers repeat; None: none is sent, it has its line for itself."""
    mode: Literal["terminal", "computer"] = "terminal"
    """In computer mode a line feed ends a command, and nothing is repeated."""
    warnings: bool = True
    """Whether it is asked for its warnings at each poll. No line ends that list: the line waits for `list_wait`."""
    list_wait_s: Seconds = Field(default=0.5, alias="list_wait", ge=0.05, le=10)
    """How long warnings may take to come."""
    channel: tuple[TestChannel, ...] = Field(json_schema_extra={"minItems": 1})

    def address(self) -> int | None:
        """The ID; None: it has none."""
        return self.unit

    def alone(self) -> bool:
        """Without an ID anybody's answer counts."""
        return self.unit is None

    def asks(self) -> str:
        """The letter of tests; their names are the fields."""
        return TEST

    @property
    def wording(self) -> Mode:
        """What ends a command."""
        return TERMINAL if self.mode == "terminal" else COMPUTER

    def request(self, channel: TestChannel) -> Request:
        """Of one test. ValueError: the name is none."""
        return Request(TEST, channel.source, self.unit, channel.label)

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels, then names that no test has."""
        yield from super().problems()
        for index, channel in enumerate(self.channel):
            key = "field" if channel.field else "id"
            try:
                self.request(channel)
            except ValueError as error:
                yield SettingProblem(("channel", index, key), str(error))
                continue
            if channel.source.upper() == LIST:
                yield SettingProblem(("channel", index, key), "a list is no value: name one test of it")


@dataclass(slots=True)
class _Poll:
    """What one poll has brought; `told` are messages that nobody asked for, and the list of warnings."""

    values: dict[str, Heard[Measured]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    told: dict[str, Message] = field(default_factory=dict)
    errors: list[DriverError] = field(default_factory=list)
    lost: DriverError | None = None
    flags: int = 0

    def hear(self, message: Message, instrument_id: int | None) -> None:
        """Keep it, if it is of our instrument."""
        if instrument_id in (None, message.instrument_id):
            self.told[f"{message.kind} {message.body}"] = message

    def judge(self) -> None:
        """Warnings and calibrations become flags of every value."""
        faults = []
        for message in self.told.values():
            if message.kind == CALIBRATES:
                self.flags |= int(Flag.CALIBRATION)
            elif message.kind == WARNING:
                flag = teledyne.warning_flag(message)
                self.flags |= int(Flag[flag.upper()]) if flag else 0
                faults += [message.body.strip()] if flag else []
        if faults:
            self.errors.append(DriverError(f"the instrument warns: {', '.join(faults)}"))


class TeledyneDriver:
    """One instrument on its line."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: CharacterLine) -> None:
        assert isinstance(settings, Settings)
        self._settings = settings
        self._line = line

    async def read(self) -> Cycle:
        """One poll. After silence or damage the rest is not asked for: one timeout is enough.

        Warnings are asked for behind the first test: an instrument that is not there costs no wait for them.
        """
        poll = _Poll()
        first, *others = self._settings.channel
        await self._measure(first, poll)
        if self._settings.warnings and poll.lost is None:
            await self._warnings(poll)
        for channel in others:
            await self._measure(channel, poll)
        if not poll.values:
            raise poll.errors[0]
        poll.judge()
        return self._cycle(poll)

    async def _measure(self, channel: TestChannel, poll: _Poll) -> None:
        if poll.lost is not None:
            poll.missing[channel.id] = poll.lost.flags
            return
        request = self._settings.request(channel)

        def take(buffer: bytearray) -> Measured | None:
            try:
                return take_reply(buffer, request)
            except Unasked as other:
                poll.hear(other.message, self._settings.unit)
                raise

        try:
            poll.values[channel.id] = await self._line.ask(
                encode_request(request, self._settings.wording), take
            )
        except DriverError as error:
            poll.errors.append(error)
            poll.missing[channel.id] = error.flags
            poll.lost = None if isinstance(error, Refused) else error

    async def _warnings(self, poll: _Poll) -> None:
        """The list, as far as it comes. What cannot be read may be a warning: then no value counts."""
        try:
            await self._line.converse(lambda talk: self._list(talk, poll))
        except Garbled as error:
            hint = "if this instrument words its list otherwise, write warnings = false"
            poll.errors.append(Garbled(error.what, hint=hint, evidence=error.evidence))
            poll.flags |= FAULT
        except DriverError as error:
            poll.errors.append(error)
            poll.lost = error

    async def _list(self, talk: Talk, poll: _Poll) -> None:
        request = Request(WARNING, LIST, self._settings.unit)

        def take(buffer: bytearray) -> None:
            while (message := take_message(buffer, echo=request.words)) is not None:
                poll.hear(message, self._settings.unit)

        try:
            await talk.ask(
                encode_request(request, self._settings.wording), take, timeout_s=self._settings.list_wait_s
            )
        except NoAnswer:
            return  # the list is at its end, or empty
        except Garbled as error:
            if not repeats(error.evidence, request.words):
                raise  # else it is empty, and the instrument repeats what it is asked

    def _cycle(self, poll: _Poll) -> Cycle:
        latest = max(heard.at_mono_ms for heard in poll.values.values())
        blocks, errors = [], list(poll.errors)
        for channel in self._settings.channel:
            heard = poll.values.get(channel.id)
            if heard is None:
                reading = Reading(channel.id, None, poll.missing[channel.id] | poll.flags)
                blocks.append(Block(latest, (reading,)))
                continue
            reading, error = channel.outcome(heard.message.value, heard.message.unit, poll.flags)
            blocks.append(Block(heard.at_mono_ms, (reading,)))
            errors += [] if error is None else [error]
        return Cycle(tuple(sorted(blocks, key=lambda block: block.at_mono_ms)), tuple(errors))
