"""A clock that a test sets by hand."""

from telemetry.record import ClockState

NOON = 1_800_000_000_000


class HandClock:
    """Both clocks stand still until `pass_ms`; `step_ms` moves the wall alone."""

    def __init__(self, wall_ms: int = NOON, mono_ms: int = 50_000) -> None:
        self.wall = wall_ms
        self.mono = mono_ms
        self.state = ClockState.SYNCHRONISED

    def wall_ms(self) -> int:
        return self.wall

    def mono_ms(self) -> int:
        return self.mono

    def both_ms(self) -> tuple[float, float]:
        return self.wall, self.mono

    def boot_id(self) -> bytes:
        return b"bootboot"

    def quality(self) -> tuple[int, int]:
        return int(self.state), 3

    def pass_ms(self, ms: int) -> None:
        self.wall += ms
        self.mono += ms

    def step_ms(self, ms: int) -> None:
        self.wall += ms
