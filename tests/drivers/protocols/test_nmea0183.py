"""NMEA 0183 sentences, pinned to the checksums that manuals print."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.nmea0183 import (
    Dialect,
    Quantity,
    Query,
    Sentence,
    Text,
    Transducer,
    Wind,
    decode_text,
    decode_transducers,
    decode_wind,
    encode_reply,
    encode_request,
    encode_sentence,
    encode_transducers,
    encode_wind,
    take_reply,
    take_request,
    take_sentence,
)
from drivers.protocols.text import Refusal
from tests.drivers.protocols.feeding import feed_every_way

pytestmark = pytest.mark.pure

COMPUTED = [  # syntax as in the standard, checksums worked out by hand
    "$WIMWV,214.8,R,0.1,K,A*28",
    "$WIMWV,270,R,3.4,M,A*3C",
    "$WIMWV,084,R,10.4,N,A*04",
    "$WIMWV,,R,,M,V*37",
    "$WIXDR,C,26.5,C,2,U,12.0,N,0*4B",
]
PRINTED = [
    "$WIMWV,045,R,011.63,N,A*09",  # WMT700 User's Guide M211095EN, E.3
    "$IIWIQ,MWV*2F",
    "$WIMWV,320,R,15.0,M,A*0B",  # WID513 User Guide M211676EN
    "$WIMWV,39,R,1.3,M,A*06",  # Vaisala M210822EN
    "$WIXDR,V,0.02,M,0,Z,30,s,0,R,2.7,M,0,V,0.0,M,1,Z,0,s,1,R,0.0,M,1,R,6.3,M,2,R,0.0,M,3*51",  # WXT530, 7.3.10
    "$WITXT,01,01,03,Unknown cmd error*1F",  # WXT530, 7.3.11
    "$WItXT,01,01,01,Unable to measure error*6D",
]
WIND = b"$WIMWV,214.8,R,0.1,K,A*28\r\n"
ASKED = Query("II", "WI", "MWV")


def _sentence(line: str) -> Sentence:
    address, *fields = line[1 : line.rindex("*")].split(",")
    return Sentence(address, tuple(fields))


@pytest.mark.parametrize("line", COMPUTED + PRINTED)
def test_a_sentence_goes_both_ways_with_its_checksum(line: str) -> None:
    wire = line.encode() + b"\r\n"
    assert encode_sentence(_sentence(line)) == wire
    feed_every_way(wire, _sentence(line), take_sentence)


def test_the_wind_is_taken_exactly() -> None:
    wind = decode_wind(_sentence("$WIMWV,045,R,011.63,N,A*09"))
    assert wind == Wind(Quantity(Decimal("045"), "D"), "R", Quantity(Decimal("11.63"), "N"))
    assert encode_wind("WI", decode_wind(_sentence(COMPUTED[0]))) == _sentence(COMPUTED[0])


def test_a_wind_that_the_instrument_calls_invalid_has_no_value_but_a_reason() -> None:
    wind = decode_wind(_sentence("$WIMWV,,R,,M,V*37"))
    assert (wind.angle.value, wind.speed.value) == (None, None)
    assert "invalid" in wind.speed.reason
    assert encode_wind("WI", wind) == _sentence("$WIMWV,,R,,M,V*37")


def test_numbers_beside_status_v_are_not_believed() -> None:
    assert decode_wind(Sentence("WIMWV", ("214.8", "R", "0.1", "K", "V"))).speed.value is None


@pytest.mark.parametrize(
    ("field", "reason"), [("", "empty"), ("///", "not a number"), ("nan", "not a number")]
)
def test_a_field_without_a_number_has_a_reason_and_leaves_the_other_alone(field: str, reason: str) -> None:
    wind = decode_wind(Sentence("WIMWV", ("90", "T", field, "M", "A")))
    assert wind.angle.value == 90
    assert wind.speed.value is None
    assert reason in wind.speed.reason


@pytest.mark.parametrize(
    "fields",
    [
        "90,R,1.0,M",
        "90,R,1.0,M,A,D",
        "90,X,1.0,M,A",
        "90,R,1.0,Q,A",
        "90,R,1.0,,A",
        "90,R,1.0,M,",
        "90,R,1,M,B",
    ],
)
def test_what_mwv_does_not_know_is_no_wind(fields: str) -> None:
    with pytest.raises(Malformed):
        decode_wind(Sentence("WIMWV", tuple(fields.split(","))))


def test_a_transducer_sentence_says_each_one_with_its_letter_and_name() -> None:
    sentence = _sentence("$WIXDR,C,26.5,C,2,U,12.0,N,0*4B")
    heated, heater = decode_transducers(sentence)
    assert heated == Transducer("C", "26.5", "C", "2")
    assert heater.quantity == Quantity(Decimal("12.0"), "N")
    assert encode_transducers("WI", (heated, heater)) == sentence


def test_words_and_gaps_in_a_transducer_sentence_are_no_values() -> None:
    fields = ("C", "", "C", "0", "G", "HEL/___", "", "4", "P", "1009.5", "#", "0")
    temperature, information, pressure = decode_transducers(Sentence("WIXDR", fields))
    assert temperature.quantity == Quantity(None, "C", "an empty field")
    assert information.written == "HEL/___"
    assert information.quantity.value is None
    assert pressure.quantity.value is None


@pytest.mark.parametrize("fields", ["", "C,7,C", "C,7,C,0,U", "C,7,C,0,C,8,C,0"])
def test_a_transducer_sentence_of_broken_or_doubled_parts_is_refused(fields: str) -> None:
    with pytest.raises(Malformed):
        decode_transducers(Sentence("WIXDR", tuple(fields.split(","))))


@pytest.mark.parametrize("decode", [decode_wind, decode_transducers, decode_text])
def test_another_kind_of_sentence_is_not_read(decode: Callable[[Sentence], object]) -> None:
    with pytest.raises(Malformed):
        decode(Sentence("GPGGA", ("1", "2", "3", "4", "5")))


def test_a_query_goes_both_ways_and_is_answered_by_its_own_kind_only() -> None:
    assert encode_request(ASKED) == b"$IIWIQ,MWV*2F\r\n"
    feed_every_way(encode_request(ASKED), ASKED, take_request)
    feed_every_way(WIND, _sentence(COMPUTED[0]), lambda buffer: take_reply(buffer, ASKED))
    assert encode_reply(_sentence(COMPUTED[0])) == WIND
    for other in ("$WIXDR,C,26.5,C,2,U,12.0,N,0*4B", "$IIWIQ,MWV*2F"):
        buffer = bytearray(other.encode() + b"\r\n" + WIND)
        with pytest.raises(Malformed, match="does not answer"):
            take_reply(buffer, ASKED)
        assert take_reply(buffer, ASKED) == _sentence(COMPUTED[0])


def test_what_asks_nothing_is_no_query() -> None:
    with pytest.raises(Malformed, match="asks nothing"):
        take_request(bytearray(WIND))


@pytest.mark.parametrize("line", PRINTED[-2:])
def test_a_text_in_place_of_an_answer_is_a_refusal(line: str) -> None:
    with pytest.raises(Refusal, match="error"):
        take_reply(bytearray(line.encode() + b"\r\n"), ASKED)
    assert decode_text(_sentence(PRINTED[-2])) == Text("01", "01", "03", "Unknown cmd error")


@pytest.mark.parametrize(
    "noise", [b"\0", b"\xff\xff", b"$WIMWV,214.8,R", b"*28\n\r", b"x" * 1000, b"$" * 1000, b"$" + b"x" * 400]
)
def test_noise_before_a_sentence_costs_no_sentence(noise: bytes) -> None:
    buffer = bytearray(noise + WIND)
    dropped = b""
    while buffer != WIND:
        with pytest.raises(Malformed) as told:
            take_sentence(buffer)
        assert told.value.evidence
        dropped += told.value.evidence
    assert dropped == noise
    assert take_sentence(buffer) == _sentence(COMPUTED[0])


@pytest.mark.parametrize("length", range(len(WIND)))
def test_a_sentence_cut_off_waits_and_then_costs_itself_only(length: int) -> None:
    buffer = bytearray(WIND[:length])
    assert take_sentence(buffer) is None
    assert buffer == WIND[:length]
    buffer += WIND
    if length:
        with pytest.raises(Malformed):
            take_sentence(buffer)
    assert take_sentence(buffer) == _sentence(COMPUTED[0])


@pytest.mark.parametrize("line", COMPUTED + PRINTED)
def test_no_flipped_byte_makes_another_sentence(line: str) -> None:
    """A checksum digit in the other case proves the same characters; every other change is refused."""
    wire = line.encode() + b"\r\n"
    for at in range(len(wire)):
        for byte in set(range(256)) - {wire[at]}:
            buffer = bytearray(wire)
            buffer[at] = byte
            try:
                taken = take_sentence(buffer)
            except Malformed:
                continue
            same_digit = at in (len(wire) - 3, len(wire) - 4) and bytes([byte]).upper() == wire[at : at + 1]
            assert taken is None or (same_digit and taken == _sentence(line))


def test_a_checksum_may_be_left_out_where_the_dialect_says_so_but_never_be_wrong() -> None:
    bare = b"$WIMWD,120.0,T,118.0,M,3.9,N,2.0,M\r\n"  # Lufft WS manual 19.8.4, without a checksum
    with pytest.raises(Malformed, match="without a checksum"):
        take_sentence(bytearray(bare))
    sentence = take_sentence(bytearray(bare), Dialect(checksum=False))
    assert sentence is not None
    assert (sentence.talker, sentence.kind, sentence.fields[0]) == ("WI", "MWD", "120.0")
    for wrong in (b"*29", b"*2", b"*2G", b"*028", b"*"):
        with pytest.raises(Malformed):
            take_sentence(bytearray(WIND.replace(b"*28", wrong)), Dialect(checksum=False))


@pytest.mark.parametrize("body", [b"", b"WI", b"WI-MWV,1", b"WIMWV,1*2", b"WIMWV,\xb0"])
def test_a_right_checksum_does_not_make_a_sentence_of_anything(body: bytes) -> None:
    check = 0
    for byte in body:
        check ^= byte
    with pytest.raises(Malformed):
        take_sentence(bytearray(b"$%b*%02X\r\n" % (body, check)))


@pytest.mark.parametrize(
    ("address", "field"), [("WI", "1"), ("WIMWV", "1,2"), ("WIMWV", "$"), ("WIMWV", "°")]
)
def test_a_sentence_that_cannot_be_sent_is_not_built(address: str, field: str) -> None:
    with pytest.raises(ValueError, match=r"address|cannot stand"):
        Sentence(address, (field,))
