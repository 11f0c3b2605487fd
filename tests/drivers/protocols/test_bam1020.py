"""A BAM-1020 at its serial port: escape queries, the CSV menu, and lines that are none of them."""

from contextlib import suppress

import pytest

from drivers.protocols.bam1020 import (
    MENU_PROMPT,
    PROMPT,
    Key,
    PointerBack,
    Query,
    Request,
    Title,
    Wake,
    encode_header,
    encode_record,
    encode_request,
    take_header,
    take_prompt,
    take_record,
    take_report_line,
    take_request,
)
from drivers.protocols.bam1020_record import Dialect, Header, Record, decode_header, decode_record
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import MAX_LINE_BYTES
from tests.drivers.protocols.feeding import feed_every_way
from tests.drivers.protocols.test_bam1020_record import HEADER, RECORD

pytestmark = pytest.mark.pure

HEAD = decode_header(HEADER)
HOUR = decode_record(RECORD, HEAD, Dialect())
HEADER_WIRE, RECORD_WIRE = HEADER.encode() + b"\r\n", RECORD.encode() + b"\r\n"
LAST, NAMES = Query(), Query(header=True)
COMMANDS: dict[bytes, Request] = {  # Rev W, pages 86, 93, 94
    b"\x1bQ\r": LAST,
    b"\x1bQH\r": NAMES,
    b"\x1bQC\r": Query(custom=True),
    b"\x1bQCH\r": Query(custom=True, header=True),
    b"\x1b3 24\r": PointerBack(3, 24),
    b"\r\r\r": Wake(),
    b"6": Key("6"),
    b"h": Key("h"),
}
MENU = b"""6\r
CSV Type Reports\r
2 - Display All Data\r
3 - Display New Data\r
4 - Display Last Data\r
>4 - Display CSV Data\r
Station, 5\r
"""


@pytest.mark.parametrize(("wire", "request_"), COMMANDS.items())
def test_a_command_goes_both_ways(wire: bytes, request_: Request) -> None:
    assert encode_request(request_) == wire
    buffer = bytearray()
    for byte in wire[:-1]:
        buffer.append(byte)
        assert take_request(buffer) is None
        assert wire.startswith(buffer)
    whole = bytearray(wire + b"6")
    assert take_request(whole) == request_
    assert take_request(whole) == Key("6")
    assert take_request(whole) is None


def test_stx_may_stand_for_esc_and_the_blanks_of_the_manual_may_be_sent() -> None:
    dialect = Dialect(lead=b"\x02", blank=True)
    assert encode_request(Query(custom=True), dialect) == b"\x02 QC \r"
    for wire in (b"\x02 QC \r", b"\x02QC\r"):
        assert take_request(bytearray(wire), dialect) == Query(custom=True)


@pytest.mark.parametrize("word", [b"", b"X", b"QQ", b"3", b"3 0", b"4 24", b"3 12345", b"Q\x00", b"Q" * 20])
def test_an_escape_command_that_is_not_spoken_here_costs_itself_only(word: bytes) -> None:
    buffer = bytearray(b"\x1b" + word + b"\r" + b"\x1bQ\r")
    heard = []
    for _ in range(30):
        with suppress(Malformed):
            heard.append(take_request(buffer))
    assert not buffer
    assert [one for one in heard if isinstance(one, Query)] == [LAST]


@pytest.mark.parametrize("noise", [b"\0", b"\n", b"\xff", b"\r", b"\r\r"])
def test_noise_before_a_command_is_cut_off_and_shown(noise: bytes) -> None:
    buffer = bytearray(noise + b"\x1bQ\r")
    dropped = b""
    while buffer != b"\x1bQ\r":
        with pytest.raises(Malformed) as told:
            take_request(buffer)
        dropped += told.value.evidence
    assert dropped == noise


def test_the_header_and_the_record_are_heard_in_every_way() -> None:
    feed_every_way(HEADER_WIRE, HEAD, lambda buffer: take_header(buffer, NAMES))
    feed_every_way(RECORD_WIRE, HOUR, lambda buffer: take_record(buffer, LAST, HEAD))
    assert encode_header(HEAD) == HEADER_WIRE
    assert encode_record(HOUR, HEAD) == RECORD_WIRE


