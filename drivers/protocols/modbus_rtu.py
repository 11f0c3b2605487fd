"""Modbus RTU: unit, PDU, CRC. Both directions, without measuring silence.

Source: MODBUS over Serial Line Specification V1.02, section 2.5.1 and appendix B.
A frame's end is told by its function and length, and proved by its CRC: USB adapters (16 ms latency timer)
and TCP tunnels destroy the silence of 1.5 and 3.5 characters that the specification uses. Only a function
whose length nobody knows has to wait for silence; whoever owns the clock says so with `silent`.

Garbled means that the noise is gone from the buffer and that the next call goes on behind it.
"""

from drivers.protocols.modbus_pdu import (
    ENCAPSULATED,
    READ_DEVICE_ID,
    WRITE_COILS,
    WRITE_REGISTERS,
    Malformed,
    ReadRequest,
    WriteMany,
    WriteSingle,
    reply_bytes,
)

MAX_FRAME_BYTES = 256
_NOT_A_FRAME = 0
_UNKNOWN = -1


class Garbled(Malformed):
    """Bytes that are no frame; they were removed from the buffer and are in `evidence`."""


def _crc_row(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC = tuple(_crc_row(byte) for byte in range(256))


def crc16(frame: bytes | bytearray | memoryview) -> int:
    """CRC of the bytes; on the wire the low byte goes first. Over a whole frame with its CRC it is 0."""
    crc = 0xFFFF
    for byte in frame:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def encode_frame(unit: int, pdu: bytes) -> bytes:
    """The bytes of one frame. `unit` 0 is broadcast."""
    frame = bytes((unit,)) + pdu
    return frame + crc16(frame).to_bytes(2, "little")


def _request_bytes(buffer: memoryview) -> int | None:
    """Length of the request frame that starts here; None: cannot be told yet; negative: unknown function."""
    if len(buffer) < 2:
        return None
    function = buffer[1]
    if 1 <= function <= 6:
        return 8
    if function in (WRITE_COILS, WRITE_REGISTERS):
        if len(buffer) < 7:
            return None
        return 9 + buffer[6] if buffer[6] <= MAX_FRAME_BYTES - 10 else _NOT_A_FRAME
    if function == ENCAPSULATED:
        if len(buffer) < 3:
            return None
        return 7 if buffer[2] == READ_DEVICE_ID else _UNKNOWN
    return _UNKNOWN if function < 0x80 else _NOT_A_FRAME


def take_request(buffer: bytearray, *, silent: bool = False) -> tuple[int, bytes] | None:
    """Remove one request: (unit, PDU). None: more bytes may make one, nothing was touched.

    Garbled: noise in front of a request (the next call returns that), or nothing but noise.
    `silent`: no byte came for 3.5 characters, so what is here is all there is; a function of unknown length
    is then framed by its CRC, and an unfinished frame is garbled.
    """
    hope = False
    for start in range(len(buffer)):
        rest = memoryview(buffer)[start:]
        length = _request_bytes(rest)
        if length is None or length == _UNKNOWN or length > len(rest):
            whole = silent and 4 <= len(rest) <= MAX_FRAME_BYTES and crc16(rest) == 0
            length = len(rest) if whole else _NOT_A_FRAME
            hope = True
        valid = length > 0 and crc16(rest[:length]) == 0
        rest.release()
        if valid and start:
            raise _garbled("noise before a request", buffer, start)
        if valid:
            return _cut(buffer, length)
    if not buffer or (hope and not silent and len(buffer) <= MAX_FRAME_BYTES):
        return None
    raise _garbled("no request in these bytes", buffer, len(buffer))


def take_reply(buffer: bytearray, unit: int, request: ReadRequest | WriteSingle | WriteMany) -> bytes | None:
    """Remove the PDU that answers `request` of `unit`. None: more bytes may complete it, nothing was touched.

    Garbled: noise, or a frame of another unit, function or length, in front of the answer or alone.
    """
    header = bytes((unit, request.function))
    refusal = bytes((unit, request.function | 0x80))
    whole = reply_bytes(request) + 3
    hope = False
    for start in range(len(buffer)):
        head = bytes(buffer[start : start + 2])
        length = {header: whole, refusal: 5}.get(head, _NOT_A_FRAME)
        if length > len(buffer) - start or (len(head) == 1 and head[0] == unit):
            hope = True
        elif length and crc16(buffer[start : start + length]) == 0:
            if start:
                raise _garbled("noise before an answer", buffer, start)
            return _cut(buffer, length)[1]
    if not buffer or (hope and len(buffer) <= 2 * MAX_FRAME_BYTES):
        return None
    raise _garbled("no answer in these bytes", buffer, len(buffer))


def _cut(buffer: bytearray, length: int) -> tuple[int, bytes]:
    unit, pdu = buffer[0], bytes(buffer[1 : length - 2])
    del buffer[:length]
    return unit, pdu


def _garbled(what: str, buffer: bytearray, length: int) -> Garbled:
    noise = bytes(buffer[:length])
    del buffer[:length]
    return Garbled(what, noise)
