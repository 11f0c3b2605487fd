"""Vaisala WXT in ASCII: the manuals' transcripts, lines that ran into each other, and the CRC."""

from contextlib import suppress
from decimal import Decimal

import pytest

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal
from drivers.protocols.vaisala_wxt import (
    PLAIN,
    PROVEN,
    Dialect,
    Message,
    Parameter,
    Request,
    Words,
    encode_message,
    encode_reply,
    encode_request,
    take_message,
    take_reply,
    take_request,
)
from drivers.protocols.vaisala_wxt_tables import MESSAGES, TEXTS, text_row
from tests.drivers.protocols.feeding import feed_every_way

pytestmark = pytest.mark.pure

WIND = "0R1,Dn=160D,Dm=182D,Dx=197D,Sn=3.0M,Sm=4.1M,Sx=5.8M"
AIR = "0R2,Ta=21.0C,Ua=60.8P,Pa=1007.2H"
TRANSCRIPTS = [
    WIND,  # as a real one sent it
    AIR,
    "0R3,Rc=0.01M,Rd=10s,Ri=0.6M,Hc=0.0M,Hd=0s,Hi=0.0M",
    "0R5,Th=16.0C,Vh=14.1N,Vs=14.3V,Vr=3.621V",
    "0R1,Dm=027D,Sm=0.1M",  # WXT520 User's Guide M210906EN-C, page 78
    "0R2,Ta=74.6F,Ua=14.7P,Pa=1012.9H",
    "0R3,Rc=0.10M,Rd=2380s,Ri=0.0M,Hc=0.0M,Hd=0s,Hi=0.0M",
    "0R5,Th=76.1F,Vh=11.5N,Vs=11.5V,Vr=3.510V,Id=HEL___",
    "0R0,Dx=009D,Sx=0.2M,Ta=23.3C,Ua=37.5P,Pa=996.8H,Rc=0.000I,Vs=12.0V,Vh=0.0N",  # page 127
]
PROVEN_TRANSCRIPTS = [  # page 79, automatic mode with CRC
    "0r1,Sn=0.1M,Sm=0.1M,Sx=0.1MGOG",
    "0r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn",
    "0r3,Rc=0.00M,Rd=0s,Ri=0.0MIlm",
    "0r5,Th=25.0C,Vh=10.6#,Vs=10.8V,Vr=3.369VO]T",
]
COMMANDS = {"0r1Goe": 1, "0r2Gje": 2, "0r3Kid": 3, "0r5Kcd": 5, "0rBVT": None, "0r0Kld": 0}


def _message(line: str, dialect: Dialect = PLAIN) -> Message:
    message = take_message(bytearray(line.encode() + b"\r\n"), dialect)
    assert isinstance(message, Message)
    return message


@pytest.mark.parametrize("line", TRANSCRIPTS)
def test_a_transcript_goes_both_ways(line: str) -> None:
    message = _message(line)
    assert encode_message(message) == line.encode() + b"\r\n"
    feed_every_way(line.encode() + b"\r\n", message, take_message)


@pytest.mark.parametrize("line", PROVEN_TRANSCRIPTS)
def test_a_transcript_with_crc_goes_both_ways(line: str) -> None:
    message = _message(line, PROVEN)
    assert encode_message(message, PROVEN) == line.encode() + b"\r\n"
    feed_every_way(line.encode() + b"\r\n", message, lambda buffer: take_message(buffer, PROVEN))


def test_the_air_is_taken_exactly() -> None:
    message = _message(AIR)
    assert (message.address, message.number) == ("0", 2)
    assert message.parameters[0] == Parameter("Ta", "21.0", "C")
    assert [one.value for one in message.parameters] == [Decimal("21.0"), Decimal("60.8"), Decimal("1007.2")]
    assert str(_message("0R2,Ta=-0.50C").parameters[0].value) == "-0.50"


@pytest.mark.parametrize("word", ["Dm=182#", "Dm=#"])
def test_a_value_marked_invalid_has_a_reason_and_leaves_the_others_alone(word: str) -> None:
    first, second = _message(f"0R1,{word},Sm=4.1M").parameters
    assert first.value is None
    assert "invalid" in first.reason
    assert (second.value, second.reason) == (Decimal("4.1"), "")


