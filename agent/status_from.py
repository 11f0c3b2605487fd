"""What one device says of another one's values: a valve, a switch or a relay on the inputs of a module.

    inputs ──poll──▶ Source ──hear──▶ Watch ──┐
    SO2    ──poll──▶ value ──(at most 0.25 s)─┴─▶ flags ──▶ sign

A value is signed with what was heard of its status since the record before it, and with the newest status of all:
a valve that was opened or closed in between flags it. A status counts for FRESH_PERIODS of its own device; an older
one, and one that was never heard, is unknown, and unknown is not good. Decision 32 has the reasons.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from agent.tables import settings_of
from config.station import Station
from drivers.status import StatusRule, with_flags
from telemetry.reading import Block, Flag, Reading, is_valid

FRESH_PERIODS = 2.5
"""One answer that is lost is forgiven, the second is not: the same measure as for a silence (docs/wire.md)."""

WAIT_S = 0.25
"""A value waits so long at most for a status that is being asked right now; a sound module needs a few ms."""

ASKED_SOON_MS = 20
"""Two devices of one period are due together, and one of them a hair before the other."""

ASKED_NOW_MS = 1_000
"""A poll that is due for longer than this is stuck behind others: nobody waits for it."""

_UNKNOWN = int(Flag.NO_COMMUNICATION)


@dataclass(slots=True)
class Watch:
    """One status that speaks for one device, and what was heard of it. `fresh_ms`: how long an answer counts."""

    source: str
    rule: StatusRule
    fresh_ms: float
    _newest: int = 0
    _heard_mono_ms: int | None = None
    _since_record: int = 0
    _silence: int = _UNKNOWN

    def hear(self, status: Reading, at_mono_ms: int) -> None:
        """The source answered. A status that is in doubt itself takes its flags along."""
        doubt = 0 if is_valid(status.flags) else status.flags
        self._newest = self.rule.flags(status) | doubt
        self._since_record |= self._newest
        self._heard_mono_ms = at_mono_ms
        self._silence = _UNKNOWN

    def miss(self, flags: int) -> None:
        """The source did not answer, for this reason."""
        self._silence = flags or _UNKNOWN

    def is_known(self, now_mono_ms: int) -> bool:
        """Whether the newest status still counts."""
        heard = self._heard_mono_ms
        return heard is not None and now_mono_ms - heard <= self.fresh_ms

    def taken(self, now_mono_ms: int) -> int:
        """The flags for a record that is made now; what is heard from here on is for the next one."""
        newest = self._newest if self.is_known(now_mono_ms) else self._silence
        flags = self._since_record | newest
        self._since_record = 0
        return flags


@dataclass(slots=True)
class Source:
    """A device whose channels are a status of other devices' values.

    `due_ms`: its next poll, monotonic. `polled` is set when that has ended; the one after it has an event of its own.
    """

    line: str
    due_ms: float
    watches: list[Watch] = field(default_factory=list)
    polled: asyncio.Event = field(default_factory=asyncio.Event)
    _fails: bool = False

    def heard(self, blocks: Sequence[Block], due_ms: float) -> None:
        """One poll with an answer."""
        said = {
            reading.channel: (reading, block.at_mono_ms) for block in blocks for reading in block.readings
        }
        for watch in self.watches:
            watch.hear(*said[watch.rule.channel])
        self._ended(due_ms, fails=False)

    def missed(self, flags: int, due_ms: float) -> None:
        """One poll without."""
        for watch in self.watches:
            watch.miss(flags)
        self._ended(due_ms, fails=True)

    def is_asked(self, now_ms: float) -> bool:
        """Whether an answer may come at any moment."""
        return not self._fails and -ASKED_SOON_MS <= now_ms - self.due_ms <= ASKED_NOW_MS

    def _ended(self, due_ms: float, *, fails: bool) -> None:
        self.due_ms, self._fails = due_ms, fails
        self.polled.set()
        self.polled = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Standing:
    """All that others say of one device's values."""

    watches: tuple[Watch, ...] = ()
    sources: tuple[Source, ...] = ()

    async def wait(self, line: str, now_ms: float) -> None:
        """Until what is being asked right now on other lines is said, WAIT_S at most."""
        asked = [source for source in self.sources if source.line != line and source.is_asked(now_ms)]
        if asked:
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_S):
                    await asyncio.gather(*(source.polled.wait() for source in asked))

    def flagged(self, blocks: Sequence[Block], now_mono_ms: int) -> tuple[Block, ...]:
        """The blocks of one poll as they are to be signed now."""
        added: dict[str, int] = {}
        for watch in self.watches:
            flags = watch.taken(now_mono_ms)
            for channel in watch.rule.flagged if flags else ():
                added[channel] = added.get(channel, 0) | flags
        return with_flags(blocks, added)

    def trouble(self, now_mono_ms: int) -> str | None:
        """What is not known, for the technician."""
        for watch in self.watches:
            if not watch.is_known(now_mono_ms):
                return (
                    f'its status is unknown, device "{watch.source}" says nothing of "{watch.rule.channel}": '
                    "values are kept and flagged; look at that device"
                )
        return None


NOBODY = Standing()


@dataclass(frozen=True, slots=True)
class Standings:
    """Of a whole station: who speaks, and who is spoken for, by device id."""

    sources: dict[str, Source]
    of: dict[str, Standing]


def standings_of(station: Station, now_mono_ms: float) -> Standings:
    """From the station file. Every device is due now."""
    tables = {table.id: table for table in station.devices}
    sources: dict[str, Source] = {}
    of: dict[str, Standing] = {}
    for table in station.devices:
        watches: list[Watch] = []
        for wanted in table.status_from:
            other = tables[wanted.device]
            mine = wanted.flagged or tuple(channel.id for channel in settings_of(table).channels())
            rule = settings_of(other).status_rule(wanted.channel, mine, wanted.flags)
            watches.append(Watch(other.id, rule, FRESH_PERIODS * other.every_ms))
            sources.setdefault(other.id, Source(other.line, now_mono_ms)).watches.append(watches[-1])
        if watches:
            named = dict.fromkeys(watch.source for watch in watches)
            of[table.id] = Standing(tuple(watches), tuple(sources[name] for name in named))
    return Standings(sources, of)
