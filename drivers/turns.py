"""One physical line: who may speak, when, and what happens after something went wrong.

    poller of device 3 ──┐
    poller of device 7 ──┼── lock ── line open? ── silent? ── question ── answer ──► the poller that asked
    tram read, scan    ──┘            │               ▲          │
                                      │ no, and not   │          │ timeout, cancel, or not the answer
                                      ▼ yet due       │          ▼
                                 Unreachable     the line stays open and nobody speaks until
                                 at once         sent + timeout + guard; a late answer heard
                                                 meanwhile lengthens this silence and the guard

There is no task in here: every step runs in the caller's task, under the lock. A caller that is cancelled
in the middle of a question leaves a note (`_quiet_until`) before it lets go of the lock; whoever comes next
keeps the silence for it. Bytes that come while nobody asks are read by the event loop and sorted by the
inbox, so a late answer is heard even when nobody polls.

Why: RTU answers carry no number. A late one fits the next question of the same unit, function and length,
and all later answers would be shifted by one, each of them signed. Silence after every doubt is the only
remedy (`reference`: libmodbus MODBUS_ERROR_RECOVERY_PROTOCOL, pymodbus PR 2636). An answer that is later
than timeout + guard cannot be told by any RTU master. Modbus TCP numbers its questions and needs none of it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeVar

from drivers.connection import Connection
from drivers.endpoint import SerialPort
from drivers.errors import DriverError, Garbled, NoAnswer, Refused, Unreachable
from drivers.line import LineSettings
from drivers.tap import Tap

A = TypeVar("A")

SILENCES_BEFORE_RECONNECT = 3
FIRST_PAUSE_S = 0.5
LONGEST_GUARD_S = 30.0
LATENESS_TO_GUARD = 2.0
"""A guard is at least this many times the worst lateness heard."""
NEVER_SILENT_S = 2.0
"""How long a line may go on talking by itself before that is an error."""


def longest_question_s(line: LineSettings) -> float:
    """How long one question may keep its line: each try, and before it the silence or the proof that there is none."""
    return 0.0 if line.machine is not None else (3 + line.retries) * (line.timeout_s + line.guard_s)


@dataclass(slots=True)
class BusStats:
    """Counts since the start, and the guard in force. `error`: the latest, None while all is well."""

    requests: int = 0
    timeouts: int = 0
    garbled: int = 0
    refused: int = 0
    late_frames: int = 0
    stray_frames: int = 0
    reconnects: int = 0
    guard_s: float = 0.0
    is_open: bool = False
    error: str | None = None


class Turns:
    """The rules of one line, for all of its devices. `jitter` gives numbers from 0 to 1.

    `numbered`: each question has a number that its answer repeats, and no silence is needed.
    """

    def __init__(
        self,
        settings: LineSettings,
        connection: Connection,
        *,
        numbered: bool,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._jitter = jitter
        self._lock = asyncio.Lock()
        where = settings.endpoint
        self._numbered = numbered
        self._reconnects_on_silence = not isinstance(where, SerialPort)
        self._gap_s = settings.silence_s()
        self._guard_s = settings.guard_s
        self._quiet_until = float("-inf")
        self._expected_by = float("-inf")
        self._late_seen = 0
        self._stray_seen = 0
        self._failures = 0
        self._hung_up = False
        self._due_at = float("-inf")
        self._down = Unreachable(f"{where}: the line is not open")
        self._silent = 0
        self._was_open = False
        self._stats = BusStats()

    async def __aenter__(self) -> Self:
        """The line is opened by the first question, so that a dead one stops nobody from starting."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the line."""
        self._connection.close()
        await asyncio.sleep(0)  # lets the transport's own closing run

    @property
    def stats(self) -> BusStats:
        """A copy of the counts."""
        heard = self._connection.unasked
        return replace(
            self._stats,
            late_frames=heard.late,
            stray_frames=heard.stray,
            guard_s=0.0 if self._numbered else self._guard_s,
            is_open=self._connection.is_open,
        )

    @property
    def tap(self) -> Tap:
        """Who watches the line."""
        return self._connection.tap

    @tap.setter
    def tap(self, tap: Tap) -> None:
        self._connection.tap = tap

    async def turn(self, ask: Callable[[], Awaitable[A]], *, again: bool = True) -> A:
        """What `ask` brings when it is its turn. A garbled answer is asked for `again`, as often as the line says."""
        async with self._lock:
            for _ in range(self._settings.retries if again else 0):
                try:
                    return await self._once(ask)
                except Garbled:
                    continue
            return await self._once(ask)

    async def _once(self, ask: Callable[[], Awaitable[A]]) -> A:
        if not self._connection.is_open:
            await self._open()
        if not self._numbered:
            await self._silence()
        sent_at = _now()
        trusted = False
        self._stats.requests += 1
        try:
            with self._counted():
                answer = await ask()
            trusted = True
            return answer
        except Refused:
            trusted = True  # a whole, sound answer, if not the one that was hoped for
            raise
        finally:
            if not trusted:
                self._distrust(sent_at)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Takes note of how it ends to ask, or to listen."""
        try:
            yield
        except Refused:
            self._stats.refused += 1
            self._answered()
            raise
        except NoAnswer as error:
            self._silent_once(error)
            raise
        except Garbled as error:
            self._stats.garbled += 1
            self._trouble(error)
            raise
        except Unreachable as error:
            self._put_off(error, hung_up=True)
            raise
        self._answered()

    def _answered(self) -> None:
        self._failures = self._silent = 0
        self._stats.error = None

    async def _open(self) -> None:
        """Opens the line when that is due; Unreachable at once when it is not.

        A line that opens and is hung up is waited for a moment: one device's doing must not cost its neighbour, which
        is asked next, a reading.
        """
        wait_s = self._due_at - _now()
        if self._hung_up and 0 < wait_s <= FIRST_PAUSE_S:
            await asyncio.sleep(wait_s)
        elif wait_s > 0:
            # In the same words each time: whoever logs a trouble when it changes says this one once.
            raise Unreachable(self._down.what, hint=self._down.hint)
        try:
            await self._connection.open()
        except Unreachable as error:
            self._put_off(error, hung_up=False)
            raise
        if self.tap.is_watched:
            self.tap.tell("opened", words=str(self._settings.endpoint))
        self._stats.reconnects += self._was_open
        self._was_open = True
        # Whoever had the line before (a killed run of this program) may just have asked something.
        self._quiet_until = max(self._quiet_until, _now() + self._settings.timeout_s + self._guard_s)

    def _put_off(self, why: Unreachable, *, hung_up: bool) -> None:
        """The first attempt after a loss comes at once, the next ones ever later, each with jitter."""
        pause_s = min(self._settings.reconnect_s, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 20))
        self._due_at = _now() + (pause_s * (0.5 + self._jitter() / 2) if self._failures else 0.0)
        self._failures += 1
        self._hung_up = hung_up
        self._down = Unreachable(why.what, hint=why.hint)
        self._trouble(why)

    def _silent_once(self, error: NoAnswer) -> None:
        """A connection that stays silent may be a dead one that nobody closed."""
        self._stats.timeouts += 1
        self._trouble(error)
        self._failures = 0
        self._silent += 1
        if self._reconnects_on_silence and self._silent >= SILENCES_BEFORE_RECONNECT:
            self._silent = 0
            self._connection.close()

    def _distrust(self, sent_at: float) -> None:
        """An answer to what was just asked may still come: nobody speaks until it is too late for it."""
        self._hear()
        self._expected_by = max(sent_at + self._settings.timeout_s, _now())  # some are waited for longer
        self._quiet_until = max(self._quiet_until, self._expected_by + self._guard_s)

    def _hear(self) -> None:
        """Takes note of frames that came unasked; a late one shows how long the guard must be."""
        unasked, heard_at = self._connection.unasked, self._connection.last_byte_at
        lateness_s = heard_at - self._expected_by
        if unasked.late != self._late_seen and lateness_s < LONGEST_GUARD_S:
            self._guard_s = max(self._guard_s, min(LATENESS_TO_GUARD * lateness_s, LONGEST_GUARD_S))
        if (unasked.late, unasked.stray) != (self._late_seen, self._stray_seen):
            self._quiet_until = max(self._quiet_until, heard_at + self._guard_s)
        self._late_seen, self._stray_seen = unasked.late, unasked.stray

    async def _silence(self) -> None:
        """Returns when the line has been silent for as long as it must be."""
        patience_s = max(NEVER_SILENT_S, self._settings.timeout_s)
        due_at = max(_now(), self._quiet_until)
        settled = False
        while True:
            self._hear()
            wait_s = max(self._quiet_until, self._connection.last_byte_at + self._gap_s) - _now()
            if wait_s <= 0 and settled:
                return
            left_s = due_at + patience_s + 2 * self._guard_s - _now()
            if left_s <= 0:
                raise self._never_silent()
            settled = wait_s <= 0
            await asyncio.sleep(min(max(wait_s, 0.0), left_s))
            await asyncio.sleep(0)  # twice round the loop: what the kernel holds is read before we speak

    def _never_silent(self) -> Unreachable:
        self._stats.garbled += 1
        error = Unreachable(
            f"{self._settings.endpoint}: the line is never silent for {self._guard_s:g} s",
            hint="a second master, a device that talks by itself, or noise: check termination",
        )
        self._trouble(error)
        return error

    def _trouble(self, error: DriverError) -> None:
        self._stats.error = str(error)
        if self.tap.is_watched:
            self.tap.tell_trouble(error, self._settings.endpoint)


def _now() -> float:
    return asyncio.get_running_loop().time()
