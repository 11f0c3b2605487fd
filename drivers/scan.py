"""Finds the units of a line and asks each who it is. It only reads (drivers.inquiry), and ends when it is told to.

    trials ──▶ anybody? ──▶ silence: the next one
                  │ an answer, an exception, or one that comes too late
                  ▼
               interview ──▶ found; what is left at this speed and parity comes next

A question in hand is always ended: its bytes have left and its answer was waited for, whatever ends the scan; no longer
than LONGEST_WAIT_S then, however long an answer may take else.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from drivers.errors import Unreachable
from drivers.inquiry import AGAIN, ANYBODY, Inquiry
from drivers.interview import Ask, Interview, Known
from drivers.profile import Profile
from drivers.protocols.modbus_pdu import EXCEPTIONS
from drivers.scan_port import Heard, ScanPort
from drivers.trials import SPREAD, Setting, Trial, Trials

LISTEN_S = 0.6
"""Before the first question at a setting: does somebody talk? What was asked before is forgotten by then, too."""
LONGEST_WAIT_S = 1.0
"""For an answer to a second question, of a unit that is known to be there, and when the scan is to end."""
GATEWAY_SILENCE = frozenset({10, 11})
"""A gateway's way to say that nobody is there."""
EXCEPTION_BIT = 0x80
UNASKED = Known()

Ending = Literal["complete", "out of time", "stopped", "line lost"]
T = TypeVar("T")


@dataclass(slots=True)
class Found:
    """A unit that answered. `exception` 0: with a value. `setting` None: the line has none."""

    setting: Setting | None
    unit: int
    exception: int = 0
    known: Known = UNASKED

    @property
    def profile(self) -> str | None:
        """The profile that it has, as far as that can be told from here."""
        return self.known.profile

    @property
    def answer(self) -> str:
        """How it answered the first question."""
        if not self.exception:
            return "answers"
        return f"answers with exception {self.exception} ({EXCEPTIONS.get(self.exception, 'unknown')})"


class Watcher(Protocol):
    """Whoever looks on."""

    def trying(self, trial: Trial, done: int, total: int) -> None:
        """Before each question."""

    def found(self, unit: Found) -> None:
        """A unit, and what is known of it."""

    def note(self, text: str) -> None:
        """Something the technician should know."""


