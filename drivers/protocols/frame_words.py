"""What a frame says, in the technician's words: Modbus by function, characters with their control characters named.

Nothing here refuses: what breaks the specification is said in words too. Whether a frame is the answer to a question
is the reader's to know; `answer_words` takes the question for the addresses, which an answer does not repeat.
"""

import struct
from typing import Final

from drivers.protocols.modbus_ascii import END, START, lrc
from drivers.protocols.modbus_pdu import (
    EXCEPTIONS,
    MAX_COUNT,
    DeviceIdRequest,
    ExceptionReply,
    Malformed,
    ReadRequest,
    Request,
    WriteMany,
    WriteSingle,
    decode_reply,
    decode_request,
    unpack_bits,
)
from drivers.protocols.modbus_rtu import crc16

TABLES: Final = {
    1: "coil",
    2: "discrete",
    3: "holding",
    4: "input",
    5: "coil",
    6: "holding",
    15: "coil",
    16: "holding",
}
SHOWN_VALUES: Final = 12
"""Of a long answer the first ones are enough for eyes; the bytes have all of them."""

_CONTROL: Final = tuple(
    "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI "  # noqa: SIM905 - one word each, in their order
    "DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US".split()
)


def text(octets: bytes) -> str:
    """Printable ASCII as it is, the others named: <STX>, <CR>, <0x9F>."""
    return "".join(_character(octet) for octet in octets)


def _character(octet: int) -> str:
    if octet < 0x20:
        return f"<{_CONTROL[octet]}>"
    return chr(octet) if octet < 0x7F else "<DEL>" if octet == 0x7F else f"<0x{octet:02X}>"


def request_words(pdu: bytes) -> str:
    """What is asked: `read holding 0..1`."""
    try:
        request = decode_request(pdu)
    except Malformed as malformed:
        return str(malformed)
    match request:
        case ReadRequest():
            return f"read {_where(request.function, request.address, request.count)}"
        case WriteSingle():
            return f"write {_where(request.function, request.address, 1)} = {request.value}"
        case WriteMany():
            where = _where(request.function, request.address, len(request.values))
            return f"write {where} = {_listed(request.values)}"
        case DeviceIdRequest():
            return "say what you are (identification)"


def question_words(framing: str, asked: bytes) -> str:
    """A whole question in a line; of a numbered frame (tcp, udp) what follows the header."""
    if framing == "characters":
        return text(asked)
    frame = asked
    if framing == "ascii":
        frame = ascii_message(asked)
    body = frame if framing in ("tcp", "udp") else frame[: -1 if framing == "ascii" else -2]
    if len(body) < 2:
        return asked.hex(" ").upper()
    return f"unit {body[0]}: {request_words(body[1:])}"


def answer_words(asked: bytes | None, pdu: bytes) -> str:
    """What is answered to the question `asked` (a PDU): `holding 0..1 = 16635 13107`, or the exception."""
    if len(pdu) == 2 and pdu[0] & 0x80:
        meaning = EXCEPTIONS.get(pdu[1], "not in the specification")
        return f"refuses function {pdu[0] & 0x7F}: exception {pdu[1]}, {meaning}"
    request = _asked(asked)
    if request is None or isinstance(request, DeviceIdRequest) or request.function != pdu[0]:
        return _answer_alone(pdu)
    try:
        values = decode_reply(request, pdu)
    except Malformed:
        return f"{_answer_alone(pdu)}: not the length of the answer to `{request_words(asked or b'')}`"
    assert not isinstance(values, ExceptionReply)
    if isinstance(request, ReadRequest):
        return f"{_where(request.function, request.address, request.count)} = {_listed(values)}"
    return f"confirms: {_where(request.function, request.address, len(values))} = {_listed(values)}"


def registers(asked: bytes | None, pdu: bytes) -> tuple[str, int, tuple[int, ...]] | None:
    """Table, first address and values of a good answer to a question that reads; None: it is something else."""
    request = _asked(asked)
    if not isinstance(request, ReadRequest):
        return None
    try:
        values = decode_reply(request, pdu)
    except Malformed:
        return None
    if isinstance(values, ExceptionReply):
        return None
    return TABLES[request.function], request.address, values


def crc_words(frame: bytes) -> str:
    """The verdict on an RTU frame's last two bytes."""
    right = crc16(frame[:-2]).to_bytes(2, "little")
    if frame[-2:] == right:
        return "CRC right"
    return f"CRC is {frame[-2:].hex(' ').upper()}, of these bytes it is {right.hex(' ').upper()}"


def lrc_words(message: bytes) -> str:
    """The verdict on the last byte of a Modbus ASCII frame, its digits taken as bytes."""
    return (
        "LRC right"
        if lrc(message) == 0
        else f"LRC is {message[-1]:02X}, of these bytes it is {lrc(message[:-1]):02X}"
    )


def ascii_message(frame: bytes) -> bytes:
    """The bytes that a Modbus ASCII frame's digits say, its LRC included; nothing when they are no digits."""
    try:
        return bytes.fromhex(frame.strip(START + END).decode("ascii"))
    except ValueError:
        return b""


def _asked(asked: bytes | None) -> Request | None:
    try:
        return decode_request(asked) if asked else None
    except Malformed:
        return None


def _answer_alone(pdu: bytes) -> str:
    """As far as an answer can be read without its question."""
    function, content = pdu[0], pdu[2:]
    if function in MAX_COUNT and len(pdu) >= 2 and pdu[1] == len(content):
        if function in (1, 2):
            return (
                f"{8 * len(content)} × {TABLES[function]} = {_listed(unpack_bits(content, 8 * len(content)))}"
            )
        if len(content) % 2 == 0:
            values = struct.unpack(f">{len(content) // 2}H", content)
            return f"{len(values)} × {TABLES[function]} = {_listed(values)}"
    return f"function {function}, {len(pdu)} bytes"


def _where(function: int, address: int, count: int) -> str:
    last = f"..{address + count - 1}" if count > 1 else ""
    return f"{TABLES[function]} {address}{last}"


def _listed(values: tuple[int, ...]) -> str:
    more = f" … {len(values)} in all" if len(values) > SHOWN_VALUES else ""
    return " ".join(map(str, values[:SHOWN_VALUES])) + more
