"""Instruments that speak lines: their words, checks and decimals; and wordings that cannot be meant."""

import contextlib
from dataclasses import replace
from decimal import Decimal

import pytest

from drivers.protocols.line_text import (
    Check,
    Lines,
    Word,
    Wording,
    compiled_lines,
    encode_reply,
    encode_request,
    take_reply,
    take_request,
    unescaped,
)
from drivers.protocols.modbus_pdu import Malformed
from tests.drivers.protocols.feeding import feed_every_way
from tests.drivers.protocols.wordings import BALANCE, THERMO, WIND

pytestmark = pytest.mark.pure

WORDS: dict[str, tuple[bytes, Lines, dict[str, Word]]] = {
    "wind of NMEA 0183": (
        b"$WIMWV,214.8,R,0.1,K,A*28\r\n",
        WIND,
        {
            "direction": Decimal("214.8"),
            "reference": "R",
            "speed": Decimal("0.1"),
            "unit": "K",
            "status": "A",
        },
    ),
    "wind that is not valid": (
        b"$WIMWV,,R,,M,V*37\r\n",
        WIND,
        {"direction": None, "reference": "R", "speed": None, "unit": "M", "status": "V"},
    ),
    "Thermo C-Link, format 01": (b"so2 12.3 ppb\nsum 035A\r", THERMO, {"so2": Decimal("12.3")}),
    "commas and STX": (
        b"\x02T7;-1,250;0;0\x03",
        BALANCE,
        {"level": Decimal("-1.250"), "tank": "T7", "alarm": Decimal(0)},
    ),
    "no value": (
        b"\x02T7;----;0;2\x03",
        BALANCE,
        {"level": None, "tank": "T7", "alarm": Decimal(2)},
    ),
}


@pytest.mark.parametrize(("line", "lines", "words"), WORDS.values(), ids=WORDS)
def test_an_answer_goes_both_ways(line: bytes, lines: Lines, words: dict[str, Word]) -> None:
    feed_every_way(line, words, lambda buffer: take_reply(buffer, lines))
    assert encode_reply(lines, words) == line


def test_a_number_is_exactly_as_written() -> None:
    taken = take_reply(bytearray(b"\x02T7;7,850;0;0\x03"), BALANCE)
    assert taken is not None
    assert str(taken["level"]) == "7.850"


def test_blanks_and_tabs_separate() -> None:
    by_blanks = compiled_lines(Wording(separator="", fields=(("t", 2),)))
    assert take_reply(bytearray(b"  no1   21.5  60\r\n"), by_blanks) == {"t": Decimal("21.5")}
    by_tabs = compiled_lines(Wording(separator=r"\t", fields=(("t", 2),), count=3))
    assert take_reply(bytearray(b"a\t 21.5 \tb\r\n"), by_tabs) == {"t": Decimal("21.5")}
    assert encode_reply(by_tabs, {"t": Decimal("21.5")}) == b"0\t21.5\t0\r\n"


@pytest.mark.parametrize(
    ("line", "lines", "words"),
    [
        (b"\r\n", WIND, "an empty line"),
        (b"$WIMWV,214.8,R,0.1,K,A*29\r\n", WIND, "the check should be 28"),
        (b"$WIMWV,214.8,R,0.1,K,A\r\n", WIND, "without its check"),
        (b"$WIMWV,214.8,R,0.1,K,A*2G\r\n", WIND, "without its check"),
        (b"8\r\n", WIND, "without its check"),
        (b"$WIMWV,1.2.3,R,0.1,K,A*38\r\n", WIND, "should be"),
        (b"$WIXDR,C,26.5,C,2,U,12.0,N,0*4B\r\n", WIND, "not worded"),
        (b"so2 12.3 ppb\r", THERMO, "without its check"),
        (b"so2 12.3 ppb\nsum 35A\r", THERMO, "without its check"),
        (b"T7;1,25;0;0\x03", BALANCE, "does not begin with"),
        (b"?\x02T7;1,25;0;0\x03", BALANCE, "does not begin with"),
        (b"\x02T7;1,25;0\x03", BALANCE, "not worded"),
        (b"\x02T7;1,25;0;0;0\x03", BALANCE, "not worded"),
        (b"\x02T7;1.250,0;0;0\x03", BALANCE, "has a point"),
        (b"\x02T7;1.250;0;0\x03", BALANCE, "has a point"),
        (b"\x02T7;l,25;0;0\x03", BALANCE, "level: 'l.25' is not a number"),
        (b"\x02T7;nan;0;0\x03", BALANCE, "not a number"),
        (b"\x02T\xe9;1,25;0;0\x03", BALANCE, "not printable"),
        (b"\x02" + b"1" * 300 + b"\x03", BALANCE, "a line of 301 bytes"),
    ],
)
def test_a_line_that_is_no_answer_is_refused_and_gone(line: bytes, lines: Lines, words: str) -> None:
    buffer = bytearray(line + b"next")
    with pytest.raises(Malformed, match=words) as told:
        take_reply(buffer, lines)
    assert told.value.evidence
    assert buffer == b"next"


