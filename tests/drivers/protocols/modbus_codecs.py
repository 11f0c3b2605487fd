"""Modbus under torture, from the frame to the value: RTU, ASCII, TCP, device identification."""

from collections.abc import Callable

from drivers.protocols import modbus_ascii, modbus_device_id, modbus_rtu, modbus_tcp
from drivers.protocols.modbus import Point, decode
from drivers.protocols.modbus_pdu import (
    DeviceIdRequest,
    ExceptionReply,
    ReadRequest,
    WriteMany,
    decode_reply,
    decode_request,
    encode_request,
)
from tests.drivers.protocols.torture import Codec

_LIQUILINE_REPLY = bytes.fromhex("f7 03 08 40 fb 33 33 00 00 00 00 c7 64")
_PH, _FOUR = Point("ph", "holding", 0, "float32", count=2), ReadRequest(3, 0, 4)
_COILS = ReadRequest(2, 1000, 5)
_RTU_REQUESTS = (
    bytes.fromhex("f7 03 00 00 00 04 50 9f"),
    bytes.fromhex("01 05 00 14 ff 00 cc 3e"),
    modbus_rtu.encode_frame(7, encode_request(WriteMany(16, 1, (10, 258)))),
)
_WHO = DeviceIdRequest(1, 0)
_IDENTITY = modbus_device_id.encode(_WHO, {0: b"Vaisala", 1: b"HMP", 2: b"1.0"})


def _question(buffer: bytearray) -> object:
    taken = modbus_rtu.take_request(buffer)
    return None if taken is None else (taken[0], decode_request(taken[1]))


def _values(request: ReadRequest, read: Callable[[tuple[int, ...]], object]) -> Callable[[bytearray], object]:
    def take(buffer: bytearray) -> object:
        pdu = modbus_rtu.take_reply(buffer, 247, request)
        if pdu is None:
            return None
        words = decode_reply(request, pdu)
        return words if isinstance(words, ExceptionReply) else read(words)

    return take


def _identity(buffer: bytearray) -> object:
    pdu = modbus_ascii.take_reply(buffer, 7, _WHO)
    return None if pdu is None else modbus_device_id.decode(pdu)


MODBUS = (
    Codec("modbus rtu request", modbus_rtu.take_request, _RTU_REQUESTS, checked=True, most_kept=256),
    Codec("modbus question", _question, _RTU_REQUESTS, checked=True, most_kept=256),
    Codec(
        "modbus rtu reply",
        lambda buffer: modbus_rtu.take_reply(buffer, 247, _FOUR),
        (_LIQUILINE_REPLY, modbus_rtu.encode_frame(247, b"\x83\x02")),
        checked=True,
        most_kept=512,
    ),
    Codec(
        "modbus value",
        _values(_FOUR, lambda words: decode(_PH, words[:2])),
        (_LIQUILINE_REPLY, modbus_rtu.encode_frame(247, b"\x83\x02")),
        checked=True,
        most_kept=512,
    ),
    Codec(
        "modbus bits",
        _values(_COILS, lambda bits: bits),
        (modbus_rtu.encode_frame(247, b"\x02\x01\x15"),),
        checked=True,
        most_kept=512,
    ),
    Codec(
        "modbus ascii request",
        modbus_ascii.take_request,
        (b":1103006B00037E\r\n", b":010604051234AA\r\n", b":010100020010EC\r\n"),
        checked=True,
        most_kept=513,
    ),
    Codec(
        "modbus ascii reply",
        lambda buffer: modbus_ascii.take_reply(buffer, 247, _FOUR),
        (modbus_ascii.encode_frame(247, _LIQUILINE_REPLY[1:-2]), modbus_ascii.encode_frame(247, b"\x83\x02")),
        checked=True,
        most_kept=513,
    ),
    Codec(
        "modbus device identification",
        _identity,
        (modbus_ascii.encode_frame(7, _IDENTITY), modbus_ascii.encode_frame(7, b"\xab\x01")),
        checked=True,
        most_kept=513,
    ),
    Codec(
        "modbus tcp",
        modbus_tcp.take,
        (
            bytes.fromhex("00 01 00 00 00 06 01 03 00 00 00 08"),
            bytes.fromhex("15 01 00 00 00 06 ff 04 00 04 00 01"),
        ),
        closes=True,
        most_kept=260,
    ),
)
