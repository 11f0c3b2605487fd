"""Vaisala WXT510, WXT520 and WXT530 weather transmitters in ASCII, polled or sending by themselves.

Fields are the names in the messages: Dm, Sm (mean wind), Ta, Ua, Pa, Rc, Ri, Th, Vs and so on. Every value says its
unit by a letter and is taken into the channel's; `#` is no value. Use the CRC: without it nothing proves a line.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Final, Literal

from pydantic import Field

from drivers.character_settings import CharacterSettings, LetterOrDigit
from drivers.characters import CharacterLine
from drivers.driver import Cycle, DriverSettings, SettingProblem
from drivers.errors import DriverError, Garbled, Refused
from drivers.hearing import LONGEST_SILENCE_S, Hearing
from drivers.line import Seconds
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.vaisala_wxt import (
    Dialect,
    Message,
    Parameter,
    Request,
    Words,
    encode_request,
    take_message,
    take_reply,
)
from drivers.protocols.vaisala_wxt_tables import COMBINED, COMPOSITE, MESSAGES, text_row
from drivers.statements import Account, Said, Statement, unit_problems
from telemetry.reading import Flag

UNITS: Final[Mapping[str, Mapping[str, str]]] = {
    name: units for name, units in MESSAGES[COMPOSITE].items() if units
}
"""Of every field that is a number: unit letter to unit."""


class Settings(CharacterSettings):
    """A WXT on a serial line, or behind a serial server."""

    unit: LetterOrDigit = "0"
    """Its address, a digit or a letter."""
    mode: Literal["polled", "automatic"] = "polled"
    """Automatic: it sends by itself and has its line for itself."""
    crc: bool = False
    """Whether its messages carry a CRC (communication protocol p or a in lower case)."""
    composite: bool = False
    """Polled: whether it is asked for everything at once (aR0), which it must be configured for."""
    silence_s: Seconds = Field(default=30.0, alias="silence", ge=1, le=LONGEST_SILENCE_S)
    """Automatic: how long a field may stay unsaid; longer than its update intervals."""

    def address(self) -> str:
        """The digit or letter."""
        return self.unit

    def streams(self) -> bool:
        """In automatic mode."""
        return self.mode == "automatic"

    def patience_s(self) -> float:
        """As long as a field may stay unsaid."""
        return self.silence_s if self.streams() else 0.0

    def asks(self) -> str:
        """The commands of one poll."""
        letter = "r" if self.crc else "R"
        return (
            "" if self.streams() else " ".join(f"{self.unit}{letter}{number}" for number in self.messages())
        )

    def messages(self) -> tuple[int, ...]:
        """The numbers of the messages that have the fields of its channels."""
        if self.composite:
            return (COMPOSITE,)
        wanted = {channel.source for channel in self.channel}
        return tuple(number for number in COMBINED if wanted & MESSAGES[number].keys())

    def fields(self) -> frozenset[str]:
        """All numbers of all messages."""
        return frozenset(UNITS)

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels, then their units."""
        yield from super().problems()
        for index, channel in enumerate(self.channel):
            if channel.source in UNITS:
                yield from unit_problems(index, channel, UNITS[channel.source].values())
        if self.composite and self.streams():
            yield SettingProblem(("composite",), "nobody asks an instrument that sends by itself: remove it")


class VaisalaWxtDriver:
    """One transmitter, asked or heard."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: CharacterLine) -> None:
        assert isinstance(settings, Settings)
        self._settings = settings
        self._line = line
        self._dialect = Dialect(crc=settings.crc)
        wanted = frozenset(channel.source for channel in settings.channel)
        self._hearing = Hearing(line, self._take, wanted, settings.silence_s)

    async def read(self) -> Cycle:
        """All messages that its channels need, or the newest that was said of each field.

        A message that it refuses or that stays damaged costs its own fields; silence ends the poll.
        """
        if self._settings.streams():
            account, missing = await self._hearing.account()
        else:
            account, missing = await self._poll()
        return account.cycle(self._settings.channel, missing)

    async def _poll(self) -> tuple[Account, dict[str, DriverError]]:
        account, missing = Account(), dict[str, DriverError]()
        for number in self._settings.messages():
            request = Request(self._settings.unit, number)
            try:
                account.add(
                    [await self._line.ask(encode_request(request, self._dialect), self._reply(request))]
                )
            except (Refused, Garbled) as error:
                missing |= dict.fromkeys(MESSAGES[number], error)
            except DriverError as error:
                missing = dict.fromkeys(UNITS, error) | missing
                break
        return account, missing

    def _reply(self, request: Request) -> Callable[[bytearray], Statement | None]:
        def take(buffer: bytearray) -> Statement | None:
            message = take_reply(buffer, request, self._dialect)
            return None if message is None else _statement(message.parameters)

        return take

    def _take(self, buffer: bytearray) -> Statement | None:
        heard = take_message(buffer, self._dialect)
        if heard is None:
            return None
        if heard.address != self._settings.unit:
            raise Malformed(f"address {heard.address} speaks", repr(heard).encode())
        return _words(heard) if isinstance(heard, Words) else _told(heard)


def _told(message: Message) -> Statement:
    return _statement(message.parameters)


def _statement(parameters: Sequence[Parameter]) -> Statement:
    return Statement({one.name: _said(one) for one in parameters if one.name in UNITS})


def _said(one: Parameter) -> Said:
    return Said(one.value, UNITS[one.name].get(one.unit, ""), one.reason)


def _words(heard: Words) -> Statement:
    """A restart is told; one in which its settings or its calibration were lost makes its readings doubtful."""
    row = text_row(heard.words)
    doubtful = row is not None and row.flag == "instrument_fault"
    return Statement({}, (heard.words,), int(Flag.INSTRUMENT_FAULT) if doubtful else 0)
