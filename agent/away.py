"""How long the station was off before this run: by a wall clock that may be set right only after the start. Pure."""

from telemetry.record import ClockState, Moment


class Away:
    """`last_wall_ms`: of the newest record before this run; None: there is none.

    A gateway without a battery clock begins where it was switched off, and learns of its night when its clock is
    synchronised: until then each answer is for now only.
    """

    def __init__(self, last_wall_ms: int | None = None) -> None:
        self.last_wall_ms = last_wall_ms
        self._since_mono_ms: int | None = None

    def since_mono_ms(self, now: Moment, *, sound: bool) -> int | None:
        """When the station signed last before this run, on the clock of this boot and so maybe negative.

        sound: whether `now.wall_ms` may be believed. None: nobody can tell now.
        """
        if self._since_mono_ms is None and self.last_wall_ms is not None and sound:
            since_ms = now.mono_ms - max(0, now.wall_ms - self.last_wall_ms)
            if now.clock != ClockState.SYNCHRONISED:
                return since_ms
            self._since_mono_ms = since_ms
        return self._since_mono_ms
