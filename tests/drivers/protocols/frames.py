"""Every frame with a check that manuals and the field gave us: its bytes, what they say, and who reads and writes them.

The bytes are transcribed, not made by a codec. A question and its answer are a row each.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from drivers.protocols import bayern_hessen, clink, modbus_rtu, modbus_tcp, nmea0183, sdi12
from drivers.protocols.bayern_hessen import ECOTECH_OLD, THERMO, DataQuery, Dialect, SetMode, Value
from drivers.protocols.clink import Answer, Command, Wire
from drivers.protocols.modbus import Point
from drivers.protocols.modbus import decode as decode_point
from drivers.protocols.modbus import encode as encode_point
from drivers.protocols.modbus_pdu import (
    ExceptionReply,
    ReadRequest,
    Request,
    WriteSingle,
    decode_reply,
    decode_request,
    encode_exception,
    encode_reply,
    encode_request,
)
from drivers.protocols.nmea0183 import Sentence
from drivers.protocols.sdi12_message import SendData, Values


class Frame(NamedTuple):
    """`take` finds `message` in `wire`, `encode` makes `wire` of `message`. `whose`: of which instrument."""

    whose: str
    wire: bytes
    message: object
    take: Callable[[bytearray], object]
    encode: Callable[[], bytes]


def _asked(wire: bytes, request: bayern_hessen.Request) -> Frame:
    return Frame(
        "Bayern-Hessen",
        wire,
        request,
        bayern_hessen.take_request,
        lambda: bayern_hessen.encode_request(request),
    )


def _answered(wire: bytes, query: DataQuery, dialect: Dialect, *values: Value) -> Frame:
    return Frame(
        "Bayern-Hessen",
        wire,
        values,
        lambda buffer: bayern_hessen.take_reply(buffer, query, dialect),
        lambda: bayern_hessen.encode_reply(query, values, dialect),
    )


def _thermo(address: int, number: str) -> Value:
    return Value(address, Decimal(number), status=3, failure=4, tail=("",))


BAYERN_HESSEN = (
    _asked(b"\x02DA\x0304", DataQuery()),
    _asked(b"\x02DA001\x0335", DataQuery("001")),
    _asked(b"\x02DA014\x0331", DataQuery("014")),
    _asked(b"\x02DA 14\x0321", DataQuery(" 14")),
    _asked(b"\x02DA097\x033A", DataQuery("097")),
    _asked(b"\x02ST843 K\x0352", SetMode("K", "843")),
    _asked(b"\x02ST001 M\x035A", SetMode("M", "001")),
    _asked(b"\x02ST001 N\x0359", SetMode("N", "001")),
    _asked(b"\x02ST001 K\x035C", SetMode("K", "001")),
    _answered(b"\x02MD01 001 +2578+01 03 04  \x0336", DataQuery("001"), THERMO, _thermo(1, "25.78")),
    _answered(
        b"\x02MD03 001 +2578+01 03 04  002 +5681+00 03 04  003 +1175+01 03 04  \x033C",
        DataQuery("001"),
        THERMO,
        _thermo(1, "25.78"),
        _thermo(2, "5.681"),
        _thermo(3, "11.75"),
    ),
    _answered(
        b"\x02MD01 097 +1532+02 40 00 000 00000000 \x0324",
        DataQuery("097"),
        ECOTECH_OLD,
        Value(97, Decimal("153.2"), status=0x40, tail=("000", "00000000")),
    ),
)


def _summed(wire: bytes, words: str, body: str) -> Frame:
    command, line = Command(words), Wire(checksum=True)
    return Frame(
        "C-Link",
        wire,
        Answer(command, (body,)),
        lambda buffer: clink.take_reply(buffer, command, line),
        lambda: clink.encode_reply(command, body, wire=line),
    )


C_LINK = (
    _summed(b"flags 00000000\nsum 03ad\r", "flags", "00000000"),
    _summed(b"so2 12.3 ppb\nsum 035a\r", "so2", "12.3 ppb"),
)


def _question(whose: str, wire: str, unit: int, request: Request) -> Frame:
    def take(buffer: bytearray) -> object:
        taken = modbus_rtu.take_request(buffer)
        return None if taken is None else (taken[0], decode_request(taken[1]))

    return Frame(
        whose,
        bytes.fromhex(wire),
        (unit, request),
        take,
        lambda: modbus_rtu.encode_frame(unit, encode_request(request)),
    )


def _said(
    unit: int, request: ReadRequest, read: Callable[[tuple[int, ...]], object]
) -> Callable[..., object]:
    def take(buffer: bytearray) -> object:
        pdu = modbus_rtu.take_reply(buffer, unit, request)
        reply = None if pdu is None else decode_reply(request, pdu)
        return read(reply) if isinstance(reply, tuple) else reply

    return take


def _number(whose: str, wire: str, unit: int, request: ReadRequest, value: float) -> Frame:
    """A float32 in the first two registers; the others are 0."""
    point = Point("number", "input", request.address, "float32", count=2)

    def encode() -> bytes:
        words = [*encode_point(point, value), *(0,) * (request.count - 2)]
        return modbus_rtu.encode_frame(unit, encode_reply(request, words))

    return Frame(
        whose,
        bytes.fromhex(wire),
        value,
        _said(unit, request, lambda words: decode_point(point, words[:2])),
        encode,
    )


def _refused(whose: str, wire: str, unit: int, request: ReadRequest, code: int) -> Frame:
    refusal = ExceptionReply(request.function, code)
    return Frame(
        whose,
        bytes.fromhex(wire),
        refusal,
        _said(unit, request, lambda words: words),
        lambda: modbus_rtu.encode_frame(unit, encode_exception(refusal)),
    )


_LIQUILINE, _SICK, _T300 = ReadRequest(3, 0, 4), ReadRequest(4, 1000, 2), ReadRequest(4, 18, 2)
MODBUS_RTU = (
    _question("Teledyne T300", "01 04 00 12 00 02 d1 ce", 1, _T300),
    _number("Teledyne T300", "01 04 04 41 48 00 00 6f ae", 1, _T300, 12.5),
    _question("Teledyne T300", "01 02 00 00 00 1b 38 01", 1, ReadRequest(2, 0, 27)),
    _question("Teledyne T300", "01 05 00 14 ff 00 cc 3e", 1, WriteSingle(5, 20, 1)),
    _refused("Teledyne T300", "01 84 02 c2 c1", 1, _T300, 2),
    _question("Liquiline", "f7 03 00 00 00 04 50 9f", 247, _LIQUILINE),
    _number("Liquiline", "f7 03 08 40 fb 33 33 00 00 00 00 c7 64", 247, _LIQUILINE, 7.849999904632568),
    _question("MARSIC300", "01 04 03 e8 00 02 f1 bb", 1, _SICK),
    _number("MARSIC300", "01 04 04 42 2a 00 00 ce 34", 1, _SICK, 42.5),
    _question("MARSIC300", "01 02 03 e8 00 05 38 79", 1, ReadRequest(2, 1000, 5)),
    _question("ADAM-6017", "01 03 00 00 00 08 44 0c", 1, ReadRequest(3, 0, 8)),
    _question("ioLogik E1240", "01 04 00 08 00 10 70 04", 1, ReadRequest(4, 8, 16)),
    _question("ioLogik E1240", "01 04 00 3c 00 08 31 c0", 1, ReadRequest(4, 60, 8)),
)
_EIGHT = modbus_tcp.Adu(1, 1, encode_request(ReadRequest(3, 0, 8)))
MODBUS_TCP = (
    Frame(
        "ADAM-6017",
        bytes.fromhex("00 01 00 00 00 06 01 03 00 00 00 08"),
        _EIGHT,
        modbus_tcp.take,
        lambda: modbus_tcp.encode(_EIGHT),
    ),
)
"""The only frame without a check: TCP has its own."""


def _sentence(line: str) -> Frame:
    address, *fields = line[1 : line.rindex("*")].split(",")
    sentence = Sentence(address, tuple(fields))
    return Frame(
        "weather and SDI-12",
        line.encode("ascii") + b"\r\n",
        sentence,
        nmea0183.take_sentence,
        lambda: nmea0183.encode_sentence(sentence),
    )


NMEA = tuple(
    _sentence(line)
    for line in (
        "$WIMWV,214.8,R,0.1,K,A*28",
        "$WIMWV,270,R,3.4,M,A*3C",
        "$WIMWV,084,R,10.4,N,A*04",
        "$WIMWV,,R,,M,V*37",
        "$WIXDR,C,26.5,C,2,U,12.0,N,0*4B",
    )
)


def _data(line: bytes, *values: str) -> Frame:
    request, reply = SendData("0", crc=True), Values("0", tuple(Decimal(value) for value in values))
    return Frame(
        "weather and SDI-12",
        line + b"\r\n",
        reply,
        lambda buffer: sdi12.take_reply(buffer, request),
        lambda: sdi12.encode_reply(request, reply),
    )


SDI_12 = (
    _data(b"0+3.14OqZ", "3.14"),
    _data(b"0+3.14+2.718IWO", "3.14", "2.718"),
    _data(b"0+3.14+2.718+1.414Ipz", "3.14", "2.718", "1.414"),
    _data(b"0+1.11+2.22+3.33+4.44+5.55+6.66I]q", "1.11", "2.22", "3.33", "4.44", "5.55", "6.66"),
    _data(b"0+7.77+8.88+9.99IvW", "7.77", "8.88", "9.99"),
)
CHECKED = (*BAYERN_HESSEN, *C_LINK, *MODBUS_RTU, *NMEA, *SDI_12)
FRAMES = (*CHECKED, *MODBUS_TCP)
