"""When: the two clocks of the simulated world, and the one function that reads the real ones."""

import time
from collections.abc import Callable
from typing import NamedTuple


class Moment(NamedTuple):
    """`utc_s` drives day cycles (Unix seconds); `mono_ms` is CLOCK_BOOTTIME and dates what was served."""

    utc_s: float
    mono_ms: int


Now = Callable[[], Moment]


def real() -> Moment:
    """The clocks of this machine."""
    return Moment(time.time(), time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)
