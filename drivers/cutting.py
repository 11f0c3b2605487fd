"""Where a frame ends among bytes that were heard, for each way in which a line frames them. Pure.

A cutter is for eyes: it never waits for what may be missing longer than its caller does, and gives damaged bytes as
pieces of their own. What the agent believes is `drivers.inbox` and the codecs.
"""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

from drivers.inbox import READ_FUNCTIONS, RTU_SHORTEST, WRITE_FUNCTIONS
from drivers.protocols.frame_words import ascii_message
from drivers.protocols.modbus_ascii import END, START, lrc
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.modbus_rtu import crc16
from drivers.protocols.modbus_tcp import take

Framing = Literal["tcp", "udp", "rtu", "ascii", "characters"]
Parsed = tuple[int, int, bytes]
"""The number of the question that a frame repeats (0 where there is none), unit, PDU."""


class Cutter(Protocol):
    """One framing. `numbered`: its frames carry the number of their question."""

    numbered: bool

    def length(self, heard: bytes, sent: bytes) -> int:
        """How many bytes at the front are a frame, or noise before one; 0: that cannot be told yet.

        `sent` is the question that waits for its answer, if there is one.
        """
        ...

    def parsed(self, frame: bytes) -> Parsed | None:
        """What is in a whole, sound frame; None: it is none."""
        ...


class TcpCutter:
    """The header tells the length. What is no header is all noise: the stream has lost its step."""

    numbered = True

    def length(self, heard: bytes, sent: bytes) -> int:
        """See Cutter."""
        if len(heard) < 6:
            return 0
        protocol, length = int.from_bytes(heard[2:4], "big"), int.from_bytes(heard[4:6], "big")
        if protocol or not 2 <= length <= 254:
            return len(heard)
        return 6 + length if len(heard) >= 6 + length else 0

    def parsed(self, frame: bytes) -> Parsed | None:
        """See Cutter."""
        buffer = bytearray(frame)
        try:
            adu = take(buffer)
        except Malformed:
            return None
        return None if adu is None or buffer else (adu.transaction, adu.unit, adu.pdu)


class UdpCutter(TcpCutter):
    """A datagram is a frame."""

    def length(self, heard: bytes, sent: bytes) -> int:
        """See Cutter."""
        return len(heard)


class RtuCutter:
    """A sound frame at the front, else the noise before one."""

    numbered = False

    def length(self, heard: bytes, sent: bytes) -> int:
        """See Cutter."""
        if sent and heard.startswith(sent):
            return len(sent)
        if sent.startswith(heard):
            return 0
        length = _rtu_length(heard)
        if length and len(heard) >= length and crc16(heard[:length]) == 0:
            return length
        return _before_sound(heard)

    def parsed(self, frame: bytes) -> Parsed | None:
        """See Cutter."""
        return (0, frame[0], frame[1:-2]) if len(frame) >= RTU_SHORTEST and crc16(frame) == 0 else None


def _rtu_length(heard: bytes) -> int:
    """What the front says of the length of an answer; 0: too little to tell."""
    if len(heard) < 3:
        return 0
    if heard[1] in READ_FUNCTIONS:
        return 5 + heard[2]
    return 8 if heard[1] in WRITE_FUNCTIONS else RTU_SHORTEST


def _before_sound(heard: bytes) -> int:
    """How much noise is before a whole, sound frame; 0: there is none yet."""
    for at in range(1, len(heard) - RTU_SHORTEST + 1):
        length = _rtu_length(heard[at:])
        if at + length <= len(heard) and crc16(heard[at : at + length]) == 0:
            return at
    return 0


class AsciiCutter:
    """From a colon to carriage return and line feed."""

    numbered = False

    def length(self, heard: bytes, sent: bytes) -> int:
        """See Cutter."""
        start = heard.find(START)
        if start:
            return start if start > 0 else 0
        again, end = heard.find(START, 1), heard.find(END)
        if end >= 0 and not 0 <= again < end:
            return end + len(END)
        return max(again, 0)

    def parsed(self, frame: bytes) -> Parsed | None:
        """See Cutter."""
        message = ascii_message(frame)
        return None if len(message) < 3 or lrc(message) else (0, message[0], message[1:-1])


class CharacterCutter:
    """Lines. A carriage return ends one when no line feed follows it. What has no end waits for the pause."""

    numbered = False

    def length(self, heard: bytes, sent: bytes) -> int:
        """See Cutter."""
        feed, carriage = heard.find(b"\n"), heard.find(b"\r")
        if feed >= 0 and not 0 <= carriage < feed - 1:
            return feed + 1
        if 0 <= carriage < len(heard) - 1:
            return carriage + 1
        return 0

    def parsed(self, frame: bytes) -> Parsed | None:
        """Characters are the driver's to read."""
        return None


CUTTERS: Final[Mapping[Framing, type[TcpCutter | RtuCutter | AsciiCutter | CharacterCutter]]] = {
    "tcp": TcpCutter,
    "udp": UdpCutter,
    "rtu": RtuCutter,
    "ascii": AsciiCutter,
    "characters": CharacterCutter,
}
