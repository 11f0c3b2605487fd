"""What the kernel says of the wall clock: adjtimex(2) with modes 0, which needs no privilege."""

import ctypes
import sys
from decimal import Decimal
from typing import NamedTuple

_TIMEX_BYTES = 208
_OFFSET, _MAXERROR, _STATUS = 1, 3, 5
"""Places in struct timex, in words of a long: modes, offset, freq, maxerror, esterror, status."""
_LONG_BYTES = ctypes.sizeof(ctypes.c_long)
"""4 on gateways with a 32-bit system: there the time of day stands where status is with 8."""
_STA_UNSYNC, _STA_NANO = 0x0040, 0x2000
_TIME_ERROR = 5


class KernelClock(NamedTuple):
    """`offset_us`: what the kernel is still adding to the clock, positive when that is slow; programs that steer the
    frequency instead (chrony) leave it at 0. `max_error_us` is the greatest error.
    """

    synchronised: bool
    offset_us: Decimal
    max_error_us: int


def kernel_clock() -> KernelClock:
    """Now."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None).adjtimex(timex)
    return decoded(timex.raw, state)


def decoded(timex: bytes, state: int, *, long_bytes: int = _LONG_BYTES) -> KernelClock:
    """The structure as it came, with what the call returned; a long has `long_bytes`."""

    def word(place: int, size: int) -> int:
        at = place * long_bytes
        return int.from_bytes(timex[at : at + size], sys.byteorder, signed=True)

    status = word(_STATUS, 4)
    offset, max_error_us = word(_OFFSET, long_bytes), word(_MAXERROR, long_bytes)
    synchronised = 0 <= state != _TIME_ERROR and not status & _STA_UNSYNC
    return KernelClock(
        synchronised, Decimal(offset) / (1000 if status & _STA_NANO else 1), max(0, max_error_us)
    )
