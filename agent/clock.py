"""Two clocks: the wall's stamps, the monotonic measures. Both are arguments everywhere else.

Monotonic is CLOCK_BOOTTIME: it goes on while the machine sleeps, so a silence cannot hide in a suspend.
"""

import ctypes
import time
from pathlib import Path
from typing import Protocol

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

    def __init__(self) -> None:
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
        return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", ""))[:8]

    def quality(self) -> tuple[int, int]:
        now_ms = self.mono_ms()
        if now_ms - self._asked_at_ms >= 1_000:
            self._asked_at_ms = now_ms
            synchronised, max_error_ms = _adjtimex()
            self._was_synchronised = self._was_synchronised or synchronised
            self._quality = (int(_state(synchronised, self._was_synchronised)), max_error_ms)
        return self._quality


def moment(clock: Clock) -> Moment:
    """Now, as a record states it."""
    state, max_error_ms = clock.quality()
    return Moment(clock.wall_ms(), clock.mono_ms(), state, max_error_ms)


def _state(synchronised: bool, was_synchronised: bool) -> ClockState:
    if synchronised:
        return ClockState.SYNCHRONISED
    return ClockState.HOLDOVER if was_synchronised else ClockState.UNSYNCHRONISED


_TIMEX_BYTES = 208
_STATUS_OFFSET, _MAXERROR_OFFSET = (
    40,
    24,
)  # struct timex, 64-bit Linux: modes, offset, freq, maxerror, esterror, status
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


def _adjtimex() -> tuple[bool, int]:
    """(synchronised, greatest error ms), adjtimex(2) with modes 0: needs no privilege."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None).adjtimex(timex)
    status = int.from_bytes(timex.raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], "little")
    max_error_us = int.from_bytes(timex.raw[_MAXERROR_OFFSET : _MAXERROR_OFFSET + 8], "little", signed=True)
    synchronised = 0 <= state != _TIME_ERROR and not status & _STA_UNSYNC
    return synchronised, max(0, max_error_us) // 1_000
