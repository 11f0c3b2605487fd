"""Backfill: what an instrument kept while nobody could ask it, fetched between polls and signed as it says it.

    polls       ✓  ✓  ✗  ✗  ✗  ✗  ✗  ✓      ✓      ✓      ✓        the same line, its devices on their period
    backfill                           c  1 2 3  4 5 6  7 end      the instrument's clock, then the newest record first

One question at a time, and only where it fits before the next poll. Each record becomes an event of its own
(docs/wire.md, section 4): decision 35 says why it is no reading. It ends with the first record that is older than the
silence, by the instrument's own clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agent.clock import Clock
from agent.sign import Recorder
from drivers.errors import DriverError
from drivers.kept import AT_FORMAT, Keeping, Keeps, KeptClock, KeptRecord

Report = Callable[[str, dict[str, object]], None]

KEPT: Final = "kept"
KEPT_END: Final = "kept-end"

LEAST_SILENCE_MS: Final = 60_000
"""Instruments keep a record of a minute at the finest: a shorter silence misses none."""

MOST_RECORDS: Final = 1_440
"""A day of minutes for one silence."""

FIRST_QUESTION_MS: Final = 1_000
"""600 characters at 9600 Bd: what is left free for a question; for slower instruments twice what the last two took.

The quicker of the two: one that waited for a neighbour's silence says nothing of the instrument.
"""

MOST_FAILURES: Final = 3
PAUSE_MS: Final = 60_000
"""After a question without a sound answer. So often in a row, and it ends."""

LONGEST_WAIT_MS: Final = 3_600_000
"""Without room for one question between the polls of its line."""


@dataclass(slots=True)
class Walk:
    """Back through the records. `oldest`: the first `at` that is sought, empty: not known yet.

    `told`: a hash of each record that was met, whole ones of a day would be 10 MB. Not its `at`: an instrument whose
    clock was set back has two records of one minute. `signed`: how many of them.
    """

    keeping: Keeping
    since_mono_ms: int
    moved_mono_ms: int
    told: set[int] = field(default_factory=set)
    signed: int = 0
    clock: KeptClock | None = None
    clock_mono_ms: int = 0
    oldest: str = ""
    back: int = 0
    failures: int = 0

    def starts_from(self, at: str, mono_ms: int) -> None:
        """It is `at` now: what is older than the minute before the silence is not sought."""
        missed_ms = mono_ms - self.since_mono_ms
        began = datetime.strptime(at, AT_FORMAT) - timedelta(milliseconds=missed_ms + 60_000)  # noqa: DTZ007
        self.oldest = began.strftime(AT_FORMAT)


@dataclass(slots=True)
class Backfill:
    """One device's. `away_since_mono_ms`: since when the station was off, as far as that was heeded; None: not at all.

    `needs_ms`: what a question may take; `took_ms`: what the last one took; `asked_mono_ms`: when that was. `walk`
    None: nothing is missed. `told`: of the walk before.
    """

    device: str
    keeps: Keeps
    recorder: Recorder
    clock: Clock
    report: Report
    away_since_mono_ms: int | None = None
    needs_ms: int = FIRST_QUESTION_MS
    took_ms: int = LONGEST_WAIT_MS
    walk: Walk | None = None
    told: set[int] = field(default_factory=set)
    asked_mono_ms: int = 0

    @property
    def fetched(self) -> int | None:
        """How many records have come so far; None: none are sought."""
        return None if self.walk is None else self.walk.signed

    def carry(self, before: "Backfill") -> None:
        """Go on where the same device stood before the station file was read again."""
        self.away_since_mono_ms, self.told = before.away_since_mono_ms, before.told
        if before.walk is not None:
            self._begin(before.walk.since_mono_ms, before.walk)

    def answered(self, silent_since_mono_ms: int | None) -> None:
        """The device was polled with success. `silent_since_mono_ms`: since when it had not been; None: it had."""
        starts = [ms for ms in (silent_since_mono_ms, self._newly_away_since_ms()) if ms is not None]
        if not starts or self.clock.mono_ms() - min(starts) < LEAST_SILENCE_MS:
            return
        if self.walk is not None:
            starts.append(self.walk.since_mono_ms)
        self._begin(min(starts), self.walk)

    def _newly_away_since_ms(self) -> int | None:
        """When that is longer ago than it seemed: the clock of the gateway may have been set since."""
        since_ms, heeded_ms = self.recorder.away_since_mono_ms(), self.away_since_mono_ms
        if since_ms is None or (heeded_ms is not None and heeded_ms - since_ms < LEAST_SILENCE_MS):
            return None
        self.away_since_mono_ms = since_ms
        return since_ms

    async def step(self, spare_ms: float) -> bool:
        """One question, if one is open and fits into `spare_ms`. Gives whether there was one."""
        walk, now_ms = self.walk, self.clock.mono_ms()
        if walk is None or not self._may_ask(walk, spare_ms, now_ms):
            return False
        self.asked_mono_ms = now_ms
        try:
            await self._ask(walk)
        except DriverError as error:
            walk.failures += 1
            if walk.failures == MOST_FAILURES:
                self._end(walk, str(error))
        else:
            walk.failures = 0
            before_ms, self.took_ms = self.took_ms, self.clock.mono_ms() - now_ms
            self.needs_ms = max(FIRST_QUESTION_MS, 2 * min(self.took_ms, before_ms))
        walk.moved_mono_ms = self.clock.mono_ms()
        return True

    def _may_ask(self, walk: Walk, spare_ms: float, now_ms: int) -> bool:
        """Ends the walk when it has waited for room too long; for the store it waits as long as that takes."""
        if not self.recorder.accepting():
            walk.moved_mono_ms = now_ms
            return False
        if walk.failures and now_ms - walk.moved_mono_ms < PAUSE_MS:
            return False
        if spare_ms < self.needs_ms:
            if now_ms - walk.moved_mono_ms > LONGEST_WAIT_MS:
                self._end(walk, "between the polls of its line there was no room")
            return False
        return True

    def _begin(self, since_mono_ms: int, before: Walk | None) -> None:
        """Anew from the newest record. `before`: the walk that this one goes on with."""
        now_ms = self.clock.mono_ms()
        self.walk = Walk(self.keeps.kept(), since_mono_ms, now_ms)
        self.needs_ms = FIRST_QUESTION_MS  # whoever was found too slow is asked once after each silence
        if before is not None:
            self.walk.told, self.walk.signed = before.told, before.signed
        missed_s = (now_ms - since_mono_ms) // 1_000
        self.report("device.backfill", {"device": self.device, "missed_s": missed_s})

    async def _ask(self, walk: Walk) -> None:
        if walk.clock is None:
            walk.clock = await walk.keeping.clock()
            walk.clock_mono_ms = self.clock.mono_ms()
            if walk.clock.at:
                walk.starts_from(walk.clock.at, walk.clock_mono_ms)
            return
        record = await walk.keeping.record(walk.back + 1)
        walk.back += 1
        if record is None:
            self._end(walk, "it keeps no more")
            return
        if not walk.oldest:  # its clock was not told: its newest record stands for it
            walk.starts_from(record.at, self.clock.mono_ms())
        if record.at < walk.oldest:
            self._end(walk, "all of it")
        elif walk.back > 2 * MOST_RECORDS or len(walk.told) == MOST_RECORDS:
            self._end(walk, f"no more than {MOST_RECORDS} are fetched")
        else:
            self._met(record, walk, walk.clock)

    def _met(self, record: KeptRecord, walk: Walk, clock: KeptClock) -> None:
        """Signed, if this walk did not meet it, nor the one before: the minutes between two silences belong to both."""
        known = hash(record)
        if known not in walk.told and known not in self.told:
            walk.signed += 1
            self._sign(record, clock, walk.clock_mono_ms)
        walk.told.add(known)

    def _sign(self, record: KeptRecord, clock: KeptClock, clock_mono_ms: int) -> None:
        detail = {
            "at": record.at,
            "clock": [clock.said, clock_mono_ms],
            "device": self.device,
            "words": [list(word) for word in record.words],
        }
        self.recorder.event(KEPT, detail)

    def _end(self, walk: Walk, why: str) -> None:
        self.walk, self.told = None, walk.told
        told: dict[str, object] = {"device": self.device, "records": walk.signed, "why": why}
        self.recorder.event(KEPT_END, told)
        self.report("device.backfilled", told)
