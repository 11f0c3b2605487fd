"""What the station adds to an instrument's answer: outside its range, the clock not to be trusted. Pure.

The instrument's own reasons (fault, silence, no value) are set by its driver.
"""

from collections.abc import Iterable, Mapping, Sequence

from telemetry.reading import Block, Flag, Reading
from telemetry.record import ClockState, Moment

_ABOVE = int(Flag.ABOVE_RANGE)
_BELOW = int(Flag.BELOW_RANGE)
_CLOCK = int(Flag.CLOCK_NOT_TRUSTED)

QUALITY_AGE_MS = 2_000
"""The kernel is asked once a second: "synchronised" in the moment of a step may be what it said before the step."""

MAX_AWAY_MS = 7 * 86_400_000
"""7 days: longer stops of a station are rare, and a real-time clock that lost its battery errs by years."""

Range = tuple[float | None, float | None]
"""Lowest and highest plausible value in the channel's unit; None: no such end."""


def flagged(
    blocks: Sequence[Block], ranges: Mapping[str, Range], *, clock_trusted: bool
) -> tuple[Block, ...]:
    """The blocks with the station's flags added; readings that need none are kept as they are."""
    every = 0 if clock_trusted else _CLOCK
    return tuple(
        Block(block.at_mono_ms, tuple([_flagged(reading, ranges, every) for reading in block.readings]))
        for block in blocks
    )


def _flagged(reading: Reading, ranges: Mapping[str, Range], every: int) -> Reading:
    channel, value, flags = reading
    added = every
    limits = ranges.get(channel)
    if limits is not None and value is not None and not isinstance(value, str):
        low, high = limits
        if high is not None and value > high:
            added |= _ABOVE
        elif low is not None and value < low:
            added |= _BELOW
    return Reading(channel, value, flags | added) if added else reading


def silent(channels: Iterable[str], at_mono_ms: int, flags: int = int(Flag.NO_COMMUNICATION)) -> Block:
    """All channels of a device without a value: a missing measurement is a reading with a reason."""
    return Block(at_mono_ms, tuple(Reading(channel, None, flags) for channel in channels))


class ClockTrust:
    """Whether the wall clock may be believed (design, section 3, *clock not trusted*).

    Not before the software was built; not after a step that nobody explained, until the kernel says synchronised.
    """

    def __init__(self, built_wall_ms: int) -> None:
        self._built_wall_ms = built_wall_ms
        self._stepped_at_mono_ms: int | None = None

    def stepped(self, mono_ms: int) -> None:
        """The wall clock jumped; this was seen at `mono_ms`."""
        self._stepped_at_mono_ms = mono_ms

    def trusted(self, now: Moment) -> bool:
        """Whether `now.wall_ms` may be believed."""
        since_ms = self._stepped_at_mono_ms
        synchronised = now.clock == ClockState.SYNCHRONISED
        if synchronised and since_ms is not None and now.mono_ms - since_ms >= QUALITY_AGE_MS:
            self._stepped_at_mono_ms = None
        return now.wall_ms >= self._built_wall_ms and self._stepped_at_mono_ms is None

    def sound(self, now: Moment, last_wall_ms: int | None) -> bool:
        """Whether records may go by their age at `now.wall_ms`, which nothing brings back.

        A clock that was never synchronised in this run may have been set to anything while the power was off: it is
        believed up to MAX_AWAY_MS after the wall clock that was sound last (None: none is known).
        """
        if not self.trusted(now):
            return False
        if last_wall_ms is None or now.clock in (ClockState.SYNCHRONISED, ClockState.HOLDOVER):
            return True
        return now.wall_ms - last_wall_ms <= MAX_AWAY_MS
