"""What stands around a text of the Bayern-Hessen protocol.

    STX text ETX check      check: exclusive or of STX..ETX, two upper-case hexadecimal digits
    STX text CR             no check at all: a changed digit is another value, so prefer the form above
    CR text CR              Teledyne's response mode TEXT, replies only

Sources: Ecotech Serinus 40 p.141 (check), Thermo 5030i D-4 (CR), Teledyne T300 p.150 (TEXT).
"""

from enum import Enum
from typing import Final

from drivers.protocols.text import malformed, xor_of

STX: Final = b"\x02"
ETX: Final = b"\x03"
CR: Final = b"\r"


class Framing(Enum):
    """What stands around a text."""

    BCC = "STX, ETX, check"
    CR = "STX, CR"
    TEXT = "CR, CR"


def encode_frame(line: str, framing: Framing) -> bytes:
    """The bytes of a text on the wire."""
    if framing is Framing.BCC:
        frame = STX + line.encode("ascii") + ETX
        return frame + _check(frame)
    return (STX if framing is Framing.CR else CR) + line.encode("ascii") + CR


def take_frame(
    buffer: bytearray, framings: tuple[Framing, ...], longest: int
) -> tuple[Framing, bytes] | None:
    """Remove one frame in any of these framings: which it was, and the text. None: more bytes may complete it.

    Malformed: bytes before a start, a start that never ends, a wrong check, nothing inside. No more than `longest`
    bytes behind a start are looked at, so that no noise makes it slow.
    """
    start = CR if Framing.TEXT in framings else STX
    first = buffer.find(start)
    if first:
        if buffer:
            raise malformed("noise before a message", buffer, first if first > 0 else len(buffer))
        return None
    ahead = bytes(buffer[1 : longest + 2])
    framing, length = _end(ahead, framings)
    again = ahead.rfind(start, 0, length if length >= 0 else len(ahead))
    if again >= 0:  # every start is cut off by the next one
        raise malformed("a message without an end", buffer, 1 + again)
    if length < 0:
        if len(ahead) <= longest:
            return None
        raise malformed("a message without an end", buffer, 1 + len(ahead))
    if not length:
        raise malformed("an empty message", buffer, 1)
    if framing is Framing.BCC:
        return _take_checked(buffer, length)
    del buffer[: length + 2]
    return framing, ahead[:length]


def _end(ahead: bytes, framings: tuple[Framing, ...]) -> tuple[Framing, int]:
    """Which framing ends first, and where; -1: none does."""
    ends = [(ahead.find(ETX if framing is Framing.BCC else CR), framing) for framing in framings]
    length, framing = min(
        (end for end in ends if end[0] >= 0), default=(-1, framings[0]), key=lambda end: end[0]
    )
    return framing, length


def _take_checked(buffer: bytearray, length: int) -> tuple[Framing, bytes] | None:
    frame, check = bytes(buffer[: length + 2]), bytes(buffer[length + 2 : length + 4])
    if STX in check:  # the check was lost and the next message has begun
        raise malformed("a message without a check", buffer, length + 2 + check.index(STX))
    if len(check) < 2:
        return None
    if check != _check(frame):
        raise malformed(f"the check is not {_check(frame).decode()}", buffer, length + 4)
    del buffer[: length + 4]
    return Framing.BCC, frame[1:-1]


def _check(frame: bytes) -> bytes:
    return f"{xor_of(frame):02X}".encode("ascii")
