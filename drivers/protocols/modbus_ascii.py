"""Modbus ASCII: a colon, unit, PDU and LRC in hexadecimal digits, carriage return and line feed. Both directions.

Source: MODBUS over Serial Line Specification V1.02, section 2.5.2 and appendix B (LRC generation).
A colon begins a frame wherever it comes, so a frame that was cut off ends at the next one. The LRC is a sum of
8 bits: it finds every single damaged byte and misses one in 256 of greater damage, where the CRC of RTU misses one
in 65,536. Digits are written in upper case and read in both. The delimiter that function 8/3 can put in place of the
line feed is not spoken.

Garbled means that the noise is gone from the buffer and that the next call goes on behind it.
"""

import re
from typing import Final

from drivers.protocols.modbus_pdu import MAX_PDU_BYTES, DeviceIdRequest, Malformed, Request, reply_bytes
from drivers.protocols.text import sum_of

MAX_FRAME_CHARACTERS: Final = 513
START, END = b":", b"\r\n"
_BODY: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}){3,255}")


class Garbled(Malformed):
    """Characters that are no frame; they were removed from the buffer and are in `evidence`."""


def lrc(message: bytes | bytearray) -> int:
    """Two's complement of the sum of unit and PDU, as bytes. Over a message with its LRC it is 0."""
    return -sum_of(message, bits=8) & 0xFF


def encode_frame(unit: int, pdu: bytes) -> bytes:
    """The characters of one frame. `unit` 0 is broadcast. ValueError: a PDU that no frame holds."""
    if not 1 <= len(pdu) <= MAX_PDU_BYTES:
        raise ValueError(f"a PDU has 1..{MAX_PDU_BYTES} bytes, got {len(pdu)}")
    message = bytes((unit,)) + pdu
    return START + (message + bytes((lrc(message),))).hex().upper().encode("ascii") + END


def take_request(buffer: bytearray, *, silent: bool = False) -> tuple[int, bytes] | None:
    """Remove one request: (unit, PDU). None: more characters may make one, nothing was touched.

    Garbled: noise in front of a request (the next call returns that), or nothing but noise.
    `silent`: no character came for a second, so what is here is all there is and an unfinished frame is garbled.
    """
    frame = _take_frame(buffer, silent)
    return None if frame is None else (frame[1][0], frame[1][1:-1])


def take_reply(buffer: bytearray, unit: int, request: Request) -> bytes | None:
    """Remove the PDU that answers `request` of `unit`. None: more characters may complete it, nothing was touched.

    Garbled: noise, or a frame of another unit, function or length, in front of the answer or alone.
    """
    frame = _take_frame(buffer, silent=False)
    if frame is None:
        return None
    line, message = frame
    pdu = message[1:-1]
    refusal = len(pdu) == 2 and pdu[0] == request.function | 0x80
    whole = pdu[0] == request.function and (
        isinstance(request, DeviceIdRequest) or len(pdu) == reply_bytes(request)
    )
    if message[0] != unit or not (whole or refusal):
        raise Garbled(f"not an answer of unit {unit} to function {request.function}", line)
    return pdu


def _take_frame(buffer: bytearray, silent: bool) -> tuple[bytes, bytes] | None:
    """Remove one frame: as it was on the wire, and its bytes with the LRC that proves them."""
    start = buffer.find(START)
    if start:
        if not buffer:
            return None
        raise _garbled("noise before a frame", buffer, start if start > 0 else len(buffer))
    longest = min(len(buffer), MAX_FRAME_CHARACTERS)
    again = buffer.find(START, 1, longest)
    end = buffer.find(END, 1, longest if again < 0 else again)
    if end < 0 and again < 0 and len(buffer) < MAX_FRAME_CHARACTERS and not silent:
        return None
    if end < 0:
        raise _garbled("a frame without an end", buffer, longest if again < 0 else again)
    return _checked(buffer, end + len(END))


def _checked(buffer: bytearray, length: int) -> tuple[bytes, bytes]:
    body = bytes(buffer[1 : length - len(END)])
    if _BODY.fullmatch(body) is None:
        raise _garbled("not 3 to 255 pairs of hexadecimal digits", buffer, length)
    message = bytes.fromhex(body.decode("ascii"))
    if lrc(message):
        raise _garbled(f"the LRC should be {lrc(message[:-1]):02X}", buffer, length)
    line = bytes(buffer[:length])
    del buffer[:length]
    return line, message


def _garbled(what: str, buffer: bytearray, length: int) -> Garbled:
    noise = bytes(buffer[:length])
    del buffer[:length]
    return Garbled(what, noise)