def test_an_answer_without_an_end_is_dropped_at_its_longest() -> None:
    buffer = bytearray(b"1" * 1259)
    with pytest.raises(Malformed, match="1259 bytes without an end"):
        take_reply(buffer, WIND)
    assert take_reply(buffer, WIND) is None
    assert len(buffer) == 258


@pytest.mark.parametrize("size", [1, 2, 3, 7, 257, 258, 259, 300])
def test_the_end_of_an_answer_that_is_too_long_is_no_answer(size: int) -> None:
    """It came in pieces: what stands behind the place where patience ended must not be a value."""
    numbers = compiled_lines(Wording(separator=",", fields=(("t", 1),)))
    buffer, taken = bytearray(), []
    wire = b"1" * 258 + b"12.5\r\n7.1\r\n"
    for place in range(0, len(wire), size):
        buffer += wire[place : place + size]
        with contextlib.suppress(Malformed):
            taken.append(take_reply(buffer, numbers))
    for _ in range(3):
        with contextlib.suppress(Malformed):
            taken.append(take_reply(buffer, numbers))
    assert [words for words in taken if words] == [{"t": Decimal("7.1")}]


def test_a_request_is_taken_as_it_is_written_and_noise_in_front_is_cut_off() -> None:
    assert encode_request(THERMO) == b"\xaaso2\r"
    feed_every_way(b"\xaaso2\r", b"\xaaso2\r", lambda buffer: take_request(buffer, THERMO))
    buffer = bytearray(b"so2\r\xaa\xaaso2\r")
    with pytest.raises(Malformed) as told:
        take_request(buffer, THERMO)
    assert told.value.evidence == b"so2\r\xaa"
    assert take_request(buffer, THERMO) == b"\xaaso2\r"


def test_noise_that_may_begin_a_request_waits_for_the_rest() -> None:
    buffer = bytearray(b"??\xaaso")
    with pytest.raises(Malformed) as told:
        take_request(buffer, THERMO)
    assert told.value.evidence == b"??"
    assert take_request(buffer, THERMO) is None
    buffer += b"2\r"
    assert take_request(buffer, THERMO) == b"\xaaso2\r"


def test_an_instrument_that_speaks_by_itself_is_asked_nothing() -> None:
    assert encode_request(WIND) == b""
    buffer = bytearray()
    assert take_request(buffer, WIND) is None
    buffer += b"?"
    with pytest.raises(Malformed, match="by itself"):
        take_request(buffer, WIND)
    assert not buffer


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (WIND, {"direction": Decimal(1), "reference": "X", "speed": Decimal(1), "unit": "K", "status": "A"}),
        (WIND, {}),
        (THERMO, {"so2": None}),
        (BALANCE, {"level": Decimal(1), "tank": "T;7", "alarm": Decimal(0)}),
        (BALANCE, {"level": "high", "tank": "T7", "alarm": Decimal(0)}),
    ],
)
def test_what_a_wording_cannot_say_is_not_sent(lines: Lines, words: dict[str, Word]) -> None:
    with pytest.raises(ValueError, match="cannot be said"):
        encode_reply(lines, words)


def test_escapes() -> None:
    assert unescaped(r"A\r\n\t\0\\\x02\xfeZ") == b"A\r\n\t\0\\\x02\xfeZ"
    for wrong in (r"\q", r"\x2", "\\", r"\\\ "):
        with pytest.raises(ValueError, match="escapes are"):
            unescaped(wrong)
    with pytest.raises(ValueError, match="not ASCII"):
        unescaped(r"µ\r")


SEPARATED = Wording(separator=",", fields=(("a", 1),))


@pytest.mark.parametrize(
    ("wording", "words"),
    [
        (Wording(), "either a pattern or a separator"),
        (Wording(pattern="{a}", separator=","), "either a pattern or a separator"),
        (Wording(pattern="{a}", fields=(("a", 1),)), "belong to a separator"),
        (Wording(pattern="{a}", count=1), "belong to a separator"),
        (Wording(pattern="abc"), "without a named field"),
        (Wording(separator=","), "without a named field"),
        (Wording(pattern=r"(\d+)+x"), "not repeated"),
        (replace(SEPARATED, fields=(("a", 1), ("a", 2))), "twice"),
        (replace(SEPARATED, fields=(("a", 0),)), "numbered from 1"),
        (replace(SEPARATED, fields=(("a", 3),), count=2), "up to count"),
        (replace(SEPARATED, decimal_comma=True), "comma cannot separate"),
        (replace(SEPARATED, separator=r"\x02"), "separator: printable"),
        (replace(SEPARATED, texts=frozenset({"b"})), "no field is named b"),
        (replace(SEPARATED, terminator=""), "terminator"),
        (replace(SEPARATED, longest=0), "longest"),
        (replace(SEPARATED, longest=1025), "longest"),
    ],
)
def test_a_wording_that_cannot_be_meant_is_refused(wording: Wording, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compiled_lines(wording)


@pytest.mark.parametrize(("digits", "skip"), [(0, 0), (4, 0), (2, -1)])
def test_a_check_that_cannot_be_is_refused(digits: int, skip: int) -> None:
    with pytest.raises(ValueError, match=r"xor with|skip must"):
        Check("xor", digits=digits, skip=skip)
