"""adjtimex(2): what the kernel says of its clock."""

import struct
from decimal import Decimal

import pytest

from drivers.kernel_clock import KernelClock, decoded, kernel_clock


def timex(offset: int, max_error_us: int, status: int) -> bytes:
    """Struct timex of 64-bit Linux (adjtimex(2)): modes, offset, freq, maxerror, esterror, status, ..."""
    return struct.pack("<I4xqqqqi", 0, offset, 7, max_error_us, 9, status).ljust(208, b"\0")


@pytest.mark.parametrize(
    ("structure", "returned", "clock"),
    [
        (timex(1_500_000, 2_000, 0x2001), 0, KernelClock(True, Decimal(1500), 2_000)),  # ns
        (timex(-1_500, 2_000, 0x0001), 0, KernelClock(True, Decimal(-1500), 2_000)),  # us
        (timex(0, 16_000_000, 0x0040), 5, KernelClock(False, Decimal(0), 16_000_000)),
        (timex(0, 500, 0x0000), 5, KernelClock(False, Decimal(0), 500)),  # TIME_ERROR
        (timex(0, 500, 0x0000), -1, KernelClock(False, Decimal(0), 500)),  # the call failed
        (timex(0, -1, 0x0000), 0, KernelClock(True, Decimal(0), 0)),
    ],
)
def test_the_structure_of_the_manual(structure: bytes, returned: int, clock: KernelClock) -> None:
    assert decoded(structure, returned, long_bytes=8) == clock


def test_a_32_bit_system_has_shorter_words() -> None:
    """Read with words of 64 bits, its status was the microseconds of the day's time."""
    unsynchronised = struct.pack(
        "<IiiiiiiiiII", 0, -1_500, 7, 16_000_000, 9, 0x0040, 2, 1, 500, 1_795_000_000, 1
    )
    expected = KernelClock(False, Decimal(-1500), 16_000_000)
    assert decoded(unsynchronised.ljust(208, b"\0"), 5, long_bytes=4) == expected
    assert decoded(unsynchronised.ljust(208, b"\0"), 0, long_bytes=4) == expected


def test_this_machine_answers() -> None:
    assert kernel_clock().max_error_us >= 0
