"""One instant at the centre, by two clocks: the wall's for what is kept and said, the other for measuring."""

import time
from typing import NamedTuple


class Now(NamedTuple):
    """`wall_ms` Unix ms UTC; `mono_ms` ms of a clock that only goes forward."""

    wall_ms: int
    mono_ms: int


def now() -> Now:
    """The present, by the machine's clocks."""
    return Now(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000)
