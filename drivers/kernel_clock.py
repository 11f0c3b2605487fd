"""What the kernel says of the wall clock: adjtimex(2) with modes 0, which needs no privilege."""

import ctypes
from decimal import Decimal
from typing import NamedTuple

_TIMEX_BYTES = 208
_OFFSET, _MAXERROR, _STATUS = 8, 24, 40
"""struct timex, 64-bit Linux: modes, offset, freq, maxerror, esterror, status."""
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


def decoded(timex: bytes, state: int) -> KernelClock:
    """The structure as it came, with what the call returned."""
    status = int.from_bytes(timex[_STATUS : _STATUS + 4], "little")
    offset = int.from_bytes(timex[_OFFSET : _OFFSET + 8], "little", signed=True)
    max_error_us = int.from_bytes(timex[_MAXERROR : _MAXERROR + 8], "little", signed=True)
    synchronised = 0 <= state != _TIME_ERROR and not status & _STA_UNSYNC
    return KernelClock(
        synchronised, Decimal(offset) / (1000 if status & _STA_NANO else 1), max(0, max_error_us)
    )
