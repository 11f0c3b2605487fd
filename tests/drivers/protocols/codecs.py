"""Every taker of every codec, with whole messages: what torture and fuzz are run on. A new codec adds its rows."""

from drivers.protocols import modbus_ascii, modbus_rtu, modbus_tcp
from drivers.protocols.modbus_pdu import ReadRequest, WriteMany, encode_request
from tests.drivers.protocols.torture import Codec

_LIQUILINE_REPLY = bytes.fromhex("f7 03 08 40 fb 33 33 00 00 00 00 c7 64")
_RTU_REQUESTS = (
    bytes.fromhex("f7 03 00 00 00 04 50 9f"),
    bytes.fromhex("01 05 00 14 ff 00 cc 3e"),
    modbus_rtu.encode_frame(7, encode_request(WriteMany(16, 1, (10, 258)))),
)

CODECS: tuple[Codec, ...] = (
    Codec("modbus rtu request", modbus_rtu.take_request, _RTU_REQUESTS, checked=True),
    Codec(
        "modbus rtu reply",
        lambda buffer: modbus_rtu.take_reply(buffer, 247, ReadRequest(3, 0, 4)),
        (_LIQUILINE_REPLY, modbus_rtu.encode_frame(247, b"\x83\x02")),
        checked=True,
    ),
    Codec(
        "modbus ascii request",
        modbus_ascii.take_request,
        (b":1103006B00037E\r\n", b":010604051234AA\r\n", b":010100020010EC\r\n"),
        checked=True,
    ),
    Codec(
        "modbus ascii reply",
        lambda buffer: modbus_ascii.take_reply(buffer, 247, ReadRequest(3, 0, 4)),
        (modbus_ascii.encode_frame(247, _LIQUILINE_REPLY[1:-2]), modbus_ascii.encode_frame(247, b"\x83\x02")),
        checked=True,
    ),
    Codec(
        "modbus tcp",
        modbus_tcp.take,
        (
            bytes.fromhex("00 01 00 00 00 06 01 03 00 00 00 08"),
            bytes.fromhex("15 01 00 00 00 06 ff 04 00 04 00 01"),
        ),
        closes=True,
    ),
)
