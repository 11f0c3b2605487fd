"""Teledyne's words: the manual's line, warnings in between, and what is no answer."""

from decimal import Decimal

import pytest

from drivers.protocols import teledyne
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.teledyne import COMPUTER, TERMINAL, Measured, Message, Mode, Request, Unasked
from drivers.protocols.text import Refusal
from tests.drivers.protocols.feeding import feed_every_way

pytestmark = pytest.mark.pure

DCPS = Request("T", "DCPS")
POWER = b"T 194:11:29 0000 DCPS= 2500 MV\r\n"  # 300M p.75
MILLIVOLTS = Measured("DCPS", Decimal(2500), "MV")
FLOW_WARNING = b"W 194:11:29 0000 SAMPLE FLOW WARN\r\n"
MESSAGES: dict[str, tuple[bytes, Message]] = {
    "300M p.75": (POWER, Message("T", 194, 11, 29, 0, "DCPS= 2500 MV")),
    "no identification": (b"T 001:00:00 DCPS= 2500 MV\r\n", Message("T", 1, 0, 0, None, "DCPS= 2500 MV")),
    "a warning": (FLOW_WARNING, Message("W", 194, 11, 29, 0, "SAMPLE FLOW WARN")),
    "a calibration": (b"C 366:23:59 0300 FINISH ZERO\r\n", Message("C", 366, 23, 59, 300, "FINISH ZERO")),
}


