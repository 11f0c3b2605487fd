"""Finds the units of a line and asks each who it is. It only reads (drivers.inquiry), and ends when it is told to.

    trials ──▶ anybody? ──▶ silence: the next one
                  │ an answer, an exception, or one that comes too late
                  ▼
               interview ──▶ found; what is left at this speed and parity comes next

A question in hand is always ended: its bytes have left and its answer was waited for, whatever ends the scan.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

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
"""For an answer to a second question, and of a unit that is known to be there."""
GATEWAY_SILENCE = frozenset({10, 11})
"""A gateway's way to say that nobody is there."""
EXCEPTION_BIT = 0x80
UNASKED = Known()

Ending = Literal["complete", "out of time", "stopped", "line lost"]


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


@dataclass(slots=True)
class Limits:
    """`wait_s`: for an answer. `ends_at`: on the event loop's clock. `stop` may be set at any time."""

    wait_s: float
    ends_at: float
    stop: asyncio.Event = field(default_factory=asyncio.Event)


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
        await self._port.open()
        try:
            return await self._sweep()
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
        while (over := self._over()) is None and (trial := self.trials.next()) is not None:
            if not await self._tune(trial):
                continue
            self._watcher.trying(trial, self.trials.done, self.trials.total)
            try:
                await self._try(trial)
            except Unreachable:
                self.trials.put_back(trial)
                raise
            await self._interview(behind_host=trial.setting is None)
        return over or "complete"

    def _over(self) -> Ending | None:
        if self._limits.stop.is_set():
            return "stopped"
        late = asyncio.get_running_loop().time() >= self._limits.ends_at
        return "out of time" if late else None

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
        heard = await self._port.ask(trial.unit, ANYBODY, wait_s)
        self._take(trial, heard)
        if self._port.shared and heard == Heard():
            heard = await self._port.ask(trial.unit, AGAIN, wait_s / 2)
            self._take(trial, heard)
        if heard.answer is None and (heard.noise or heard.late):
            again = await self._port.ask(trial.unit, ANYBODY, max(wait_s, LONGEST_WAIT_S))
            self._take(trial, again)
            if again.answer is None and again.noise:
                self.garbled.append(trial)

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
            if self._over() is not None:
                return None
            heard = await self._port.ask(unit, question, max(self._limits.wait_s, LONGEST_WAIT_S))
            return heard.answer

        return ask
