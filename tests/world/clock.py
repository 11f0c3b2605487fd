"""The station's two clocks on virtual time: the wall may step, be unknown or wrong; the other counts since the boot."""

import asyncio
from random import Random

from telemetry.record import ClockState

TRUE_START_MS = 1_800_000_000_000
BOOTED_BEFORE_MS = 90_000
"""What the monotonic clock shows when the agent starts after a boot of the machine."""


def now_s() -> float:
    """Virtual seconds since the world began."""
    return asyncio.get_running_loop().time()


def true_wall_ms() -> int:
    """What a good clock shows: the centre's."""
    return TRUE_START_MS + round(now_s() * 1_000)


class StationClock:
    """agent.clock.Clock. `booted_ms` tells of every boot id when its monotonic clock was 0, virtual ms."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.off_ms = 0.0
        self.state = ClockState.SYNCHRONISED
        self.booted_ms: dict[bytes, int] = {}
        self._boot_id = b""
        self.boot(0.0)

    def boot(self, at_s: float) -> None:
        """The machine starts: the monotonic clock begins anew. The wall goes on, as a battery lets it."""
        self._boot_id = self._rng.randbytes(8)
        self.booted_ms[self._boot_id] = round(at_s * 1_000) - BOOTED_BEFORE_MS

    def boot_without_battery(self, at_s: float) -> None:
        """The wall begins at 1970 and nobody has told it better."""
        self.boot(at_s)
        self.off_ms = -(TRUE_START_MS + at_s * 1_000 - BOOTED_BEFORE_MS)
        self.state = ClockState.UNKNOWN

    def step(self, by_ms: float) -> None:
        """Somebody sets the wall clock; before 1970 Linux lets nobody go."""
        self.off_ms += max(by_ms, -self.both_ms()[0])
        self.state = ClockState.UNSYNCHRONISED

    def synchronise(self) -> None:
        """The time server is heard."""
        self.off_ms, self.state = 0.0, ClockState.SYNCHRONISED

    def both_ms(self) -> tuple[float, float]:
        virtual_ms = now_s() * 1_000
        return TRUE_START_MS + virtual_ms + self.off_ms, virtual_ms - self.booted_ms[self._boot_id]

    def wall_ms(self) -> int:
        return round(self.both_ms()[0])

    def mono_ms(self) -> int:
        return round(self.both_ms()[1])

    def boot_id(self) -> bytes:
        return self._boot_id

    def quality(self) -> tuple[int, int]:
        return int(self.state), 3 if self.state == ClockState.SYNCHRONISED else 60_000

    def virtual_ms(self, boot_id: bytes, mono_ms: int) -> int:
        """When a record was signed."""
        return self.booted_ms[boot_id] + mono_ms
