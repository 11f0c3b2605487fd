"""Bayern-Hessen: manuals' frames, makers' dialects, and lines that lie."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from drivers.protocols import bayern_hessen as bh
from drivers.protocols.bayern_hessen import (
    DIALECTS,
    ECOTECH_NEW,
    ECOTECH_OLD,
    HORIBA,
    TELEDYNE_TYPE_1,
    TELEDYNE_TYPE_2,
    THERMO,
    Addressing,
    DataQuery,
    Dialect,
    SetMode,
    Value,
)
from drivers.protocols.bayern_hessen_frame import Framing, encode_frame
from drivers.protocols.modbus_pdu import Malformed
from tests.drivers.protocols.feeding import feed_every_way

pytestmark = pytest.mark.pure

ANY, ANY_CR = DataQuery(), DataQuery(framing=Framing.CR)
REQUESTS: dict[str, tuple[bytes, bh.Request]] = {
    "any instrument": (b"\x02DA\x0304", ANY),
    "001": (b"\x02DA001\x0335", DataQuery("001")),
    "014": (b"\x02DA014\x0331", DataQuery("014")),
    "14 with a space": (b"\x02DA 14\x0321", DataQuery(" 14")),
    "097, printed in the Serinus manuals": (b"\x02DA097\x033A", DataQuery("097")),
    "843 to span, printed in the Serinus manuals": (b"\x02ST843 K\x0352", SetMode("K", "843")),
    "001 to measuring": (b"\x02ST001 M\x035A", SetMode("M", "001")),
    "001 to zero": (b"\x02ST001 N\x0359", SetMode("N", "001")),
    "001 to span": (b"\x02ST001 K\x035C", SetMode("K", "001")),
    "no check": (b"\x02DA\r", ANY_CR),
    "no check, no space": (b"\x02ST001K\r", SetMode("K", "001", Framing.CR, spaced=False)),
    "no check, no address": (b"\x02ST M\r", SetMode("M", framing=Framing.CR)),
    "question marks": (encode_frame("DA???", Framing.BCC), DataQuery("???")),
}


def _thermo(address: int, number: str, tail: str) -> Value:
    return Value(address, Decimal(number), 3, 4, (tail,))


S40 = "MD02 097 +1532+02 44 00 00000000 098 +4567-02 44 02 00000000 "
REPLIES: dict[str, tuple[bytes, DataQuery, Dialect, tuple[Value, ...]]] = {
    "Thermo, one value": (
        b"\x02MD01 001 +2578+01 03 04  \x0336",
        DataQuery("001"),
        THERMO,
        (_thermo(1, "25.78", ""),),
    ),
    "Thermo, three values": (
        b"\x02MD03 001 +2578+01 03 04  002 +5681+00 03 04  003 +1175+01 03 04  \x033C",
        ANY,
        THERMO,
        (_thermo(1, "25.78", ""), _thermo(2, "5.681", ""), _thermo(3, "11.75", "")),
    ),
    "Thermo 49i D-6, three values, no check": (
        b"\x02MD03 001 +2578+01 03 04 0000000000 002 +5681+00 03 04 0000000000 003 +1175+01 03 04 0000000000 \r",
        ANY_CR,
        THERMO,
        tuple(_thermo(place, n, "0" * 10) for place, n in ((1, "25.78"), (2, "5.681"), (3, "11.75"))),
    ),
    "Ecotech, 153.2 volumetric": (
        b"\x02MD01 097 +1532+02 40 00 000 00000000 \x0324",
        DataQuery("097"),
        ECOTECH_OLD,
        (Value(97, Decimal("153.2"), 0x40, 0, ("000", "00000000")),),
    ),
    "Ecotech, asked without an address": (
        encode_frame("MD01 +1532+02 40 00 000 00000000 ", Framing.BCC),
        ANY,
        ECOTECH_OLD,
        (Value(None, Decimal("153.2"), 0x40, 0, ("000", "00000000")),),
    ),
    "Serinus 40, two gases in span mode, the second with a failure": (
        encode_frame(S40, Framing.BCC),
        DataQuery("097"),
        ECOTECH_OLD,
        (
            Value(97, Decimal("153.2"), 0x44, 0, ("00000000",)),
            Value(98, Decimal("0.04567"), 0x44, 2, ("00000000",)),
        ),
    ),
    "Acoem, two gases of one instrument": (
        encode_frame("MD02 030 +2578+01 40 00 001 001234 030 -5384+06 42 20 002 001234 ", Framing.BCC),
        DataQuery("030"),
        ECOTECH_NEW,
        (
            Value(30, Decimal("25.78"), 0x40, 0, ("001", "001234")),
            Value(30, Decimal("-5384E+3"), 0x42, 0x20, ("002", "001234")),
        ),
    ),
    "Teledyne, in zero calibration, no check": (
        encode_frame("MD01 400 +4130+01 44 01 000 000000 ", Framing.CR),
        DataQuery("400", Framing.CR),
        TELEDYNE_TYPE_1,
        (Value(400, Decimal("41.30"), 0x44, 1, ("000", "000000")),),
    ),
    "Teledyne, three gases by their identifications, one word, TEXT": (
        encode_frame("MD03 310 +1250+01 6000 311 +4100+02 6000 312 +2090+01 6001 ", Framing.TEXT),
        DataQuery("311"),
        replace(TELEDYNE_TYPE_2, joined_status=True, framing=Framing.TEXT, tails=((),)),
        (
            Value(310, Decimal("12.50"), 0x60, 0),
            Value(311, Decimal("410.0"), 0x60, 0),
            Value(312, Decimal("20.90"), 0x60, 1),
        ),
    ),
    "Horiba, whole mantissas": (
        encode_frame(
            "MD03 011 +1234-02 00 00 000 000000 012 +0567-02 00 00 000 000000 013 +1801-02 02 00 000 000000 ",
            Framing.CR,
        ),
        ANY_CR,
        replace(HORIBA, tails=((3, 6),)),
        (
            Value(11, Decimal("12.34"), 0, 0, ("000", "000000")),
            Value(12, Decimal("5.67"), 0, 0, ("000", "000000")),
            Value(13, Decimal("18.01"), 2, 0, ("000", "000000")),
        ),
    ),
}
WHOLE_MANTISSAS_ARE_NORMALISED = {"Horiba, whole mantissas"}
CHECKED = {name: reply for name, reply in REPLIES.items() if reply[0].find(b"\x03") > 0}


def _take(query: DataQuery, dialect: Dialect) -> Callable[[bytearray], object]:
    return lambda buffer: bh.take_reply(buffer, query, dialect)


@pytest.mark.parametrize(("frame", "request_"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_goes_both_ways(frame: bytes, request_: bh.Request) -> None:
    assert bh.encode_request(request_) == frame
    feed_every_way(frame, request_, bh.take_request)


@pytest.mark.parametrize(("frame", "query", "dialect", "values"), REPLIES.values(), ids=REPLIES)
def test_a_reply_is_read(frame: bytes, query: DataQuery, dialect: Dialect, values: tuple[Value, ...]) -> None:
    feed_every_way(frame, values, _take(query, dialect))


@pytest.mark.parametrize("name", [name for name in REPLIES if name not in WHOLE_MANTISSAS_ARE_NORMALISED])
def test_a_reply_is_written(name: str) -> None:
    frame, query, dialect, values = REPLIES[name]
    assert bh.encode_reply(query, values, dialect) == frame


def test_noise_before_a_message_is_cut_off_and_shown() -> None:
    for frame, message in REQUESTS.values():
        buffer = bytearray(b"\x00\xfe" + frame + b"\xff")
        with pytest.raises(Malformed) as noise:
            bh.take_request(buffer)
        assert noise.value.evidence == b"\x00\xfe"
        assert bh.take_request(buffer) == message
        assert buffer == b"\xff"


def test_a_number_is_taken_exactly_as_it_was_written() -> None:
    (value,) = (
        bh.take_reply(bytearray(encode_frame("MD01 001 +0050-03 00 00  ", Framing.BCC)), ANY, THERMO) or ()
    )
    assert str(value.value) == "0.000050"


@pytest.mark.parametrize(
    ("number", "thousandths", "whole"),
    [
        ("25.78", "+2578+01", "+2578-02"),
        ("0.04567", "+4567-02", "+4567-05"),
        ("-5384000", "-5384+06", "-5384+03"),
        ("0", "+0000+00", "+0000+00"),
        ("99.996", "+1000+02", "+1000-01"),
        ("1.2345", "+1234+00", "+1234-03"),
    ],
)
def test_a_number_is_written_with_four_digits(number: str, thousandths: str, whole: str) -> None:
    values = [Value(1, Decimal(number))]
    assert thousandths.encode() in bh.encode_reply(ANY, values, THERMO)
    assert whole.encode() in bh.encode_reply(ANY, values, HORIBA)


def test_what_the_protocol_cannot_say_is_not_written() -> None:
    with pytest.raises(ValueError, match="two-digit exponent"):
        bh.encode_reply(ANY, [Value(1, Decimal("1e100"))], THERMO)
    with pytest.raises(ValueError, match="at most 99 values"):
        bh.encode_reply(ANY, [Value(1, Decimal(1))] * 100, ECOTECH_NEW)


def test_every_dialect_reads_what_it_writes() -> None:
    for dialect in DIALECTS.values():
        for query in (DataQuery("007"), DataQuery("007", Framing.CR), ANY):
            buffer = bytearray(bh.encode_reply(query, [Value(7, Decimal("-12.50"), 4, 1)], dialect))
            (value,) = bh.take_reply(buffer, query, dialect) or ()
            assert (value.address, value.value, value.word) == (7, Decimal("-12.50"), 0x0401)


def test_a_met_one_bam_sends_eleven_values_in_the_form_that_acoem_uses() -> None:
    """A transcript of a public reader of a BAM-1020, joined to the one line that came."""
    numbers = ("-1500-02 82 00", "+7116-01 82 00", "+0000+00 82 40", "+2099+01 82 00")
    line = "MD04 " + "".join(f"{place:03d} {number} 001 000000 " for place, number in enumerate(numbers, 1))
    bam = replace(ECOTECH_NEW, addressing=Addressing.RISING)
    values = bh.take_reply(bytearray(encode_frame(line, Framing.CR)), ANY_CR, bam) or ()
    assert [value.value for value in values] == [Decimal(n) for n in ("-0.01500", "0.7116", "0", "20.99")]
    assert [value.failure for value in values] == [0, 0, 0x40, 0]


def test_a_tail_glued_to_the_status_as_the_serinus_manual_prints_it() -> None:
    frame = encode_frame("MD01 097 +1532+02 40 00000 00000000 ", Framing.BCC)
    (value,) = bh.take_reply(bytearray(frame), DataQuery("097"), ECOTECH_OLD) or ()
    assert (value.failure, value.tail) == (0, ("000", "00000000"))


def test_an_instrument_that_reports_no_gas_gives_no_value() -> None:
    assert bh.take_reply(bytearray(encode_frame("MD00", Framing.BCC)), DataQuery("097"), ECOTECH_NEW) == ()


OTHERS = {
    "another address": ("MD01 098 +1532+02 40 00 001 001234 ", "097", ECOTECH_NEW),
    "the second gas is another's": (
        "MD02 097 +1532+02 40 00 001 001234 098 +1532+02 40 00 001 001234 ",
        "097",
        ECOTECH_NEW,
    ),
    "Thermo, not the next address": (
        "MD02 001 +2578+01 03 04  003 +2578+01 03 04  ",
        "001",
        THERMO,
    ),
    "Thermo, not rising": ("MD02 001 +2578+01 03 04  001 +2578+01 03 04  ", "", THERMO),
    "Serinus 40 of another": (S40, "098", ECOTECH_OLD),
    "none of the gases asked": ("MD01 310 +1250+01 60 00 000 000000 ", "311", TELEDYNE_TYPE_2),
    "no address though one was asked": ("MD01 +1532+02 40 00 000 00000000 ", "097", ECOTECH_OLD),
    "addressed and not": (
        "MD02 097 +1532+02 40 00 00000000 +1532+02 40 00 00000000 ",
        "",
        ECOTECH_OLD,
    ),
    "fewer values than announced": ("MD02 001 +2578+01 03 04  ", "001", THERMO),
    "more values than announced": ("MD01 001 +2578+01 03 04  002 +2578+01 03 04  ", "001", THERMO),
    "another maker's tail": ("MD01 097 +1532+02 40 00 000 00000000 ", "097", THERMO),
    "a mantissa of three digits": ("MD01 001 +257+01 03 04  ", "001", THERMO),
    "no sign": ("MD01 001 2578+01 03 04  ", "001", THERMO),
    "an exponent that nothing has": ("MD01 001 +2578+99 03 04  ", "001", THERMO),
    "a question": ("DA001", "001", THERMO),
}


@pytest.mark.parametrize(("line", "address", "dialect"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("framing", [Framing.BCC, Framing.CR])
def test_what_does_not_answer_the_question_is_no_value(
    line: str, address: str, dialect: Dialect, framing: Framing
) -> None:
    buffer = bytearray(encode_frame(line, framing) + b"\x02")
    with pytest.raises(Malformed):
        bh.take_reply(buffer, DataQuery(address, framing), dialect)
    assert buffer == b"\x02"


def test_without_addressing_any_instrument_counts() -> None:
    frame = encode_frame("MD01 098 +1532+02 40 00 001 001234 ", Framing.BCC)
    free = replace(ECOTECH_NEW, addressing=Addressing.FREE)
    assert bh.take_reply(bytearray(frame), DataQuery("097"), free)


@pytest.mark.parametrize("wild", ["", "000", "???"])
def test_any_instrument_may_answer_a_question_to_all(wild: str) -> None:
    frame = encode_frame("MD01 098 +1532+02 40 00 001 001234 ", Framing.BCC)
    assert bh.take_reply(bytearray(frame), DataQuery(wild), ECOTECH_NEW)


@pytest.mark.parametrize("wrong", ["1", "14", "0014", "a01", "?"])
def test_an_address_has_three_characters(wrong: str) -> None:
    with pytest.raises(ValueError, match="three digits"):
        DataQuery(wrong)
    with pytest.raises(ValueError, match="three digits"):
        SetMode("M", wrong)


def test_requests_that_nobody_understands() -> None:
    with pytest.raises(ValueError, match="M, N or K"):
        SetMode("X")
    with pytest.raises(ValueError, match="begin with STX"):
        DataQuery(framing=Framing.TEXT)
    for line in ("", "DA1", "da", "MD01", "ST001", "ST001 X", "DA001 "):
        with pytest.raises(Malformed):
            bh.take_request(bytearray(encode_frame(line, Framing.BCC)))


@pytest.mark.parametrize("name", CHECKED)
def test_no_flipped_byte_of_a_checked_reply_gives_a_value(name: str) -> None:
    frame, query, dialect, _ = REPLIES[name]
    for place in range(len(frame)):
        for changed in set(range(256)) - {frame[place]}:
            assert _values_in(frame[:place] + bytes((changed,)) + frame[place + 1 :], query, dialect) == []


@pytest.mark.parametrize("name", CHECKED)
def test_a_lost_byte_of_a_checked_reply_gives_no_value(name: str) -> None:
    frame, query, dialect, _ = REPLIES[name]
    for place in range(len(frame)):
        assert _values_in(frame[:place] + frame[place + 1 :], query, dialect) == []


@pytest.mark.parametrize("name", [name for name in REPLIES if name not in CHECKED])
def test_a_flipped_byte_without_a_check_raises_nothing_but_malformed(name: str) -> None:
    frame, query, dialect, _ = REPLIES[name]
    for place in range(len(frame)):
        for changed in range(256):
            _values_in(frame[:place] + bytes((changed,)) + frame[place + 1 :], query, dialect)


def _values_in(wire: bytes, query: DataQuery, dialect: Dialect) -> list[object]:
    """Everything that is taken from these bytes; every turn shortens the buffer or ends it."""
    buffer, found = bytearray(wire), list[object]()
    while True:
        before = len(buffer)
        try:
            taken = bh.take_reply(buffer, query, dialect)
        except Malformed:
            assert len(buffer) < before
            continue
        if taken is None:
            assert len(buffer) == before
            return found
        found.append(taken)


def test_a_message_cut_off_by_the_next_one_does_not_take_it_along() -> None:
    whole = b"\x02MD01 097 +1532+02 40 00 000 00000000 \x0324"
    for cut in range(1, len(whole)):
        assert len(_values_in(whole[:cut] + whole, DataQuery("097"), ECOTECH_OLD)) == 1, cut


def test_a_reply_in_text_mode_after_a_stray_carriage_return() -> None:
    frame, query, dialect, values = REPLIES["Teledyne, three gases by their identifications, one word, TEXT"]
    buffer = bytearray(b"\r" + frame)
    with pytest.raises(Malformed, match="an empty message"):
        bh.take_reply(buffer, query, dialect)
    assert bh.take_reply(buffer, query, dialect) == values


def test_a_message_that_never_ends_is_dropped_once_it_is_longer_than_any() -> None:
    buffer = bytearray(b"\x02" + b"x" * 1024)
    assert bh.take_reply(buffer, ANY, THERMO) is None
    buffer += b"xyz"
    with pytest.raises(Malformed, match="without an end") as told:
        bh.take_reply(buffer, ANY, THERMO)
    assert len(told.value.evidence) == 1026
    assert buffer == b"yz"