@pytest.mark.parametrize(("frame", "message"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_goes_both_ways(frame: bytes, message: Message) -> None:
    assert teledyne.encode_message(message, TERMINAL) == frame
    feed_every_way(frame, message, teledyne.take_message)
    quiet = frame.replace(b"\r", b"")
    assert teledyne.encode_message(message, COMPUTER) == quiet
    feed_every_way(quiet, message, teledyne.take_message)


@pytest.mark.parametrize("mode", [TERMINAL, COMPUTER])
@pytest.mark.parametrize(
    "request_",
    [DCPS, Request("T", "LIST"), Request("W", "LIST"), Request("T", "O3", 400), Request("T", "SAMP FL", 7)],
)
def test_a_command_goes_both_ways(mode: Mode, request_: Request) -> None:
    frame = teledyne.encode_request(request_, mode)
    assert frame.endswith(b"\r" if mode is TERMINAL else b"\n")
    buffer = bytearray(frame[:-1])
    assert teledyne.take_request(buffer, mode) is None
    buffer += frame[-1:] + frame
    assert teledyne.take_request(buffer, mode) == request_
    assert teledyne.take_request(buffer, mode) == request_
    assert not buffer


def test_commands_as_they_are_typed() -> None:
    assert teledyne.encode_request(Request("T", "O3", 400), TERMINAL) == b"T 400 O3\r"
    assert teledyne.take_request(bytearray(b"\nt  0400  o3\r"), TERMINAL) == Request("T", "o3", 400)
    for line in (b"\r", b"X LIST\r", b"T\r", b"T 400\r", b"TLIST\r", b"T \xfe\r"):
        with pytest.raises(Malformed):
            teledyne.take_request(bytearray(line), TERMINAL)


@pytest.mark.parametrize(
    ("kind", "name", "id_"),
    [("X", "O3", None), ("T", "", None), ("T", "O3\r", None), ("T", "O3", 12345), ("T", "µ", None)],
)
def test_what_is_no_command_is_not_sent(kind: str, name: str, id_: int | None) -> None:
    with pytest.raises(ValueError, match="not a command"):
        Request(kind, name, id_)


VALUES = {
    "the manual's": (DCPS, POWER, "2500", "MV"),
    "line feed only": (DCPS, b"T 194:11:29 0000 DCPS= 2500 MV\n", "2500", "MV"),
    "repeated": (DCPS, b"T DCPS\r\nT 194:11:29 0000 DCPS= 2500 MV\r\n", "2500", "MV"),
    "repeated without a line feed": (DCPS, b"T DCPS\rT 194:11:29 0000 DCPS= 2500 MV\r\n", "2500", "MV"),
    "by identification": (Request("T", "O3", 400), b"T 194:11:29 0400 O3= 41.30 PPB\r\n", "41.30", "PPB"),
    "another name in the reply": (
        Request("T", "SAMPFLOW", label="SAMP FL", unit="CC/M"),
        b"T 194:11:29 0000 SAMP FL=  751 CC/M\r\n",
        "751",
        "CC/M",
    ),
    "negative, without a space": (Request("T", "NO"), b"T 194:11:29 0000 NO=-0.5 PPB\r\n", "-0.5", "PPB"),
    "without a unit": (Request("T", "SLOPE"), b"T 194:11:29 0000 SLOPE=1.024\r\n", "1.024", ""),
}


@pytest.mark.parametrize(("request_", "wire", "value", "unit"), VALUES.values(), ids=VALUES)
def test_a_value_is_read(request_: Request, wire: bytes, value: str, unit: str) -> None:
    found = Measured(request_.label or request_.name, Decimal(value), unit)
    buffer = bytearray(wire)
    assert teledyne.take_reply(buffer, request_) == found
    assert not buffer
    for cut in range(len(wire)):
        buffer = bytearray(wire[:cut])
        assert teledyne.take_reply(buffer, request_) is None
        assert buffer == wire[:cut]


@pytest.mark.parametrize("mode", [TERMINAL, COMPUTER])
def test_a_reply_is_written_as_it_is_read(mode: Mode) -> None:
    at = Message("T", 194, 11, 29, 400, "")
    for request in (Request("T", "O3", 400, unit="PPB"), Request("T", "SAMPFLOW", label="SAMP FL")):
        frame = teledyne.encode_reply(request, "41.30", at, mode)
        found = teledyne.take_reply(bytearray(frame), request)
        assert found == Measured(request.label or "O3", Decimal("41.30"), request.unit or "")
    assert (
        teledyne.encode_reply(Request("T", "DCPS", unit="MV"), "2500", at._replace(instrument_id=0), TERMINAL)
        == POWER
    )


OTHERS = {
    "a warning": FLOW_WARNING,
    "another test": b"T 194:11:29 0000 DCPSX= 2500 MV\r\n",
    "a variable of that name": b"V 194:11:29 0000 DCPS= 2500 MV\r\n",
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_what_nobody_asked_for_is_told_and_the_answer_still_comes(other: bytes) -> None:
    buffer = bytearray(other + POWER)
    with pytest.raises(Unasked) as told:
        teledyne.take_reply(buffer, DCPS)
    assert teledyne.encode_message(told.value.message, TERMINAL) == other
    assert teledyne.take_reply(buffer, DCPS) == MILLIVOLTS


@pytest.mark.parametrize("other", [POWER, b"T 194:11:29 DCPS= 2500 MV\r\n"])
def test_an_instrument_that_was_not_asked(other: bytes) -> None:
    with pytest.raises(Unasked):
        teledyne.take_reply(bytearray(other), Request("T", "DCPS", 400))


def test_another_unit_is_no_answer() -> None:
    with pytest.raises(Malformed, match="not PPB"):
        teledyne.take_reply(bytearray(b"T 194:11:29 0000 O3= 41.3 PPM\r\n"), Request("T", "O3", unit="PPB"))


@pytest.mark.parametrize("value", ["XXXX", "XXX.X"])
def test_a_concentration_that_the_instrument_does_not_have(value: str) -> None:
    with pytest.raises(Refusal, match="no value"):
        teledyne.take_reply(bytearray(f"T 194:11:29 0000 O3= {value} PPB\r\n".encode()), Request("T", "O3"))


@pytest.mark.parametrize("body", ["O3", "O3=", "O3= PPB", "O3= 12:30:01", "O3= nan PPB", "O3= 0x12"])
def test_a_test_without_a_number_is_no_value(body: str) -> None:
    with pytest.raises(Malformed):
        teledyne.take_reply(bytearray(f"T 194:11:29 0000 {body}\r\n".encode()), Request("T", "O3"))


def test_a_list_is_read_line_by_line() -> None:
    lines = b"T LIST\r\n" + POWER + b"\r\n" + b"T 194:11:29 0000 STABIL=0.3 PPB\r\n" + FLOW_WARNING
    buffer = bytearray(lines)
    found = [teledyne.take_message(buffer, echo="T LIST") for _ in range(4)]
    assert [message and message.body for message in found] == [
        "DCPS= 2500 MV",
        "STABIL=0.3 PPB",
        "SAMPLE FLOW WARN",
        None,
    ]
    assert teledyne.measured(found[1] or pytest.fail("no message")) == Measured(
        "STABIL", Decimal("0.3"), "PPB"
    )


@pytest.mark.parametrize(
    ("body", "flag"),
    [
        ("SAMPLE FLOW WARN", "instrument_fault"),
        ("PHOTO TEMP WARNING", "instrument_fault"),
        ("SYSTEM RESET", None),
        ("CONC ALARM 2 WARN", None),
        ("words of a later model", "instrument_fault"),
    ],
)
def test_a_warning_is_a_fault_unless_it_is_known_not_to_be(body: str, flag: str | None) -> None:
    assert teledyne.warning_flag(Message("W", 194, 11, 29, 0, body)) == flag
    with pytest.raises(ValueError, match="no warning"):
        teledyne.warning_flag(Message("T", 194, 11, 29, 0, body))


@pytest.mark.parametrize(
    "line",
    [
        b"T 000:11:29 0000 DCPS= 2500 MV",
        b"T 367:11:29 0000 DCPS= 2500 MV",
        b"T 194:24:29 0000 DCPS= 2500 MV",
        b"T 194:11:60 0000 DCPS= 2500 MV",
        b"t 194:11:29 0000 DCPS= 2500 MV",
        b"X 194:11:29 0000 DCPS= 2500 MV",
        b"T 194:11 0000 DCPS= 2500 MV",
        b"T 194:11:29 0000",
        b"T 194:11:29 0000 DCPS= 25\r00 MV",
        b"x\rT 194:11:29 0000 DCPS= 2500 MV",
        b"xT 194:11:29 0000 DCPS= 2500 MV",
        b"DCPS= 2500 MV",
        b"T DCPS\r\nT DCPS",
    ],
)
def test_what_is_no_message(line: bytes) -> None:
    with pytest.raises(Malformed) as told:
        teledyne.take_reply(bytearray(line + b"\r\n"), DCPS)
    assert not isinstance(told.value, Unasked)


def _values_in(wire: bytes, request: Request) -> list[Measured]:
    """Everything that is taken from these bytes; every turn shortens the buffer or ends it."""
    buffer, found = bytearray(wire), list[Measured]()
    while True:
        before = len(buffer)
        try:
            taken = teledyne.take_reply(buffer, request)
            if taken is None:
                assert len(buffer) == before
                return found
            found.append(taken)
        except Malformed:
            pass
        assert len(buffer) < before


def test_a_flipped_byte_raises_nothing_but_malformed_and_never_changes_name_or_unit() -> None:
    request, first = Request("T", "DCPS", 0, unit="MV"), POWER.index(b"2500")
    for place in range(len(POWER)):
        for changed in range(256):
            found = _values_in(POWER[:place] + bytes((changed,)) + POWER[place + 1 :], request)
            assert all((value.name.upper(), value.unit.upper()) == ("DCPS", "MV") for value in found)
            if not first - 1 <= place < first + 4:  # the digits, and the space where a sign would stand
                assert {value.value for value in found} <= {Decimal(2500)}


def test_a_command_as_it_was_typed_is_skipped_when_it_is_repeated() -> None:
    assert teledyne.take_reply(bytearray(b"\r\nt  dcps \r\n" + POWER), DCPS) == MILLIVOLTS
    buffer = bytearray(b"T DCPS\r\nT DCPS\r\n" + POWER)
    with pytest.raises(Malformed, match="not a message"):
        teledyne.take_reply(buffer, DCPS)
    assert teledyne.take_reply(buffer, DCPS) == MILLIVOLTS
