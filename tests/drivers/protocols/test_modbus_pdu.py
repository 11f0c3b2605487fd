"""Every function pinned to the worked example of section 6 of the application protocol specification."""

import pytest

from drivers.protocols import modbus_pdu as pdu

pytestmark = pytest.mark.pure


def bits(text: str) -> tuple[int, ...]:
    """'1100 1101' as in the specification: the first bit of each byte on the right."""
    return tuple(int(bit) for byte in text.split() for bit in reversed(byte))


# section, request, what it asks, reply, what it says
EXAMPLES = [
    (
        "6.1 discrete outputs 20-38",
        "01 00 13 00 13",
        pdu.ReadRequest(1, 19, 19),
        "01 03 cd 6b 05",
        bits("11001101 01101011 101"),
    ),
    (
        "6.2 discrete inputs 197-218",
        "02 00 c4 00 16",
        pdu.ReadRequest(2, 196, 22),
        "02 03 ac db 35",
        bits("10101100 11011011 110101"),
    ),
    (
        "6.3 holding registers 108-110",
        "03 00 6b 00 03",
        pdu.ReadRequest(3, 107, 3),
        "03 06 02 2b 00 00 00 64",
        (555, 0, 100),
    ),
    ("6.4 input register 9", "04 00 08 00 01", pdu.ReadRequest(4, 8, 1), "04 02 00 0a", (10,)),
    ("6.5 output 173 on", "05 00 ac ff 00", pdu.WriteSingle(5, 172, 1), "05 00 ac ff 00", (1,)),
    ("6.6 register 2 to 3", "06 00 01 00 03", pdu.WriteSingle(6, 1, 3), "06 00 01 00 03", (3,)),
    (
        "6.11 coils 20-29",
        "0f 00 13 00 0a 02 cd 01",
        pdu.WriteMany(15, 19, bits("11001101 01")),
        "0f 00 13 00 0a",
        bits("11001101 01"),
    ),
    (
        "6.12 registers 2-3",
        "10 00 01 00 02 04 00 0a 01 02",
        pdu.WriteMany(16, 1, (10, 258)),
        "10 00 01 00 02",
        (10, 258),
    ),
]
EXAMPLE = pytest.mark.parametrize(
    ("asked", "request_", "answered", "values"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES]
)


@EXAMPLE
def test_a_request_of_the_specification_goes_both_ways(
    asked: str, request_: pdu.Request, answered: str, values: tuple[int, ...]
) -> None:
    assert pdu.decode_request(bytes.fromhex(asked)) == request_
    assert pdu.encode_request(request_) == bytes.fromhex(asked)


@EXAMPLE
def test_a_reply_of_the_specification_goes_both_ways(
    asked: str, request_: pdu.Request, answered: str, values: tuple[int, ...]
) -> None:
    assert pdu.decode_reply(request_, bytes.fromhex(answered)) == values
    assert pdu.encode_reply(request_, values) == bytes.fromhex(answered)
    assert not isinstance(request_, pdu.DeviceIdRequest)
    assert pdu.reply_bytes(request_) == len(bytes.fromhex(answered))


def test_the_exception_of_section_7_is_a_refusal_and_not_a_value() -> None:
    request = pdu.decode_request(bytes.fromhex("01 04 a1 00 01"))
    reply = pdu.decode_reply(request, bytes.fromhex("81 02"))
    assert reply == pdu.ExceptionReply(1, 2)
    assert pdu.encode_exception(pdu.ExceptionReply(1, 2)) == bytes.fromhex("81 02")
    assert pdu.EXCEPTIONS[2] == "illegal data address"


@EXAMPLE
def test_a_reply_cut_anywhere_or_with_a_byte_too_many_is_malformed(
    asked: str, request_: pdu.Request, answered: str, values: tuple[int, ...]
) -> None:
    reply = bytes.fromhex(answered)
    for damaged in [*(reply[:end] for end in range(len(reply))), reply + b"\0"]:
        with pytest.raises(pdu.Malformed) as caught:
            pdu.decode_reply(request_, damaged)
        assert caught.value.evidence == damaged


@EXAMPLE
def test_a_request_cut_anywhere_is_malformed(
    asked: str, request_: pdu.Request, answered: str, values: tuple[int, ...]
) -> None:
    whole = bytes.fromhex(asked)
    for end in range(len(whole)):
        with pytest.raises(pdu.Malformed) as caught:
            pdu.decode_request(whole[:end])
        assert caught.value.evidence == whole[:end]


@pytest.mark.parametrize("other", ["04 02 00 0a", "03 04 00 0a 00 0b", "84 02", "03 02 00"])
def test_an_answer_to_another_question_is_never_taken(other: str) -> None:
    with pytest.raises(pdu.Malformed):
        pdu.decode_reply(pdu.ReadRequest(3, 0, 1), bytes.fromhex(other))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("07", 1),  # read exception status
        ("2b 0d 00", 1),  # an encapsulated transport that is not device identification
        ("03 00 00 00 00", 3),  # no register
        ("03 00 00 00 7e", 3),  # 126 registers
        ("01 00 00 07 d1", 3),  # 2001 coils
        ("05 00 00 12 34", 3),  # a coil that is neither on nor off
        ("0f 00 00 00 0a 01 ff", 3),  # ten coils in one byte
        ("10 00 00 00 02 04 00 01", 3),  # two registers announced, one sent
        ("10 00 00 00 00 00", 3),  # nothing to write
        ("2b 0e 05 00", 3),  # access 5
    ],
)
def test_a_wrong_request_knows_the_exception_that_a_slave_answers(asked: str, code: int) -> None:
    with pytest.raises(pdu.Malformed) as caught:
        pdu.decode_request(bytes.fromhex(asked))
    assert caught.value.code == code
    assert asked in str(caught.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: pdu.ReadRequest(5, 0, 1),
        lambda: pdu.ReadRequest(3, 65536, 1),
        lambda: pdu.WriteSingle(3, 0, 1),
        lambda: pdu.WriteSingle(5, 0, 2),
        lambda: pdu.WriteSingle(6, 0, 65536),
        lambda: pdu.WriteMany(6, 0, (1,)),
        lambda: pdu.WriteMany(16, 0, (65536,)),
        lambda: pdu.WriteMany(15, 0, (2,)),
        lambda: pdu.WriteMany(16, 0, (0,) * 124),
        lambda: pdu.DeviceIdRequest(0),
        lambda: pdu.encode_reply(pdu.ReadRequest(3, 0, 2), [1]),
        lambda: pdu.encode_reply(pdu.DeviceIdRequest(1)),
    ],
)
def test_a_message_cannot_be_built_wrong(build: object) -> None:
    assert callable(build)
    with pytest.raises(ValueError, match=r"\w"):
        build()


def test_a_device_identification_has_its_own_reader() -> None:
    with pytest.raises(TypeError):
        pdu.decode_reply(pdu.DeviceIdRequest(1), bytes.fromhex("2b 0e 01 01 00 00 00"))
