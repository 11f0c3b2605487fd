"""What a Modbus point is, and how its value is laid out in registers or bits. Both directions, pure.

The four orders name the bytes of a 32-bit value as they come on the wire, A the most significant:
ABCD plain, CDAB words reversed, BADC bytes swapped in every word, DCBA both. 64-bit values follow the
same rule word by word; 16-bit values and strings know only the swap of bytes (BADC, DCBA).
Modbus itself fixes the order of the two bytes of one register and nothing beyond it
(Modbus Application Protocol V1.1b3, section 4.2): manuals and settings differ, hence the four names.
"""

import struct
from collections.abc import Callable, Sequence
from math import isfinite, nan
from typing import Literal, NamedTuple

Table = Literal["holding", "input", "coil", "discrete"]
DataType = Literal[
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float32",
    "float64",
    "bcd16",
    "bcd32",
    "bit",
    "string",
]
ByteOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
Value = int | float | str | None
Decoder = Callable[[Sequence[int]], Value]

BIT_TABLES: tuple[Table, ...] = ("coil", "discrete")
READ_FUNCTIONS: dict[Table, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
REGISTERS: dict[DataType, int] = {
    "int16": 1,
    "uint16": 1,
    "int32": 2,
    "uint32": 2,
    "int64": 4,
    "uint64": 4,
    "float32": 2,
    "float64": 4,
    "bcd16": 1,
    "bcd32": 2,
    "bit": 1,
}
"""Registers that one value takes; a string takes what its length says."""

_NUMBERS: dict[str, struct.Struct] = {
    "int16": struct.Struct(">h"),
    "uint16": struct.Struct(">H"),
    "int32": struct.Struct(">i"),
    "uint32": struct.Struct(">I"),
    "int64": struct.Struct(">q"),
    "uint64": struct.Struct(">Q"),
    "float32": struct.Struct(">f"),
    "float64": struct.Struct(">d"),
}
_BCD_DIGITS = {"bcd16": 4, "bcd32": 8}


class Point(NamedTuple):
    """Where one channel's value lies. `address` is the number in the request, from 0.

    `count` is in registers (in bits for the tables coil and discrete). `bit` 0 is the least significant
    bit of a register; None for every other type and for the bit tables.
    """

    channel: str
    table: Table
    address: int
    type: DataType
    order: ByteOrder = "ABCD"
    count: int = 1  # type: ignore[assignment]  # hides tuple.count, which nobody asks of a point
    bit: int | None = None


def decode(point: Point, words: Sequence[int]) -> Value:
    """The value in the `point.count` words (or bits) that start at the point's own address.

    None: the registers hold no number (NaN, an infinity, a BCD digit above 9).
    """
    return decoder(point)(words)


def decoder(point: Point, at: int = 0) -> Decoder:
    """A function that takes a block's words (or bits) and gives the value that starts at index `at`."""
    if point.table in BIT_TABLES or point.type == "bit":
        return _bit_decoder(point, at)
    to_bytes = _byte_layout(point, at)
    if point.type == "string":
        return lambda words: _text(to_bytes(words))
    if point.type in _BCD_DIGITS:
        return lambda words: _bcd(to_bytes(words))
    unpack = _NUMBERS[point.type].unpack
    if point.type in {"float32", "float64"}:

        def floating(words: Sequence[int]) -> Value:
            value: float = unpack(to_bytes(words))[0]
            return value if isfinite(value) else None

        return floating
    if point.type == "uint16" and not _swaps_bytes(point.order):
        return lambda words: words[at]
    return lambda words: int(unpack(to_bytes(words))[0])


def encode(point: Point, value: Value) -> list[int]:
    """The words (or the one bit) that hold `value`. None is NaN for floats.

    Raises ValueError for a value that the type cannot hold.
    """
    if point.table in BIT_TABLES:
        return [1 if value else 0]
    if point.type == "bit":
        word = (1 << (point.bit or 0)) if value else 0
        return [_swapped(word) if _swaps_bytes(point.order) else word]
    plain = _plain_bytes(point, value)
    words = struct.unpack(f"{'<' if _swaps_bytes(point.order) else '>'}{point.count}H", plain)
    return list(reversed(words)) if _reverses_words(point) else list(words)


def _plain_bytes(point: Point, value: Value) -> bytes:
    """The value's bytes with the most significant one first, or the characters in reading order."""
    if point.type == "string":
        text = str(value or "").encode("utf-8")
        if len(text) > 2 * point.count:
            raise ValueError(
                f"{value!r} needs {len(text)} bytes, {point.count} registers hold {2 * point.count}"
            )
        return text.ljust(2 * point.count, b"\0")
    if point.type in {"float32", "float64"} and value is None:
        return _NUMBERS[point.type].pack(nan)
    if value is None or isinstance(value, str):
        raise ValueError(f"{value!r} is not a value of type {point.type}")
    try:
        if point.type in _BCD_DIGITS:
            return _bcd_bytes(int(value), _BCD_DIGITS[point.type])
        number = value if point.type in {"float32", "float64"} else int(value)
        return _NUMBERS[point.type].pack(number)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{value!r} does not fit {point.type}") from error


def _bcd_bytes(value: int, digits: int) -> bytes:
    if not 0 <= value < 10**digits:
        raise ValueError(f"{value} does not fit {digits} BCD digits")
    return bytes.fromhex(f"{value:0{digits}d}")


def _swaps_bytes(order: ByteOrder) -> bool:
    return order in {"BADC", "DCBA"}


def _reverses_words(point: Point) -> bool:
    return point.order in {"CDAB", "DCBA"} and point.type != "string"


def _swapped(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8


def _byte_layout(point: Point, at: int) -> Callable[[Sequence[int]], bytes]:
    """From a block's words to the value's bytes, the most significant first."""
    pack = struct.Struct(f"{'<' if _swaps_bytes(point.order) else '>'}{point.count}H").pack
    end = at + point.count
    reverse = slice(end - 1, at - 1 if at else None, -1)
    mine = reverse if _reverses_words(point) else slice(at, end)
    return lambda words: pack(*words[mine])


def _bit_decoder(point: Point, at: int) -> Decoder:
    if point.table in BIT_TABLES:
        return lambda bits: int(bits[at])
    bit = point.bit or 0
    if _swaps_bytes(point.order):
        bit ^= 8
    return lambda words: words[at] >> bit & 1


def _bcd(plain: bytes) -> int | None:
    digits = plain.hex()
    return int(digits) if digits.isdecimal() else None


def _text(plain: bytes) -> str:
    """Up to the first NUL, without trailing blanks. Old instruments write Latin-1, newer ones UTF-8."""
    text = plain.split(b"\0", 1)[0]
    try:
        return text.decode("utf-8").rstrip()
    except UnicodeDecodeError:
        return text.decode("latin-1").rstrip()