class Over(Exception):
    """A limit was reached while something was waited for."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending = ending


@dataclass(slots=True)
class Limits:
    """`wait_s`: for an answer. `ends_at`: on the event loop's clock. `stop` may be set at any time."""

    wait_s: float
    ends_at: float
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def reached(self) -> Ending | None:
        """Why the scan is to end; None: it goes on."""
        if self.stop.is_set():
            return "stopped"
        late = asyncio.get_running_loop().time() >= self.ends_at
        return "out of time" if late else None

    async def within(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Its result. Over: a limit was reached, and LONGEST_WAIT_S later there was none."""
        asking, stopping = asyncio.create_task(waiting), asyncio.create_task(self.stop.wait())
        left_s = max(0.0, self.ends_at - asyncio.get_running_loop().time())
        try:
            await asyncio.wait([asking, stopping], timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                await asyncio.wait([asking], timeout=LONGEST_WAIT_S)
            if not asking.done():
                raise Over(self.reached() or "out of time")
            return asking.result()
        finally:
            asking.cancel()
            stopping.cancel()
            await asyncio.wait([asking, stopping])


class Scan:
    """One run over a line. `found`, `refused` and `garbled` tell how far it came, whatever ended it."""

    def __init__(
        self, port: ScanPort, trials: Trials, limits: Limits, watcher: Watcher, profiles: Sequence[Profile]
    ) -> None:
        self._port = port
        self.trials = trials
        self._limits = limits
        self._watcher = watcher
        self._profiles = profiles
        self._waits_s: dict[Setting | None, float] = {}
        self._tuned: Setting | None = None
        self._listened = False
        self._talks = False
        self._unnamed: list[Found] = []
        self.found: list[Found] = []
        self.refused: list[Setting] = []
        self.garbled: list[Trial] = []
        self.everywhere = False

    async def run(self) -> Ending:
        """Unreachable only when the line cannot be opened at all."""
        try:
            await self._limits.within(self._port.open())
        except Over as over:
            return over.ending
        try:
            return await self._sweep()
        except Over as over:
            return over.ending
        except Unreachable as error:
            self._watcher.note(str(error))
            return "line lost"
        finally:
            self._port.close()
            self.found += self._unnamed
            self._unnamed.clear()

    async def _listen(self) -> None:
        if not self._port.shared:
            return
        heard = await self._port.listen(LISTEN_S)
        if heard and not self._talks:
            self._talks = True
            shown = heard[:24].hex(" ")
            self._watcher.note(
                f"somebody talks on this line without being asked ({shown}): a second master, or an instrument "
                "that talks by itself; findings may be missing"
            )

    async def _sweep(self) -> Ending:
        while (over := self._limits.reached()) is None and (trial := self.trials.next()) is not None:
            if not await self._tune(trial):
                continue
            self._watcher.trying(trial, self.trials.done, self.trials.total)
            try:
                await self._try(trial)
            except (Unreachable, Over):
                self.trials.put_back(trial)
                raise
            await self._interview(behind_host=trial.setting is None)
        return over or "complete"

    async def _tune(self, trial: Trial) -> bool:
        """False: the port cannot do this setting, which is taken note of."""
        setting = trial.setting
        if self._listened and setting == self._tuned:
            return True
        try:
            await self._port.tune(setting)
        except Unreachable:
            assert setting is not None
            self.refused.append(setting)
            self.trials.refuse(trial)
            self._tuned = None  # half of it may be in force
            return False
        self._tuned = setting
        self._listened = True
        await self._listen()
        return True

    async def _try(self, trial: Trial) -> None:
        wait_s = self._waits_s.get(trial.setting, self._limits.wait_s)
        heard = await self._ask(trial.unit, ANYBODY, wait_s)
        self._take(trial, heard)
        if self._port.shared and heard == Heard():
            heard = await self._ask(trial.unit, AGAIN, wait_s / 2)
            self._take(trial, heard)
        if heard.answer is None and (heard.noise or heard.late):
            again = await self._ask(trial.unit, ANYBODY, max(wait_s, LONGEST_WAIT_S))
            self._take(trial, again)
            if again.answer is None and again.noise:
                self.garbled.append(trial)

    async def _ask(self, unit: int, asked: Inquiry, wait_s: float) -> Heard:
        """Over: it was too late to ask, or to wait for the answer."""
        over = self._limits.reached()
        if over is not None:
            raise Over(over)
        return await self._limits.within(self._port.ask(unit, asked, wait_s))

    def _take(self, trial: Trial, heard: Heard) -> None:
        """Takes note of everybody who answered. A late answer shows that the wait is too short."""
        for late in heard.late:
            self._is_there(Trial(trial.setting, late.unit), late.pdu)
            wait_s = self._waits_s.get(trial.setting, self._limits.wait_s)
            self._waits_s[trial.setting] = max(wait_s, min(2 * wait_s, LONGEST_WAIT_S))
        if heard.answer is not None:
            self._is_there(trial, heard.answer)

    def _is_there(self, trial: Trial, pdu: bytes) -> None:
        exception = pdu[1] if pdu[0] & EXCEPTION_BIT else 0
        known = any((unit.setting, unit.unit) == trial for unit in (*self.found, *self._unnamed))
        if known or exception in GATEWAY_SILENCE:
            return
        self._unnamed.append(Found(trial.setting, trial.unit, exception))
        self.trials.promote(trial.setting)

    async def _interview(self, *, behind_host: bool) -> None:
        """Asks those who are new who they are; behind a host first finds out whether all are one."""
        done, total = self.trials.done, self.trials.total
        if behind_host and done < SPREAD < total:
            return
        if behind_host and len(self._unnamed) == done == SPREAD < total:
            self.everywhere = True
            self.trials.drop(None)
            del self._unnamed[1:]
        while self._unnamed:
            unit = self._unnamed.pop(0)
            self.found.append(unit)
            unit.known = await Interview(self._asker(unit.unit)).known(self._profiles)
            self._watcher.found(unit)

    def _asker(self, unit: int) -> Ask:
        async def ask(question: Inquiry) -> bytes | None:
            try:
                heard = await self._ask(unit, question, max(self._limits.wait_s, LONGEST_WAIT_S))
            except Over:
                return None
            return heard.answer

        return ask
