"""Probes on an SDI-12 line: start a measurement, wait for the service request, fetch the values.

    0MC!  ->  000512      data in 5 s, or at the service request `0`
    0D0!  ->  0+3.14-2.7 and so on, until all announced values are there; with MC, CC and RC each answer has a CRC

Fields are the numbers of the values, from 1. SDI-12 says no units: the channel's unit, scale and offset are the
manual's. The line stays with one probe until its values are there: after a concurrent measurement (C), which has
no service request, for all of the announced time. Data answers do not say which measurement they belong to, so
every doubt starts a new one. Without a CRC a damaged digit is another value: write MC or CC where the probe can.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import ClassVar, Final, TypeVar

from pydantic import Field

from drivers.character_settings import CharacterSettings, LetterOrDigit
from drivers.characters import CharacterLine, Heard, Talk
from drivers.driver import Cycle, DriverSettings, SettingProblem
from drivers.errors import Garbled, NoAnswer, Refused
from drivers.line import Seconds
from drivers.protocols import sdi12
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.sdi12_message import (
    Announced,
    Measure,
    ReadContinuous,
    Reply,
    Request,
    SendData,
    Values,
)
from drivers.protocols.text import Refusal
from drivers.statements import Account, Said, Statement

SETTLING_S: Final = 0.5
"""How much longer than announced a probe may take."""
LONGEST_WAIT_S: Final = 45.0
"""Twice of it, when a measurement is garbled, is less than what the agent takes for a stuck line (60 s and once)."""
ANSWERS: Final = 10
"""aD0! to aD9!."""

R = TypeVar("R", bound=Reply)


class Settings(CharacterSettings):
    """A probe on an SDI-12 line, mostly behind an adapter."""

    unit: LetterOrDigit = "0"
    """Its address, a digit or a letter."""
    measurement: str = Field(default="M", pattern=r"^([MC]C?[1-9]?|RC?[0-9])$")
    """What stands between address and ! in the manual: M, MC, M1, C, CC, R0, RC0. A C at its end asks for a CRC."""
    no_value: tuple[float | int, ...] = ()
    """Numbers with which the probe says that it has no value, as -9999."""
    longest_wait_s: Seconds = Field(default=30.0, alias="longest_wait", ge=1, le=LONGEST_WAIT_S)
    """The longest time that a measurement may announce; the line waits with it."""

    def address(self) -> str:
        """The digit or letter."""
        return self.unit

    def patience_s(self) -> float:
        """As long as a measurement may take."""
        return self.longest_wait_s

    def asks(self) -> str:
        """The command that starts a measurement."""
        return f"{self.request.command}!"

    @property
    def request(self) -> Measure | ReadContinuous:
        """The command that starts a measurement, or reads at once."""
        word = self.measurement
        crc, number = word[1:2] == "C", int(word[-1]) if word[-1].isdigit() else 0
        if word[0] == "R":
            return ReadContinuous(self.unit, number, crc)
        return Measure(self.unit, word[0] == "C", crc, number)

    def fields(self) -> frozenset[str]:
        """The numbers of values: up to 9, of a concurrent measurement up to 99."""
        concurrent = isinstance(self.request, Measure) and self.request.concurrent
        most = 99 if concurrent or isinstance(self.request, ReadContinuous) else 9
        return frozenset(str(number) for number in range(1, most + 1))

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels; which numbers there are needs no list of 99."""
        for problem in super().problems():
            wrong = problem.message.partition("; there are:")[0]
            more = f"; fields are the numbers of the values, 1 to {len(self.fields())}"
            yield problem._replace(message=wrong + more) if wrong != problem.message else problem


class Sdi12Driver:
    """One probe."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: CharacterLine) -> None:
        assert isinstance(settings, Settings)
        self._settings = settings
        self._line = line
        self._request = settings.request
        self._none = frozenset(Decimal(repr(number)) for number in settings.no_value)

    async def read(self) -> Cycle:
        """One measurement. Refused: no values, more time than the file allows."""
        values, at_mono_ms = await self._line.converse(self._measure)
        account = Account()
        said = {str(number): self._said(number, value) for number, value in enumerate(values, start=1)}
        account.add([Heard(Statement(said), at_mono_ms)])
        return account.cycle(self._settings.channel)

    def _said(self, number: int, value: Decimal) -> Said:
        if value in self._none:
            return Said(None, "", f"value {number} is {value}, which stands for none")
        return Said(value)

    async def _measure(self, talk: Talk) -> Heard[tuple[Decimal, ...]]:
        if isinstance(self._request, ReadContinuous):
            heard = await _ask(talk, self._request, Values)
            return Heard(heard.message.values, heard.at_mono_ms)
        announced = (await _ask(talk, self._request, Announced)).message
        if announced.seconds > self._settings.longest_wait_s:
            what = f"{self._settings.asks()} is answered with values in {announced.seconds} s"
            hint = f'the file has longest_wait = "{self._settings.longest_wait_s:g}s"'
            raise Refused(what, code=0, hint=hint)
        requested = await self._wait(talk, announced.seconds)
        return await self._fetch(talk, announced.values, requested=requested)

    async def _wait(self, talk: Talk, seconds: int) -> bool:
        """Whether the probe requested service, or has nothing to wait for. Noise meanwhile is nobody's."""
        if seconds == 0:
            return True
        assert isinstance(self._request, Measure)
        address, concurrent = self._request.address, self._request.concurrent

        def take(buffer: bytearray) -> object | None:
            return None if concurrent else sdi12.take_service_request(buffer, address)

        with suppress(NoAnswer, Garbled):
            await talk.ask(b"", take, timeout_s=seconds + SETTLING_S)
            return True
        return concurrent

    async def _fetch(self, talk: Talk, announced: int, *, requested: bool) -> Heard[tuple[Decimal, ...]]:
        """All announced values, with the time of the first answer."""
        assert isinstance(self._request, Measure)
        values: list[Decimal] = []
        first_mono_ms: int | None = None
        for index in range(ANSWERS):
            command = SendData(self._request.address, index, self._request.crc, self._request.concurrent)
            late = index == 0 and not requested
            heard = await _ask(talk, command, Values, passes_over_service_request=late)
            first_mono_ms = heard.at_mono_ms if first_mono_ms is None else first_mono_ms
            values += heard.message.values
            if len(values) >= announced:
                break
        if len(values) != announced or first_mono_ms is None:
            raise Garbled(f"{self._settings.asks()} announced {announced} values and {len(values)} came")
        return Heard(tuple(values), first_mono_ms)


async def _ask(
    talk: Talk, request: Request, kind: type[R], *, passes_over_service_request: bool = False
) -> Heard[R]:
    """The reply of this kind. A service request that comes after its time looks like an answer without data."""
    return await talk.ask(sdi12.encode_request(request), _taking(request, kind, passes_over_service_request))


def _taking(request: Request, kind: type[R], late: bool) -> Callable[[bytearray], R | None]:
    def take(buffer: bytearray) -> R | None:
        try:
            reply = sdi12.take_reply(buffer, request)
        except Refusal as refusal:
            if late and len(refusal.evidence) == 1:
                raise Malformed("a service request after its time, or no data", refusal.evidence) from None
            raise
        assert reply is None or isinstance(reply, kind)
        return reply

    return take
