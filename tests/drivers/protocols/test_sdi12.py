"""SDI-12: the specification's transcripts, both directions, with echoing adapters and late neighbours."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.sdi12 import (
    encode_reply,
    encode_request,
    encode_service_request,
    take_reply,
    take_request,
    take_service_request,
)
from drivers.protocols.sdi12_crc import crc_of
from drivers.protocols.sdi12_message import (
    Acknowledge,
    AddressQuery,
    Announced,
    ChangeAddress,
    Here,
    Identify,
    Identity,
    Measure,
    ReadContinuous,
    Reply,
    Request,
    SendData,
    Values,
    Verify,
)
from drivers.protocols.text import Refusal

pytestmark = pytest.mark.pure


def _values(*words: str) -> Values:
    return Values("0", tuple(Decimal(word) for word in words))


COMMANDS: dict[bytes, Request] = {
    b"?!": AddressQuery(),
    b"0!": Acknowledge("0"),
    b"0I!": Identify("0"),
    b"0A5!": ChangeAddress("0", "5"),
    b"zV!": Verify("z"),
    b"0M!": Measure("0"),
    b"0M9!": Measure("0", variant=9),
    b"0MC!": Measure("0", crc=True),
    b"0MC1!": Measure("0", crc=True, variant=1),
    b"0C!": Measure("0", concurrent=True),
    b"0CC!": Measure("0", concurrent=True, crc=True),
    b"0CC3!": Measure("0", concurrent=True, crc=True, variant=3),
    b"0D0!": SendData("0", 0),
    b"0D9!": SendData("0", 9),
    b"0R0!": ReadContinuous("0", 0),
    b"0RC7!": ReadContinuous("0", 7, crc=True),
}
TRANSCRIPTS: list[tuple[Request, bytes, Reply]] = [
    (AddressQuery(), b"0", Here("0")),
    (Acknowledge("a"), b"a", Here("a")),
    (ChangeAddress("0", "5"), b"5", Here("5")),
    (
        Identify("0"),
        b"013NRSYSINC1000001.2101",
        Identity("0", "13", "NRSYSINC", "100000", "1.2", "101"),
    ),  # CR1000
    (Identify("0"), b"013CSI451.Std.01_12345678", Identity("0", "13", "CSI451.S", "td.01_", "123", "45678")),
    (Measure("5"), b"50041", Announced("5", 4, 1)),
    (Measure("0", crc=True), b"00053", Announced("0", 5, 3)),
    (Measure("5", concurrent=True), b"500410", Announced("5", 4, 10)),  # CR1000 manual, page 270
    (Measure("a", concurrent=True, crc=True), b"a06016", Announced("a", 60, 16)),
    (Verify("0"), b"00000", Announced("0", 0, 0)),
    (SendData("0"), b"0+3.14-2.7", _values("3.14", "-2.7")),
    (SendData("0", 5), b"0+5.0", _values("5.0")),  # MRC-565 specifications, page 99
    (SendData("0"), b"0+.5-7.+0-1234567", _values(".5", "-7", "0", "-1234567")),
    (ReadContinuous("0"), b"0+0.001+24.3", _values("0.001", "24.3")),
    # the specification's examples of CRC
    (SendData("0", crc=True), b"0+3.14OqZ", _values("3.14")),
    (SendData("0", crc=True), b"0+3.14+2.718IWO", _values("3.14", "2.718")),
    (SendData("0", crc=True), b"0+3.14+2.718+1.414Ipz", _values("3.14", "2.718", "1.414")),
    (
        SendData("0", crc=True),
        b"0+1.11+2.22+3.33+4.44+5.55+6.66I]q",
        _values("1.11", "2.22", "3.33", "4.44", "5.55", "6.66"),
    ),
    (ReadContinuous("0", crc=True), b"0+7.77+8.88+9.99IvW", _values("7.77", "8.88", "9.99")),
]
DATA = SendData("0", crc=True)
PROVEN = b"0+3.14+2.718IWO\r\n"


def _taking(request: Request) -> Callable[[bytearray], Reply | None]:
    return lambda buffer: take_reply(buffer, request)


@pytest.mark.parametrize(("wire", "request_"), COMMANDS.items())
def test_a_command_goes_both_ways(wire: bytes, request_: Request) -> None:
    assert encode_request(request_) == wire
    buffer = bytearray()
    for byte in wire[:-1]:
        buffer.append(byte)
        assert take_request(buffer) is None
        assert wire.startswith(buffer)
    assert take_request(bytearray(wire)) == request_


@pytest.mark.parametrize(("request_", "line", "reply"), TRANSCRIPTS)
def test_an_answer_is_heard_whole_byte_by_byte_and_behind_its_echo(
    request_: Request, line: bytes, reply: Reply
) -> None:
    wire = line + b"\r\n"
    buffer = bytearray()
    for byte in wire[:-1]:
        buffer.append(byte)
        assert take_reply(buffer, request_) is None
        assert wire.startswith(buffer)
    for echo in (b"", encode_request(request_), encode_request(request_) + b"\r\n"):
        slowly = bytearray()
        for byte in (echo + wire)[:-1]:
            slowly.append(byte)
            assert take_reply(slowly, request_) is None
        slowly += wire[-1:] + b"next"
        assert take_reply(slowly, request_) == reply
        assert slowly == b"next"


@pytest.mark.parametrize(("request_", "line", "reply"), TRANSCRIPTS)
def test_an_answer_is_said_as_it_is_heard(request_: Request, line: bytes, reply: Reply) -> None:
    said = encode_reply(request_, reply)
    assert take_reply(bytearray(said), request_) == reply
    if line != b"0+.5-7.+0-1234567":
        assert said == line + b"\r\n"


def test_numbers_keep_their_zeros() -> None:
    answer = take_reply(bytearray(b"0+3.140-0.50\r\n"), SendData("0"))
    assert isinstance(answer, Values)
    assert [str(value) for value in answer.values] == ["3.140", "-0.50"]


def test_a_crc_may_end_with_a_character_that_cannot_be_printed() -> None:
    number = next(n for n in range(10_000) if crc_of(b"0+%d" % n)[2] == 0x7F)
    request = SendData("0", crc=True)
    answer = _values(str(number))
    assert take_reply(bytearray(encode_reply(request, answer)), request) == answer


def test_the_service_request_is_heard_and_nothing_else_is_taken_for_it() -> None:
    assert encode_service_request("0") == b"0\r\n"
    buffer = bytearray(b"0")
    assert take_service_request(buffer, "0") is None
    buffer += b"\r\n1\r\n0+3.14\r\n"
    assert take_service_request(buffer, "0") == Here("0")
    for _ in range(2):
        with pytest.raises(Malformed, match="service request"):
            take_service_request(buffer, "0")
    assert not buffer


REFUSED: list[tuple[Request, bytes, str]] = [
    (SendData("0"), b"0", "no data"),
    (SendData("0", crc=True), b"0", "no data"),
    (SendData("0", crc=True), b"0" + crc_of(b"0"), "no data"),
    (ReadContinuous("0"), b"0", "no data"),
    (Measure("0", variant=4), b"00000", "no values"),
    (Measure("0", concurrent=True), b"000000", "no values"),
    (ChangeAddress("0", "5"), b"0", "keeps its address"),
]


@pytest.mark.parametrize(("request_", "line", "reason"), REFUSED)
def test_the_sensor_says_no(request_: Request, line: bytes, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        take_reply(bytearray(line + b"\r\n"), request_)


STRAY: list[tuple[Request, bytes]] = [
    (Measure("0"), b"10053"),  # another sensor
    (Measure("0"), b"000512"),  # of a concurrent measurement
    (Measure("0", concurrent=True), b"00053"),
    (Measure("0"), b"0+3.14"),  # late
    (Measure("0"), b"0"),
    (Measure("0"), b"0005\xb3"),
    (SendData("0"), b"00053"),
    (SendData("0"), b"1+3.14"),
    (SendData("0"), b"0+3.14OqZ"),  # a CRC nobody asked for
    (SendData("0"), b"03.14"),
    (SendData("0"), b"0+3.14,2"),
    (SendData("0"), b"0+3.1.4"),
    (SendData("0"), b"0+-3"),
    (SendData("0"), b"0+"),
    (SendData("0"), b"0+."),
    (SendData("0"), b"0+nan"),
    (SendData("0"), b"0+1E3"),
    (SendData("0"), b"0+12345678"),
    (SendData("0"), b"0" + b"+1.2345" * 6),  # 42 characters behind a measurement that may give 35
    (ReadContinuous("0"), b"0" + b"+1.2345" * 11),
    (SendData("0", crc=True), b"0+3.14"),
    (SendData("0", crc=True), b"0+3.14OqY"),
    (SendData("0", crc=True), b"1+3.14" + crc_of(b"1+3.14")),
    (Identify("0"), b"013CSI"),
    (Identify("0"), b"0x3NRSYSINC1000001.2"),
    (Acknowledge("0"), b"1"),
    (Acknowledge("0"), b"00"),
    (AddressQuery(), b"+"),
    (AddressQuery(), b"?"),
    (ChangeAddress("0", "5"), b"1"),
]


@pytest.mark.parametrize(("request_", "line"), STRAY)
def test_what_does_not_answer_is_malformed_and_the_answer_behind_it_is_heard(
    request_: Request, line: bytes
) -> None:
    buffer = bytearray(line + b"\r\n" + encode_reply(DATA, _values("3.14")))
    with pytest.raises(Malformed) as told:
        take_reply(buffer, request_)
    assert not isinstance(told.value, Refusal)
    assert take_reply(buffer, DATA) == _values("3.14")


def test_an_answer_may_be_longer_after_a_concurrent_measurement() -> None:
    line = b"0" + b"+1.2345" * 10 + b"\r\n"
    answer = take_reply(bytearray(line), SendData("0", concurrent=True))
    assert isinstance(answer, Values)
    assert len(answer.values) == 10


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (SendData("0"), _values(*["1.2345"] * 6)),
        (SendData("0"), _values("12345678")),
        (SendData("0"), _values("NaN")),
        (Measure("0"), Announced("0", 1000, 1)),
        (Measure("0"), Announced("0", 1, 10)),
        (Measure("0"), Here("0")),
        (Acknowledge("0"), Here("1")),
        (Acknowledge("0"), Announced("0", 1, 1)),
        (Identify("0"), Identity("0", "1.4", "TRAM", "SIM", "1")),
    ],
)
def test_what_cannot_be_said_is_not_said(request_: Request, reply: Reply) -> None:
    with pytest.raises(ValueError, match="does not answer"):
        encode_reply(request_, reply)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Acknowledge("?"),
        lambda: Acknowledge("00"),
        lambda: ChangeAddress("0", ""),
        lambda: SendData("0", 10),
        lambda: Measure("0", variant=10),
        lambda: ReadContinuous("é", 0),
    ],
)
def test_what_cannot_be_asked_is_not_built(build: Callable[[], Request]) -> None:
    with pytest.raises(ValueError, match=r"address|0\.\.9"):
        build()


@pytest.mark.parametrize(
    "noise", [b"\0", b"\0\0\xff", b"\r\n", b"0+3.14-2.7\r\n", b"0" + b"+1.2345" * 10 + b"IWO\r\n"]
)
def test_a_sensor_hears_its_command_behind_a_break_or_a_neighbours_answer(noise: bytes) -> None:
    buffer = bytearray(noise + b"1D0!")
    with pytest.raises(Malformed) as told:
        take_request(buffer)
    assert told.value.evidence == noise
    assert take_request(buffer) == SendData("1", 0)
    assert not buffer


@pytest.mark.parametrize(
    "command", [b"!", b"?I!", b"0X!", b"0M0!", b"0D!", b"0D10!", b"0HA!", b"0m!", b"00!", b"0 M!"]
)
def test_a_command_that_is_not_spoken_here_costs_itself_only(command: bytes) -> None:
    buffer = bytearray(command + b"0M!")
    with pytest.raises(Malformed):
        take_request(buffer)
    assert take_request(buffer) == Measure("0")


@pytest.mark.parametrize("noise", [b"\0", b"\r\n", b"\xff\x80\x01"])
def test_noise_before_an_answer_is_cut_off_and_shown(noise: bytes) -> None:
    buffer = bytearray(noise + b"0D0!" + PROVEN)
    with pytest.raises(Malformed) as told:
        take_reply(buffer, DATA)
    assert told.value.evidence == noise
    assert take_reply(buffer, DATA) == _values("3.14", "2.718")


def test_no_flipped_byte_passes_the_crc() -> None:
    for at in range(len(PROVEN)):
        for byte in set(range(256)) - {PROVEN[at]}:
            buffer = bytearray(PROVEN)
            buffer[at] = byte
            with suppress(Malformed):
                assert take_reply(buffer, DATA) is None
            with suppress(Malformed):
                assert take_reply(buffer, DATA) is None


@pytest.mark.parametrize(("request_", "line", "reply"), TRANSCRIPTS)
def test_a_flipped_byte_raises_nothing_but_malformed(request_: Request, line: bytes, reply: Reply) -> None:
    for at in range(len(line)):
        for byte in range(256):
            buffer = bytearray(line + b"\r\n")
            buffer[at] = byte
            with suppress(Malformed):
                take_reply(buffer, request_)


@pytest.mark.parametrize("length", range(len(PROVEN)))
def test_an_answer_cut_off_waits_and_costs_the_next_at_most(length: int) -> None:
    buffer = bytearray(PROVEN[:length])
    assert take_reply(buffer, DATA) is None
    assert buffer == PROVEN[:length]
    buffer += PROVEN * 2
    heard = []
    for _ in range(4):
        with suppress(Malformed):
            heard.append(take_reply(buffer, DATA))
    assert [one for one in heard if one] in ([_values("3.14", "2.718")], [_values("3.14", "2.718")] * 2)
