"""What the codecs of character lines have in common: where a line ends, its numbers, its check characters.

    Malformed              bytes that are no message; removed from the buffer, in `evidence`
    └── Refusal            a whole message in which the instrument says no; `evidence` is the message

A codec's `take_…(buffer)` has three outcomes: the message, removed from the front of the buffer; None, nothing
was touched and more bytes may make one; Malformed, the noise is gone and the next call goes on behind it.
"""

import re
from decimal import Decimal
from typing import Final

from drivers.protocols.modbus_pdu import Malformed

MAX_LINE_BYTES: Final = 1024
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST_EXPONENT: Final = 60


class Refusal(Malformed):
    """The instrument answered that it does not, or cannot."""


def take_line(
    buffer: bytearray, end: bytes, *, longest: int = MAX_LINE_BYTES, start: int = 0, echo: int = 0
) -> bytes | None:
    """Remove one line and its `end`; the line without it. None: its end has not come.

    `start` bytes in front of the line, padding and the echo of a command, are removed with it; an echo has at most
    `echo` bytes. Malformed: an empty line, or one of more than `longest` bytes. While the end of that has not come
    so much of it stays that what comes up to its end is no line of its own: 2.5 of a 12.5 would be a value.
    """
    length = buffer.find(end, start)
    if length < 0:
        excess = len(buffer) - longest - echo - len(end)
        if excess <= 0:
            return None
        raise malformed(f"{len(buffer)} bytes without an end of line", buffer, max(excess, start))
    if length == start:
        raise malformed("an empty line", buffer, length + len(end))
    if length - start > longest:
        raise malformed(f"a line of {length - start} bytes", buffer, length + len(end))
    line = bytes(buffer[start:length])
    del buffer[: length + len(end)]
    return line


def malformed(what: str, buffer: bytearray, length: int) -> Malformed:
    """Remove `length` bytes from the front; the error that carries them."""
    noise = bytes(buffer[:length])
    del buffer[:length]
    return Malformed(what, noise)


def text(line: bytes) -> str:
    """The printable ASCII of a line. Malformed: any other character; noise must not become a value."""
    if not all(0x20 <= byte < 0x7F for byte in line):
        raise Malformed("characters that are not printable ASCII", line)
    return line.decode("ascii")


def number(word: str) -> Decimal:
    """The number that a word is, exactly as written: `30.781`, `1.405E+01`, `550E-2`. No sign is plus.

    Malformed: anything else: an empty word, `nan`, `inf`, digits of other scripts, an exponent beyond 60.
    """
    if _NUMBER.fullmatch(word) is None:
        raise Malformed(f"{word!r} is not a number", word.encode("utf-8", "replace"))
    value = Decimal(word)
    if value and abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise Malformed(f"{word} is beyond 1e±{_LARGEST_EXPONENT}", word.encode())
    return value


def xor_of(characters: bytes | bytearray) -> int:
    """Exclusive or of all bytes, seed 0: the check character of NMEA 0183 and Bayern-Hessen."""
    check = 0
    for byte in characters:
        check ^= byte
    return check


def sum_of(characters: bytes | bytearray, *, bits: int) -> int:
    """Sum of all bytes, the lowest `bits` of it."""
    return sum(characters) & ((1 << bits) - 1)
