"""Lines, their numbers and their check characters."""

from contextlib import suppress
from decimal import Decimal

import pytest

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import number, sum_of, take_line, text, xor_of

pytestmark = pytest.mark.pure


def test_lines_come_one_by_one_and_what_follows_stays() -> None:
    buffer = bytearray(b"0R1,Dn=160D\r\n0R2,Ta=21.0C\r\n0R3,")
    assert take_line(buffer, b"\r\n") == b"0R1,Dn=160D"
    assert take_line(buffer, b"\r\n") == b"0R2,Ta=21.0C"
    assert take_line(buffer, b"\r\n") is None
    assert buffer == b"0R3,"


def test_an_end_of_two_characters_may_come_in_two_pieces() -> None:
    buffer = bytearray(b"0R1\r")
    assert take_line(buffer, b"\r\n") is None
    buffer += b"\n"
    assert take_line(buffer, b"\r\n") == b"0R1"


@pytest.mark.parametrize("end", [b"\r", b"\r\n"])
@pytest.mark.parametrize("echo", [b"", b"ask\r"])
@pytest.mark.parametrize("cut", range(16))
def test_the_tail_of_a_line_that_is_too_long_is_no_line(end: bytes, echo: bytes, cut: int) -> None:
    """12.5 of which the first digits were thrown away would be 2.5."""
    buffer, whole = bytearray(), echo + b"x" * (10 + cut) + b"12.5" + end
    for byte in whole[:-1]:
        buffer.append(byte)
        with suppress(Malformed):
            assert take_line(buffer, end, longest=10, start=_behind(buffer, echo), echo=len(echo)) is None
    buffer += whole[-1:] + b"7.5" + end
    with pytest.raises(Malformed, match="a line of"):
        take_line(buffer, end, longest=10, start=_behind(buffer, echo), echo=len(echo))
    assert take_line(buffer, end, longest=10) == b"7.5"


def _behind(buffer: bytearray, echo: bytes) -> int:
    return len(echo) if buffer.startswith(echo) else 0


def test_noise_without_an_end_does_not_fill_the_memory() -> None:
    buffer = bytearray(b"xyz" + b"x" * 11)
    with pytest.raises(Malformed, match="without an end of line") as told:
        take_line(buffer, b"\r", longest=10)
    assert told.value.evidence == b"xyz"
    assert len(buffer) == 11
    assert take_line(buffer, b"\r", longest=10) is None


def test_an_empty_line_is_noise_and_is_shown() -> None:
    buffer = bytearray(b"\r\n7.5\r\n")
    with pytest.raises(Malformed, match="an empty line") as told:
        take_line(buffer, b"\r\n")
    assert told.value.evidence == b"\r\n"
    assert take_line(buffer, b"\r\n") == b"7.5"


def test_a_line_longer_than_any_does_not_take_the_next_one_with_it() -> None:
    buffer = bytearray(b"x" * 12 + b"\rnext\r")
    with pytest.raises(Malformed, match="a line of 12 bytes"):
        take_line(buffer, b"\r", longest=10)
    assert take_line(buffer, b"\r", longest=10) == b"next"


@pytest.mark.parametrize(
    ("word", "value"),
    [("30.781", "30.781"), ("1.405E+01", "14.05"), ("550E-2", "5.50"), ("-.5", "-0.5"), ("+7.", "7")],
)
def test_numbers_are_taken_exactly(word: str, value: str) -> None:
    assert number(word) == Decimal(value)


@pytest.mark.parametrize(
    "word", ["", " 1", "1,2", "nan", "inf", "1e9999", "1e61", "٣", "0x10", "1_000", "--1", "1.2.3"]
)
def test_what_is_no_number_is_none(word: str) -> None:
    with pytest.raises(Malformed):
        number(word)


def test_a_zero_may_have_any_exponent() -> None:
    assert number("0e99") == 0


def test_characters_that_are_not_printable_are_noise() -> None:
    assert text(b"o3 30.781 ppb") == "o3 30.781 ppb"
    for noise in (b"o3\x00", b"o3\x7f", b"o3\xe9"):
        with pytest.raises(Malformed):
            text(noise)


def test_check_characters() -> None:
    assert xor_of(b"WIMWV,214.8,R,0.1,K,A") == 0x28  # the checksum of NMEA 0183
    assert sum_of(b"flags 00000000", bits=16) == 0x03AD  # of Thermo C-Link
    assert sum_of(b"\xff\xff", bits=8) == 0xFE
