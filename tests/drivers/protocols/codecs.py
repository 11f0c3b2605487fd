"""Every taker of every codec, with whole messages: what torture and fuzz are run on. A new codec adds its rows."""

from drivers.protocols import line_text, modbus_ascii, modbus_rtu, modbus_tcp
from drivers.protocols.modbus_pdu import ReadRequest, WriteMany, encode_request
from tests.drivers.protocols.torture import Codec
from tests.drivers.protocols.wordings import BALANCE, THERMO, WIND

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
    Codec(
        "line text request",
        lambda buffer: line_text.take_request(buffer, THERMO),
        (line_text.encode_request(THERMO),),
    ),
    Codec(
        "line text reply, xor",
        lambda buffer: line_text.take_reply(buffer, WIND),
        (b"$WIMWV,214.8,R,0.1,K,A*28\r\n", b"$WIMWV,,R,,M,V*37\r\n"),
        checked=True,
    ),
    Codec(
        "line text reply, sum",
        lambda buffer: line_text.take_reply(buffer, THERMO),
        (b"so2 12.3 ppb\nsum 035A\r",),
        checked=True,
    ),
    Codec(
        "line text reply, no check",
        lambda buffer: line_text.take_reply(buffer, BALANCE),
        (b"\x02T7;-1,250;0;0\x03", b"\x02T7;----;0;2\x03"),
    ),
)