@pytest.mark.parametrize("before", [b"\r\n", b"\r\n\r\n", b"\x1bQ\r", b"\x1bQ\r\n", b"\r\n\x1bQ\r\r\n"])
def test_empty_lines_and_the_commands_echo_are_taken_off(before: bytes) -> None:
    buffer = bytearray()
    for byte in (before + RECORD_WIRE)[:-1]:
        buffer.append(byte)
        assert take_record(buffer, LAST, HEAD) is None
    buffer += b"\n"
    assert take_record(buffer, LAST, HEAD) == HOUR
    assert not buffer


def test_the_menu_gives_its_prompts_titles_header_and_record() -> None:
    buffer = bytearray(b"\r\n*" + MENU + HEADER_WIRE + RECORD_WIRE)
    assert take_prompt(buffer, PROMPT) == ""
    menu = take_prompt(buffer, MENU_PROMPT)
    assert menu is not None
    assert "4 - Display Last Data" in menu
    lines: list[Title | Header | Record | None] = []
    header = None
    for _ in range(5):
        lines.append(take_report_line(buffer, header))
        header = lines[-1] if isinstance(lines[-1], Header) else header
    assert lines == [Title("4 - Display CSV Data"), Title("Station, 5"), HEAD, HOUR, None]
    assert isinstance(lines[1], Title)
    assert lines[1].station == "5"


def test_a_prompt_that_does_not_come_is_waited_for_within_bounds() -> None:
    buffer = bytearray(b"x" * (MAX_LINE_BYTES - 1))
    assert take_prompt(buffer, PROMPT) is None
    buffer += b"x*"
    with pytest.raises(Malformed, match="no prompt"):
        take_prompt(buffer, PROMPT)
    assert take_prompt(buffer, PROMPT) == ""


def test_a_record_before_its_header_and_half_a_line_are_no_lines_of_a_report() -> None:
    buffer = bytearray(RECORD_WIRE + RECORD_WIRE[20:] + HEADER_WIRE)
    for _ in range(2):
        with pytest.raises(Malformed):
            take_report_line(buffer, None)
    assert take_report_line(buffer, None) == HEAD


@pytest.mark.parametrize(
    "other",
    [
        HEADER_WIRE,
        b"Station, 5\r\n",
        RECORD_WIRE[1:],
        RECORD_WIRE[:-4] + b"\r\n",
        b"*\r\n",
        b"\xff" + RECORD_WIRE,
    ],
)
def test_what_is_no_record_does_not_answer_the_query(other: bytes) -> None:
    buffer = bytearray(other + RECORD_WIRE)
    with pytest.raises(Malformed):
        take_record(buffer, LAST, HEAD)
    assert take_record(buffer, LAST, HEAD) == HOUR


def test_a_record_does_not_answer_the_query_for_the_header() -> None:
    with pytest.raises(Malformed):
        take_header(bytearray(RECORD_WIRE), NAMES)


@pytest.mark.parametrize("length", range(len(RECORD_WIRE)))
def test_a_record_cut_off_waits_and_never_becomes_an_hour(length: int) -> None:
    buffer = bytearray(RECORD_WIRE[:length])
    assert take_record(buffer, LAST, HEAD) is None
    assert buffer == RECORD_WIRE[:length]
    buffer += RECORD_WIRE * 2
    heard = []
    for _ in range(3):
        with suppress(Malformed):
            heard.append(take_record(buffer, LAST, HEAD))
    assert set(filter(None, heard)) == {HOUR}


def test_a_flipped_byte_raises_nothing_but_malformed() -> None:
    for at in range(len(RECORD_WIRE)):
        for byte in range(256):
            buffer = bytearray(RECORD_WIRE)
            buffer[at] = byte
            with suppress(Malformed):
                take_record(buffer, LAST, HEAD)


@pytest.mark.parametrize(("file", "hours"), [(1, 24), (3, 0), (3, 10_000)])
def test_what_cannot_be_asked_is_not_built(file: int, hours: int) -> None:
    with pytest.raises(ValueError, match="file 3, 6 or 8"):
        PointerBack(file, hours)
    for key in ("", "64", " ", "\r"):
        with pytest.raises(ValueError, match="one printable"):
            Key(key)