def test_the_information_field_is_words() -> None:
    information = _message(TRANSCRIPTS[7]).parameters[-1]
    assert (information.written, information.value, information.reason) == ("HEL___", None, "Id is words")


@pytest.mark.parametrize(("line", "number"), COMMANDS.items())
def test_a_command_goes_both_ways(line: str, number: int | None) -> None:
    request = Request("0", number)
    assert encode_request(request, PROVEN) == line.encode() + b"\r\n"
    feed_every_way(line.encode() + b"\r\n", request, lambda buffer: take_request(buffer, PROVEN))
    plain = f"0R{'' if number is None else number}\r\n".encode()
    assert encode_request(request) == plain
    feed_every_way(plain, request, take_request)


@pytest.mark.parametrize(
    ("line", "dialect"), [("0r1Gof", PROVEN), ("0R1", PROVEN), ("0r1Goe", PLAIN), ("0XU", PLAIN)]
)
def test_what_is_no_query_is_refused_by_the_instrument(line: str, dialect: Dialect) -> None:
    with pytest.raises(Malformed):
        take_request(bytearray(line.encode() + b"\r\n"), dialect)


def test_a_query_is_answered_by_its_own_message_of_its_own_address() -> None:
    feed_every_way(
        WIND.encode() + b"\r\n", _message(WIND), lambda buffer: take_reply(buffer, Request("0", 1))
    )
    for request in (Request("1", 1), Request("0", 2), Request("0", 0)):
        with pytest.raises(Malformed):
            take_reply(bytearray(WIND.encode() + b"\r\n"), request)


def test_a_combined_query_is_answered_by_several_messages() -> None:
    buffer = bytearray(b"".join(line.encode() + b"\r\n" for line in TRANSCRIPTS[4:8]))
    answers = [take_reply(buffer, Request("0", None)) for _ in range(5)]
    assert [answer and answer.number for answer in answers] == [1, 2, 3, 5, None]
    with pytest.raises(Malformed, match="does not answer"):
        take_reply(bytearray(TRANSCRIPTS[8].encode() + b"\r\n"), Request("0", None))


@pytest.mark.parametrize(
    "words", ["Unable to measure error", "Sync/address error", "Unknown cmd error", "Use chksum CCb"]
)
def test_the_instrument_refuses_in_words(words: str) -> None:
    wire = encode_reply(Words("0", words))
    assert wire == f"0TX,{words}\r\n".encode()
    with pytest.raises(Refusal, match=words):
        take_reply(bytearray(wire), Request("0", 1))


def test_a_restart_is_told_but_is_no_answer() -> None:
    feed_every_way(b"0TX,Start-up\r\n", Words("0", "Start-up"), take_message)
    buffer = bytearray(b"0TX,Start-up\r\n" + WIND.encode() + b"\r\n")
    with pytest.raises(Malformed, match="Start-up") as told:
        take_reply(buffer, Request("0", 1))
    assert not isinstance(told.value, Refusal)
    assert take_reply(buffer, Request("0", 1)) == _message(WIND)


def test_the_wrong_checksum_is_answered_with_the_right_one() -> None:
    wire = b"0tX,Use chksum GoeIU~\r\n"  # WXT530 User Guide, polling with CRC
    assert encode_reply(Words("0", "Use chksum Goe"), PROVEN) == wire
    with pytest.raises(Refusal, match="Goe"):
        take_reply(bytearray(wire), Request("0", 1), PROVEN)


def test_texts_are_known_by_their_words() -> None:
    assert [row.identifier for row in TEXTS] == [f"{n:02}" for n in range(1, 12)]
    row = text_row("Use chksum Goe")
    assert row is not None
    assert row.refuses
    assert text_row("Start-up now") is None


MERGED = {
    "an end was lost inside a value": "0R1,Dn=160D,Dm=180R1,Dn=160D,Dm=182D",
    "only the end of line was lost": WIND + AIR,
    "an end was lost behind a comma": "0R1,Dn=160D,0R1,Dn=160D,Dm=182D",
}


@pytest.mark.parametrize("line", MERGED.values(), ids=MERGED)
def test_of_two_messages_in_one_line_only_the_last_is_read(line: str) -> None:
    buffer = bytearray(line.encode() + b"\r\n")
    with pytest.raises(Malformed, match="noise before"):
        take_message(buffer)
    message = take_message(buffer)
    assert message == _message(line[max(line.rfind("0R1,"), line.rfind("0R2,")) :])


