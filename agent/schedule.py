"""When a device is polled: aligned to the wall clock, measured on the monotonic one. Pure.

A 5 s poll is at :00 :05 :10 of the wall. The boundary is found anew from the present difference between the two
clocks, so that polls follow a stepped wall clock without a burst and never drift.
"""

from dataclasses import dataclass, replace

PROBE_MAX_MS = 60_000
"""A silent device is asked at least this often, so that the record of its silence never has a hole of its own."""


def next_due_ms(mono_ms: float, wall_minus_mono_ms: float, every_ms: int, last_due_ms: float | None) -> float:
    """The next aligned instant after `mono_ms`, on the monotonic clock.

    A boundary nearer than half a period to the one that was just served is the same one (the wall clock was
    slewed back by a hair); the one after it is taken.
    """
    boundary_wall_ms = ((mono_ms + wall_minus_mono_ms) // every_ms + 1) * every_ms
    due_ms = boundary_wall_ms - wall_minus_mono_ms
    if last_due_ms is not None and due_ms - last_due_ms < every_ms // 2:
        due_ms += every_ms
    return due_ms


@dataclass(frozen=True, slots=True)
class Due:
    """One device's place in the schedule of its line."""

    every_ms: int
    due_ms: float
    failures: int = 0

    def after_answer(self, mono_ms: float, wall_minus_mono_ms: float) -> "Due":
        """The device answered: its next period."""
        due_ms = next_due_ms(mono_ms, wall_minus_mono_ms, self.every_ms, self.due_ms)
        return replace(self, due_ms=due_ms, failures=0)

    def after_failure(self, mono_ms: float, wall_minus_mono_ms: float) -> "Due":
        """It did not: ask again later and later, so that it costs its line little, but at least every minute."""
        pause_ms = probe_pause_ms(self.every_ms, self.failures + 1)
        due_ms = next_due_ms(mono_ms, wall_minus_mono_ms, self.every_ms, self.due_ms)
        skipped = -(-max(0, pause_ms - self.every_ms) // self.every_ms)
        return replace(self, due_ms=due_ms + skipped * self.every_ms, failures=self.failures + 1)


def probe_pause_ms(every_ms: int, failures: int) -> int:
    """Pause before the next try after so many failures in a row: 1, 1, 2, 4, ... periods, at most a minute.

    A device whose own period is longer than a minute is asked at its period.
    """
    if every_ms >= PROBE_MAX_MS:
        return every_ms
    periods = 1 << min(max(0, failures - 2), 16)
    longest = PROBE_MAX_MS // every_ms * every_ms
    return min(every_ms * periods, longest)
