"""Two clocks: the wall's stamps, the monotonic measures. Both are arguments everywhere else.

Monotonic is CLOCK_BOOTTIME: it goes on while the machine sleeps, so a silence cannot hide in a suspend.
"""

import os
import time
from pathlib import Path
from typing import Protocol

from drivers.kernel_clock import kernel_clock
from telemetry.record import ClockState, Moment

STEP_MS = 1_000
"""A wall clock that moved by more than this against the monotonic one was stepped, not slewed."""


class Clock(Protocol):
    """What the agent asks of time. Sleeping is asyncio's."""

    def wall_ms(self) -> int:
        """Unix time, UTC, ms."""
        ...

    def mono_ms(self) -> int:
        """CLOCK_BOOTTIME, ms."""
        ...

    def both_ms(self) -> tuple[float, float]:
        """Wall and monotonic clock with their fractions: whole ms would let the polls tremble by one."""
        ...

    def boot_id(self) -> bytes:
        """8 bytes that name this start of the machine, within which the monotonic clock counts."""
        ...

    def quality(self) -> tuple[int, int]:
        """(telemetry.record.ClockState, greatest error in ms) as the kernel says."""
        ...


class SystemClock:
    """This machine's clocks; the synchronisation state is asked of the kernel at most once a second."""

    def __init__(self, boot_id: Path = Path("/proc/sys/kernel/random/boot_id")) -> None:
        self._boot_id = boot_id
        self._run_id = os.urandom(8)
        self._asked_at_ms = -1_000
        self._quality = (int(ClockState.UNKNOWN), 0)
        self._was_synchronised = False

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def both_ms(self) -> tuple[float, float]:
        return time.time_ns() / 1_000_000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1_000_000

    def boot_id(self) -> bytes:
        try:
            return bytes.fromhex(self._boot_id.read_text(encoding="ascii").replace("-", ""))[:8]
        except OSError:  # a service that sees processes only (ProcSubset=pid): each run is a start by itself
            return self._run_id

    def quality(self) -> tuple[int, int]:
        now_ms = self.mono_ms()
        if now_ms - self._asked_at_ms >= 1_000:
            self._asked_at_ms = now_ms
            kernel = kernel_clock()
            self._was_synchronised = self._was_synchronised or kernel.synchronised
            state = _state(kernel.synchronised, self._was_synchronised)
            self._quality = (int(state), kernel.max_error_us // 1_000)
        return self._quality


def moment(clock: Clock) -> Moment:
    """Now, as a record states it."""
    state, max_error_ms = clock.quality()
    return Moment(clock.wall_ms(), clock.mono_ms(), state, max_error_ms)


def _state(synchronised: bool, was_synchronised: bool) -> ClockState:
    if synchronised:
        return ClockState.SYNCHRONISED
    return ClockState.HOLDOVER if was_synchronised else ClockState.UNSYNCHRONISED
