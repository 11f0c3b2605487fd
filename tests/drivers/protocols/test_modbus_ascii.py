"""Modbus in characters, pinned to published frames, to the frames of RTU and to another implementation."""

import pytest
from pymodbus.framer import FramerAscii
from pymodbus.pdu import DecodePDU

from drivers.protocols import modbus_ascii, modbus_rtu
from drivers.protocols.modbus_pdu import (
    DeviceIdRequest,
    ExceptionReply,
    ReadRequest,
    WriteMany,
    WriteSingle,
    decode_reply,
    encode_request,
)
from tests.drivers.protocols.feeding import feed_every_way

pytestmark = pytest.mark.pure

READ = ReadRequest(3, 0, 4)
PUBLISHED = {
    "Modicon's registers 40108 to 40110 of unit 17": (b":1103006B00037E\r\n", 17, ReadRequest(3, 107, 3)),
    "0x1234 into register 0x405": (b":010604051234AA\r\n", 1, WriteSingle(6, 0x405, 0x1234)),
    "16 coils from address 2": (b":010100020010EC\r\n", 1, ReadRequest(1, 2, 16)),
}
"""Sources: 21ic forum 162927; cloud.tencent.com article 2398638; TG9541/stm8ef-modbus issue 7."""
RTU_FRAMES = {
    "Liquiline, request": "f7 03 00 00 00 04 50 9f",
    "Liquiline, pH 7.85 good": "f7 03 08 40 fb 33 33 00 00 00 00 c7 64",
    "T300, request": "01 04 00 12 00 02 d1 ce",
    "T300, 12.5 ppm": "01 04 04 41 48 00 00 6f ae",
    "T300, illegal address": "01 84 02 c2 c1",
    "T100, coil 20 on": "01 05 00 14 ff 00 cc 3e",
    "MARSIC300, 42.5": "01 04 04 42 2a 00 00 ce 34",
}


@pytest.mark.parametrize(("line", "unit", "request_"), PUBLISHED.values(), ids=PUBLISHED)
def test_a_published_request_goes_both_ways(
    line: bytes, unit: int, request_: ReadRequest | WriteSingle
) -> None:
    pdu = encode_request(request_)
    assert modbus_ascii.encode_frame(unit, pdu) == line
    feed_every_way(line, (unit, pdu), modbus_ascii.take_request)


@pytest.mark.parametrize("frame", RTU_FRAMES.values(), ids=RTU_FRAMES)
def test_the_same_message_as_rtu_in_the_characters_of_another_implementation(frame: str) -> None:
    unit, *pdu = bytes.fromhex(frame)[:-2]
    assert modbus_rtu.crc16(bytes.fromhex(frame)) == 0
    line = modbus_ascii.encode_frame(unit, bytes(pdu))
    assert line == FramerAscii(DecodePDU(True)).encode(bytes(pdu), unit, 0)
    feed_every_way(line, (unit, bytes(pdu)), modbus_ascii.take_request)


def test_the_reply_of_an_instrument_is_decoded_with_its_request() -> None:
    line = b":F7030840FB3333000000005D\r\n"
    feed_every_way(
        line,
        bytes.fromhex("03 08 40 fb 33 33 00 00 00 00"),
        lambda buffer: modbus_ascii.take_reply(buffer, 247, READ),
    )
    refusal = modbus_ascii.take_reply(bytearray(b":F7830284\r\n"), 247, READ)
    assert refusal is not None
    assert decode_reply(READ, refusal) == ExceptionReply(3, 2)


@pytest.mark.parametrize(
    ("unit", "pdu"),
    [
        (3, "03 08 40 fb 33 33 00 00 00 00"),
        (247, "04 08 40 fb 33 33 00 00 00 00"),
        (247, "03 08 40 fb 33 33 00 00 00"),
        (247, "03"),
        (247, "84 02"),
        (247, "83"),
    ],
    ids=["another unit", "another function", "too short", "nothing", "another refusal", "a refusal cut off"],
)
def test_an_answer_to_something_else_is_no_answer(unit: int, pdu: str) -> None:
    line = modbus_ascii.encode_frame(unit, bytes.fromhex(pdu))
    buffer = bytearray(line)
    with pytest.raises(modbus_ascii.Garbled, match="not an answer of unit 247 to function 3") as told:
        modbus_ascii.take_reply(buffer, 247, READ)
    assert told.value.evidence == line
    assert not buffer


def test_a_write_is_confirmed_and_a_device_identification_has_any_length() -> None:
    write = WriteMany(16, 1, (10, 258))
    confirmed = bytes.fromhex("10 00 01 00 02")
    assert modbus_ascii.take_reply(bytearray(modbus_ascii.encode_frame(7, confirmed)), 7, write) == confirmed
    told = bytes.fromhex("2b 0e 01 01 00 00 01 00 02 48 69")
    taken = modbus_ascii.take_reply(bytearray(modbus_ascii.encode_frame(7, told)), 7, DeviceIdRequest(1))
    assert taken == told


def test_small_letters_are_read_although_the_specification_has_capital_ones() -> None:
    assert modbus_ascii.take_request(bytearray(b":1103006b00037e\r\n")) == (
        17,
        bytes.fromhex("03 00 6b 00 03"),
    )


@pytest.mark.parametrize("noise", [b"\0", b"\r\n", b"03006B00037E\r\n", b":1103", b":"])
def test_noise_before_a_frame_is_cut_off_and_shown(noise: bytes) -> None:
    buffer = bytearray(noise + b":1103006B00037E\r\n")
    with pytest.raises(modbus_ascii.Garbled) as told:
        modbus_ascii.take_request(buffer)
    assert told.value.evidence == noise
    assert modbus_ascii.take_request(buffer) is not None
    assert not buffer


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b":1103006B00037F\r\n", "LRC should be 7E"),
        (b":1103006B00037\r\n", "pairs"),
        (b":11 03 00 6B 00 03 7E\r\n", "pairs"),
        (b":11EF\r\n", "pairs"),
        (b":\r\n", "pairs"),
        (b":1103006B00037E\n\r\n", "pairs"),
    ],
)
def test_a_damaged_frame_is_shown_whole(line: bytes, words: str) -> None:
    buffer = bytearray(line + b":11")
    with pytest.raises(modbus_ascii.Garbled, match=words) as told:
        modbus_ascii.take_request(buffer)
    assert told.value.evidence == line
    assert buffer == b":11"


def test_the_longest_frame_has_513_characters_and_a_longer_one_is_noise() -> None:
    longest = modbus_ascii.encode_frame(1, bytes(253))
    assert len(longest) == 513
    feed_every_way(longest, (1, bytes(253)), modbus_ascii.take_request)
    with pytest.raises(ValueError, match="253"):
        modbus_ascii.encode_frame(1, bytes(254))
    buffer = bytearray(b":" + b"0" * 512)
    with pytest.raises(modbus_ascii.Garbled, match="without an end"):
        modbus_ascii.take_request(buffer)
    assert not buffer


def test_an_unfinished_request_is_garbage_once_the_line_is_silent() -> None:
    buffer = bytearray(b":1103006B00037E\r")
    assert modbus_ascii.take_request(buffer) is None
    with pytest.raises(modbus_ascii.Garbled, match="without an end") as told:
        modbus_ascii.take_request(buffer, silent=True)
    assert told.value.evidence == b":1103006B00037E\r"
    assert modbus_ascii.take_request(buffer, silent=True) is None