AMBIGUOUS = {
    "a name twice": "0R1,Dn=160D,Dm=182D,Dn=161D",
    "a name of another message": "0R1,Dn=160D,Pa=1007.2H",
    "out of order": "0R1,Dm=182D,Dn=160D",
    "a unit that it cannot have": "0R1,Dn=160D,Dm=18M",
    "a value that swallowed another": "0R1,Dn=160Dm=182D",
    "two numbers in one": "0R1,Dn=16.0.3D",
    "no number": "0R2,Ta=C",
    "no unit": "0R2,Ta=21.0",
    "an exponent": "0R2,Ta=2E1C",
    "words marked invalid": "0R2,Ta=nan#",
    "no value": "0R2,Ta",
    "nothing": "0R2,",
    "a comma too many": "0R2,Ta=21.0C,",
    "a message that nobody described": "0R4,Tr=21.0C",
    "a name twice in the composite": "0R0,Ta=21.0C,Pa=1007.2H,Ta=21.1C",
    "the head was lost": "Ta=21.0C,Ua=60.8P,Pa=1007.2H",
    "an unprintable character": "0R2,Ta=21.0C,Ua=60.8P\x07",
    "a CRC nobody asked for": "0r1,Sn=0.1M,Sm=0.1M,Sx=0.1MGOG",
}


@pytest.mark.parametrize("line", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_line_is_worthless_as_a_whole(line: str) -> None:
    buffer = bytearray(line.encode() + b"\r\n" + WIND.encode() + b"\r\n")
    with pytest.raises(Malformed):
        take_message(buffer)
    assert take_message(buffer) == _message(WIND)


def test_a_message_without_crc_is_refused_where_one_was_agreed() -> None:
    with pytest.raises(Malformed, match="with CRC"):
        take_message(bytearray(WIND.encode() + b"\r\n"), PROVEN)


def test_a_message_of_another_model_can_be_described() -> None:
    dialect = Dialect(more={4: {"Tr": {"C": "degC"}}})
    assert _message("0R4,Tr=21.5C", dialect).parameters[0].value == Decimal("21.5")


def test_every_unit_letter_of_the_table_is_one_character() -> None:
    assert all(
        len(letter) == 1 for names in MESSAGES.values() for units in names.values() for letter in units
    )


@pytest.mark.parametrize("line", PROVEN_TRANSCRIPTS[:2])
def test_no_flipped_byte_passes_the_crc(line: str) -> None:
    wire = line.encode() + b"\r\n"
    for at in range(len(wire)):
        for byte in set(range(256)) - {wire[at]}:
            buffer = bytearray(wire)
            buffer[at] = byte
            with suppress(Malformed):
                assert take_message(buffer, PROVEN) is None


def test_without_crc_a_flipped_byte_is_another_value_or_malformed_but_nothing_else() -> None:
    wire = WIND.encode() + b"\r\n"
    passed = 0
    for at in range(len(wire)):
        for byte in set(range(256)) - {wire[at]}:
            buffer = bytearray(wire)
            buffer[at] = byte
            with suppress(Malformed):
                passed += take_message(buffer) is not None
    assert passed < 500  # of 13,515: the digits, the address, and a speed's unit


@pytest.mark.parametrize("length", range(len(WIND) + 2))
def test_a_message_cut_off_waits_and_never_becomes_a_value(length: int) -> None:
    wire = WIND.encode() + b"\r\n"
    buffer = bytearray(wire[:length])
    assert take_message(buffer) is None
    assert buffer == wire[:length]
    buffer += wire
    if length:
        with pytest.raises(Malformed):
            take_message(buffer)
    assert take_message(buffer) == _message(WIND)


@pytest.mark.parametrize(("address", "number"), [("", 1), ("00", 1), ("?", 1), ("0", 10), ("0", -1)])
def test_what_cannot_be_asked_is_not_built(address: str, number: int) -> None:
    with pytest.raises(ValueError, match="no command"):
        Request(address, number)
    with pytest.raises(ValueError, match="no message"):
        Message(address, number, (Parameter("Ta", "1", "C"),))
