"""What a scan may ask, and how it knows an answer when it hears one. Nothing here can change anything in an instrument.

Questions are reads (functions 1 to 4) and device identification (43/14), and no other bytes are made of them. An answer
says whose it is (RTU) or which question it answers (TCP), so that one which comes too late still tells of its unit.
"""

import re
import struct
from typing import NamedTuple, Protocol

from drivers.protocols.modbus_pdu import (
    ENCAPSULATED,
    EXCEPTIONS,
    MAX_PDU_BYTES,
    READ_DEVICE_ID,
    READ_HOLDING,
    DeviceIdRequest,
    ReadRequest,
    reply_bytes,
)
from drivers.protocols.modbus_rtu import crc16, encode_frame

Inquiry = ReadRequest | DeviceIdRequest

ANYBODY = ReadRequest(READ_HOLDING, 0, 1)
"""A unit that has no such register refuses it, and is there."""
AGAIN = ReadRequest(READ_HOLDING, 0x0300, 1)
"""Asked after a silence where all units hear every question. A slave made with libmodbus takes what follows a question
to another unit for that unit's answer; this question has the length of an answer of three bytes, so that it swallows
all of it and hears the next question. After register 0 alone it would hear none (seen with libmodbus 3.1.6)."""
NAME_PLATE = DeviceIdRequest(1)
EXCEPTION_BIT = 0x80
EXCEPTION_FRAME_BYTES = 5
LONGEST_FRAME_BYTES = MAX_PDU_BYTES + 7
"""Unit, PDU and CRC are 256 bytes, a frame of Modbus TCP 260."""
_PLATE_HEAD_BYTES = 8


class Spoken(NamedTuple):
    """An answer and the unit that it is from."""

    unit: int
    pdu: bytes


class Frames(Protocol):
    """How a line frames questions and answers."""

    def question(self, unit: int, asked: Inquiry) -> bytes:
        """The bytes to send."""
        ...

    def take(self, buffer: bytearray, asked: Inquiry, begin: int = 0) -> Spoken | None:
        """Remove the next answer to such a question and the noise before it; None: there is none (yet).

        `begin`: it is known that no answer begins before this place. None begins farther than LONGEST_FRAME_BYTES from
        the end of a buffer in which there is none.
        """
        ...


def pdu_of(asked: Inquiry) -> bytes:
    """The question's bytes. TypeError: it is none of the two that only read."""
    match asked:
        case ReadRequest():
            return struct.pack(">BHH", asked.function, asked.address, asked.count)
        case DeviceIdRequest():
            return bytes((ENCAPSULATED, READ_DEVICE_ID, asked.access, asked.object_id))
    raise TypeError(f"{asked!r} is no question of a scan")


class RtuFrames:
    """Unit, PDU, CRC: on a serial line or through a serial server."""

    def question(self, unit: int, asked: Inquiry) -> bytes:
        """See Frames."""
        return encode_frame(unit, pdu_of(asked))

    def take(self, buffer: bytearray, asked: Inquiry, begin: int = 0) -> Spoken | None:
        """See Frames. An echo of the question is noise: it has not the length of an answer."""
        # A line may carry noise at full speed: only where the function stands is looked, and no farther than a frame.
        functions = re.compile(
            re.escape(bytes((asked.function,))) + b"|" + bytes((asked.function | EXCEPTION_BIT,))
        )
        for found in functions.finditer(bytes(buffer), begin + 1):
            start = found.start() - 1
            longest = buffer[start : start + LONGEST_FRAME_BYTES]
            length = _rtu_length(longest, asked)
            frame = bytes(longest[:length])
            if length and len(frame) == length and crc16(frame) == 0:
                del buffer[: start + length]
                return Spoken(frame[0], frame[1:-2])
        return None


class TcpFrames:
    """Modbus TCP. The number of a question tells whose answer it is, whatever unit the answer names."""

    def __init__(self) -> None:
        self._number = 0
        self._asked: dict[int, int] = {}

    def question(self, unit: int, asked: Inquiry) -> bytes:
        """See Frames."""
        self._number = (self._number + 1) & 0xFFFF
        self._asked[self._number] = unit
        pdu = pdu_of(asked)
        return struct.pack(">HHHB", self._number, 0, len(pdu) + 1, unit) + pdu

    def take(self, buffer: bytearray, asked: Inquiry, begin: int = 0) -> Spoken | None:
        """See Frames. What is no Modbus TCP stays in the buffer: the stream has lost its step."""
        while len(buffer) >= 6:
            number, protocol, length = struct.unpack_from(">HHH", buffer)
            if protocol or not 3 <= length <= MAX_PDU_BYTES + 1 or len(buffer) < 6 + length:
                return None
            pdu = bytes(buffer[7 : 6 + length])
            del buffer[: 6 + length]
            unit = self._asked.pop(number, None)
            if unit is not None and _answers(pdu, asked):
                return Spoken(unit, pdu)
        return None


def _answers(pdu: bytes, asked: Inquiry) -> bool:
    if pdu[0] == asked.function | EXCEPTION_BIT:
        return len(pdu) == 2 and pdu[1] in EXCEPTIONS
    if isinstance(asked, DeviceIdRequest):
        return pdu[:2] == bytes((ENCAPSULATED, READ_DEVICE_ID)) and len(pdu) >= _PLATE_HEAD_BYTES - 1
    return pdu[0] == asked.function and len(pdu) == reply_bytes(asked) and pdu[1] == len(pdu) - 2


def _rtu_length(rest: bytearray, asked: Inquiry) -> int:
    """How long an answer that begins here is with unit and CRC; 0: none begins here, or that cannot be told yet."""
    if len(rest) < EXCEPTION_FRAME_BYTES:
        return 0
    if rest[1] == asked.function | EXCEPTION_BIT:
        return EXCEPTION_FRAME_BYTES if rest[2] in EXCEPTIONS else 0
    if rest[1] != asked.function:
        return 0
    if isinstance(asked, ReadRequest):
        return reply_bytes(asked) + 3 if rest[2] == reply_bytes(asked) - 2 else 0
    return _plate_length(rest)


def _plate_length(rest: bytearray) -> int:
    """The same for 43/14, whose length stands in its objects (Modbus Application Protocol V1.1b3, 6.21)."""
    if len(rest) < _PLATE_HEAD_BYTES or rest[2] != READ_DEVICE_ID:
        return 0
    place = _PLATE_HEAD_BYTES
    for _ in range(rest[7]):
        if place + 2 > len(rest):
            return 0
        place += 2 + rest[place + 1]
    return place + 2
