"""Function 43/14: who are you?"""

import pytest

from drivers.protocols import modbus_device_id as device_id
from drivers.protocols.modbus_pdu import (
    MAX_PDU_BYTES,
    DeviceIdRequest,
    ExceptionReply,
    Malformed,
    decode_request,
    encode_request,
)

pytestmark = pytest.mark.pure

PLATE = {0: b"Company identification", 1: b"Product code XX", 2: b"V2.11"}


def test_the_request_of_section_6_21_goes_both_ways() -> None:
    assert decode_request(bytes.fromhex("2b 0e 01 00")) == DeviceIdRequest(1, 0)
    assert encode_request(DeviceIdRequest(1, 0)) == bytes.fromhex("2b 0e 01 00")


def test_the_basic_plate_of_section_6_21_is_one_answer() -> None:
    reply = device_id.encode(DeviceIdRequest(1), PLATE)
    assert reply.startswith(bytes.fromhex("2b 0e 01 83 00 00 03 00 16") + b"Company identification")
    assert reply.endswith(b"\x02\x05V2.11")
    assert device_id.decode(reply) == (PLATE, None)


def test_a_long_plate_comes_in_several_answers() -> None:
    plate = {key: bytes([65 + key]) * 120 for key in range(5)}
    collected: dict[int, bytes] = {}
    following: int | None = 0
    rounds = 0
    while following is not None:
        reply = device_id.encode(DeviceIdRequest(3, following), plate)
        assert len(reply) <= MAX_PDU_BYTES
        part = device_id.decode(reply)
        assert not isinstance(part, ExceptionReply)
        objects, following = part
        collected |= objects
        rounds += 1
    assert collected == plate
    assert rounds == 3


def test_one_object_is_asked_for_by_its_number_and_may_be_missing() -> None:
    assert device_id.decode(device_id.encode(DeviceIdRequest(4, 2), PLATE)) == ({2: b"V2.11"}, None)
    with pytest.raises(KeyError):
        device_id.encode(DeviceIdRequest(4, 9), PLATE)


def test_a_stream_from_an_unknown_object_begins_again() -> None:
    assert device_id.decode(device_id.encode(DeviceIdRequest(2, 77), PLATE)) == (PLATE, None)


def test_a_slave_without_a_plate_refuses() -> None:
    assert device_id.decode(b"\xab\x01") == ExceptionReply(0x2B, 1)


def test_a_damaged_plate_is_malformed_wherever_it_is_cut() -> None:
    reply = device_id.encode(DeviceIdRequest(1), PLATE)
    for damaged in [*(reply[:end] for end in range(len(reply))), reply + b"!"]:
        with pytest.raises(Malformed):
            device_id.decode(damaged)
