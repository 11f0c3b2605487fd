"""Frames in the technician's words. The Modbus frames are the examples of the specification (V1.1b3, section 6)."""

import pytest

from drivers.protocols.frame_words import (
    answer_words,
    crc_words,
    lrc_words,
    question_words,
    registers,
    request_words,
    text,
)
from drivers.protocols.modbus_ascii import encode_frame as in_ascii
from drivers.protocols.modbus_rtu import encode_frame as in_rtu

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("01 00 13 00 13", "read coil 19..37"),
        ("02 00 C4 00 16", "read discrete 196..217"),
        ("03 00 6B 00 03", "read holding 107..109"),
        ("04 00 08 00 01", "read input 8"),
        ("05 00 AC FF 00", "write coil 172 = 1"),
        ("06 00 01 00 03", "write holding 1 = 3"),
        ("0F 00 13 00 0A 02 CD 01", "write coil 19..28 = 1 0 1 1 0 0 1 1 1 0"),
        ("10 00 01 00 02 04 00 0A 01 02", "write holding 1..2 = 10 258"),
        ("2B 0E 01 00", "say what you are (identification)"),
    ],
)
def test_a_question_says_what_it_is_about(asked: str, words: str) -> None:
    assert request_words(bytes.fromhex(asked)) == words


@pytest.mark.parametrize(
    ("asked", "answer", "words"),
    [
        ("01 00 13 00 13", "01 03 CD 6B 05", "coil 19..37 = 1 0 1 1 0 0 1 1 1 1 0 1 … 19 in all"),
        ("03 00 6B 00 03", "03 06 02 2B 00 00 00 64", "holding 107..109 = 555 0 100"),
        ("04 00 08 00 01", "04 02 00 0A", "input 8 = 10"),
        ("06 00 01 00 03", "06 00 01 00 03", "confirms: holding 1 = 3"),
        ("10 00 01 00 02 04 00 0A 01 02", "10 00 01 00 02", "confirms: holding 1..2 = 10 258"),
        ("03 00 6B 00 03", "83 02", "refuses function 3: exception 2, illegal data address"),
        ("03 00 6B 00 03", "83 63", "refuses function 3: exception 99, not in the specification"),
    ],
)
def test_an_answer_takes_its_addresses_from_the_question(asked: str, answer: str, words: str) -> None:
    assert answer_words(bytes.fromhex(asked), bytes.fromhex(answer)) == words


@pytest.mark.parametrize(
    ("asked", "answer", "words"),
    [
        (None, "03 04 02 2B 00 00", "2 × holding = 555 0"),
        (None, "02 01 05", "8 × discrete = 1 0 1 0 0 0 0 0"),
        (None, "2B 0E 01 01", "function 43, 4 bytes"),
        ("06 00 01 00 03", "03 02 00 17", "1 × holding = 23"),
        (
            "03 00 6B 00 03",
            "03 02 00 17",
            "1 × holding = 23: not the length of the answer to `read holding 107..109`",
        ),
    ],
)
def test_an_answer_to_something_else_is_read_as_far_as_it_says_itself(
    asked: str | None, answer: str, words: str
) -> None:
    assert answer_words(bytes.fromhex(asked) if asked else None, bytes.fromhex(answer)) == words


def test_a_question_that_breaks_the_specification_is_said_in_words_too() -> None:
    assert "breaks the specification" in request_words(bytes.fromhex("03 00 00 00 00"))
    assert "not spoken here" in request_words(bytes.fromhex("07"))


def test_only_a_good_answer_to_a_reading_question_has_registers() -> None:
    asked = bytes.fromhex("03 00 6B 00 03")
    assert registers(asked, bytes.fromhex("03 06 02 2B 00 00 00 64")) == ("holding", 107, (555, 0, 100))
    assert registers(asked, bytes.fromhex("83 02")) is None
    assert registers(asked, bytes.fromhex("03 02 00 64")) is None
    assert registers(bytes.fromhex("06 00 01 00 03"), bytes.fromhex("06 00 01 00 03")) is None
    assert registers(None, bytes.fromhex("03 02 00 64")) is None


def test_the_verdict_on_a_check_says_what_would_be_right() -> None:
    frame = in_rtu(4, bytes.fromhex("04 04 41 B0 F2 DC"))
    assert crc_words(frame) == "CRC right"
    damaged = frame[:2] + b"\x06" + frame[3:]
    assert crc_words(damaged) == "CRC is FF A6, of these bytes it is 86 66"
    assert lrc_words(bytes.fromhex("F7 03 13 89 00 0A 60")) == "LRC right"
    assert lrc_words(bytes.fromhex("F7 03 13 89 00 0B 60")) == "LRC is 60, of these bytes it is 5F"


def test_characters_are_text_with_control_characters_by_their_names() -> None:
    assert text(b"\x02MD01 +1.2E+01\x03\r\n\x7f\x9f~") == "<STX>MD01 +1.2E+01<ETX><CR><LF><DEL><0x9F>~"
    assert text(bytes(range(32))).count("<") == 32


@pytest.mark.parametrize("framing", ["tcp", "rtu", "ascii"])
def test_a_whole_question_is_a_line_whatever_its_framing(framing: str) -> None:
    pdu = bytes.fromhex("03 00 6B 00 03")
    frame = {"tcp": b"\x11" + pdu, "rtu": in_rtu(17, pdu), "ascii": in_ascii(17, pdu)}[framing]
    assert question_words(framing, frame) == "unit 17: read holding 107..109"


def test_what_is_no_question_is_shown_as_it_is() -> None:
    assert question_words("characters", b"LEV?\r") == "LEV?<CR>"
    assert question_words("rtu", b"\x01\x02") == "01 02"
    assert question_words("ascii", b"hello") == "68 65 6C 6C 6F"
