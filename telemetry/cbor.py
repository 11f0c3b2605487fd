"""Tram's deterministic CBOR: an encoder, a decoder that accepts nothing else, and sequences (RFC 8742).

The profile (docs/wire.md): definite lengths, shortest integers, map keys in the bytewise order of their
encoding, floats in 32 bits when that is exact and in 64 otherwise, never 16, no NaN, no infinity, no tags.
One value has one encoding, so two verifiers in two languages can never disagree about what was signed.

Values: None, bool, int (64 bits), float, str, bytes, list or tuple, dict with int or str keys.
"""

import struct
from collections.abc import Callable, Iterator, Mapping

MAX_DEPTH = 8
"""Arrays and maps inside each other, the outermost counted as 1."""

_SINGLE = struct.Struct(">Bf")
_DOUBLE = struct.Struct(">Bd")
_LARGEST_SINGLE = 3.4028234663852886e38


class CborError(ValueError):
    """The bytes are not one item of the profile; the message says what and at which byte."""


# ---- encoding


def encode(value: object) -> bytes:
    """The one encoding of `value`. ValueError for NaN, infinity, integers over 64 bits and other types."""
    if isinstance(value, bool) or value is None:
        return _SIMPLE_BYTES[value]
    for kind, encoder in _ENCODERS:
        if isinstance(value, kind):
            return encoder(value)
    raise ValueError(f"no encoding for a {type(value).__name__}")


def encode_head(major: int, number: int) -> bytes:
    """The initial byte and its argument, in the shortest form (RFC 8949 section 3)."""
    if number < 24:
        return bytes((major << 5 | number,))
    for width, info in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if number < 1 << 8 * width:
            return bytes((major << 5 | info,)) + number.to_bytes(width, "big")
    raise ValueError(f"{number} does not fit in 64 bits")


def encode_uint(number: int) -> bytes:
    """A non-negative integer."""
    if number < 0:
        raise ValueError(f"{number} is negative")
    return encode_head(0, number)


def encode_int(number: int) -> bytes:
    """An integer from -2^64 to 2^64 - 1."""
    return encode_head(0, number) if number >= 0 else encode_head(1, -1 - number)


def encode_float(number: float) -> bytes:
    """A float: 32 bits when that is exact, else 64. ValueError for NaN and infinity."""
    if -_LARGEST_SINGLE <= number <= _LARGEST_SINGLE:
        single = _SINGLE.pack(0xFA, number)
        if _SINGLE.unpack(single)[1] == number:
            return single
    elif number - number != 0.0:
        raise ValueError(f"{number} has no place in a record: say it with a flag")
    return _DOUBLE.pack(0xFB, number)


def encode_text(text: str) -> bytes:
    """A text string."""
    raw = text.encode()
    return encode_head(3, len(raw)) + raw


def encode_bytes(raw: bytes) -> bytes:
    """A byte string."""
    return encode_head(2, len(raw)) + raw


def _encode_array(items: list[object] | tuple[object, ...]) -> bytes:
    return encode_head(4, len(items)) + b"".join(map(encode, items))


def _encode_map(table: Mapping[object, object]) -> bytes:
    pairs = sorted((_encode_key(key), encode(value)) for key, value in table.items())
    return encode_head(5, len(pairs)) + b"".join(key + value for key, value in pairs)


def _encode_key(key: object) -> bytes:
    if isinstance(key, bool) or not isinstance(key, int | str):
        raise ValueError(f"{key!r} cannot be a map key: integers and text only")  # noqa: TRY004
    return encode(key)


_SIMPLE_BYTES = {False: b"\xf4", True: b"\xf5", None: b"\xf6"}
_ENCODERS: tuple[tuple[type | tuple[type, ...], Callable[..., bytes]], ...] = (
    (int, encode_int),
    (float, encode_float),
    (str, encode_text),
    (bytes, encode_bytes),
    ((list, tuple), _encode_array),
    (dict, _encode_map),
)


# ---- decoding: one function per initial byte, found in a table of 256


def decode(data: bytes, *, max_depth: int = MAX_DEPTH) -> object:
    """The value of the one item that `data` is. CborError on all that is outside the profile."""
    try:
        value, end = _DECODERS[data[0]](data, 0, max_depth)
    except IndexError:
        raise CborError(f"ends in the middle of an item, after {len(data)} bytes") from None
    if end != len(data):
        raise CborError(f"{len(data) - end} bytes after the end of the item, at byte {end}")
    return value


def _argument(data: bytes, at: int) -> tuple[int, int]:
    """The argument of the initial byte at `at`, and where the next byte is; shortest form only."""
    info = data[at] & 0x1F
    if info < 24:
        return info, at + 1
    width = 1 << info - 24
    end = at + 1 + width
    if end > len(data):
        raise IndexError
    number = int.from_bytes(data[at + 1 : end], "big")
    if number < (24 if width == 1 else 1 << 4 * width):
        raise CborError(f"{number} is not in its shortest form, at byte {at}")
    return number, end


def _small(data: bytes, at: int, depth: int) -> tuple[object, int]:
    return data[at], at + 1


def _positive(data: bytes, at: int, depth: int) -> tuple[object, int]:
    return _argument(data, at)


def _negative(data: bytes, at: int, depth: int) -> tuple[object, int]:
    number, at = _argument(data, at)
    return -1 - number, at


def _bytes(data: bytes, at: int, depth: int) -> tuple[object, int]:
    length, at = (data[at] - 0x40, at + 1) if data[at] < 0x58 else _argument(data, at)
    end = at + length
    if end > len(data):
        raise IndexError
    return data[at:end], end


def _text(data: bytes, at: int, depth: int) -> tuple[object, int]:
    length, start = (data[at] - 0x60, at + 1) if data[at] < 0x78 else _argument(data, at)
    end = start + length
    if end > len(data):
        raise IndexError
    try:
        return data[start:end].decode(), end
    except UnicodeDecodeError:
        raise CborError(f"text that is not UTF-8, at byte {at}") from None


def _array(data: bytes, at: int, depth: int) -> tuple[object, int]:
    if not depth:
        raise CborError(f"nested too deeply, at byte {at}")
    length, at = (data[at] - 0x80, at + 1) if data[at] < 0x98 else _argument(data, at)
    depth -= 1
    items: list[object] = []
    for _ in range(length):
        item, at = _DECODERS[data[at]](data, at, depth)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, depth: int) -> tuple[object, int]:
    if not depth:
        raise CborError(f"nested too deeply, at byte {at}")
    length, at = (data[at] - 0xA0, at + 1) if data[at] < 0xB8 else _argument(data, at)
    depth -= 1
    table: dict[object, object] = {}
    key: object
    before = b""
    for _ in range(length):
        initial = data[at]
        if initial < 24:
            key, end = initial, at + 1
        else:
            key, end = _KEY_DECODERS[initial](data, at, depth)
        raw = data[at:end]
        if raw <= before:
            raise CborError(f"map key {key!r} twice or out of order, at byte {at}")
        before = raw
        table[key], at = _DECODERS[data[end]](data, end, depth)
    return table, at


def _simple(data: bytes, at: int, depth: int) -> tuple[object, int]:
    return _SIMPLE_VALUES[data[at]], at + 1


def _float32(data: bytes, at: int, depth: int) -> tuple[object, int]:
    if at + 5 > len(data):
        raise IndexError
    number: float = _SINGLE.unpack_from(data, at)[1]
    if number - number != 0.0:
        raise CborError(f"a float that is not a number, at byte {at}")
    return number, at + 5


def _float64(data: bytes, at: int, depth: int) -> tuple[object, int]:
    if at + 9 > len(data):
        raise IndexError
    number: float = _DOUBLE.unpack_from(data, at)[1]
    if number - number != 0.0:
        raise CborError(f"a float that is not a number, at byte {at}")
    if (
        -_LARGEST_SINGLE <= number <= _LARGEST_SINGLE
        and _SINGLE.unpack(_SINGLE.pack(0xFA, number))[1] == number
    ):
        raise CborError(f"a 64-bit float that fits in 32 bits, at byte {at}")
    return number, at + 9


def _refuse(data: bytes, at: int, depth: int) -> tuple[object, int]:
    raise CborError(f"{_what_is_refused(data[at])}, at byte {at}")


def _refuse_key(data: bytes, at: int, depth: int) -> tuple[object, int]:
    raise CborError(f"a map key that is neither integer nor text, at byte {at}")


def _what_is_refused(initial: int) -> str:
    if initial & 0x1F == 31:
        return "an indefinite length"
    if 28 <= initial & 0x1F <= 30:
        return "a reserved length"
    if initial >> 5 == 6:
        return "a tag"
    return "a half float" if initial == 0xF9 else "a simple value other than false, true and null"


_Decoder = Callable[[bytes, int, int], tuple[object, int]]
_SIMPLE_VALUES = {0xF4: False, 0xF5: True, 0xF6: None}
_DECODERS: list[_Decoder] = [_refuse] * 256
for _major, _decoder in enumerate((_positive, _negative, _bytes, _text, _array, _map)):
    _DECODERS[_major << 5 : (_major << 5) + 28] = [_decoder] * 28
_DECODERS[0:24] = [_small] * 24
_DECODERS[0xF4:0xF7] = [_simple] * 3
_KEY_DECODERS = [*_DECODERS[0x00:0x40], *[_refuse_key] * 0x20, *_DECODERS[0x60:0x80], *[_refuse_key] * 0x80]
_DECODERS[0xFA] = _float32
_DECODERS[0xFB] = _float64


# ---- sequences


def sequence(data: bytes) -> Iterator[bytes]:
    """The exact bytes of each item of a CBOR sequence (RFC 8742), tags allowed, contents not judged.

    CborError where the sequence is damaged; the items before it have been yielded by then.
    """
    at = 0
    while at < len(data):
        try:
            end = _skip(data, at, MAX_DEPTH)
        except IndexError:
            raise CborError(f"the item at byte {at} ends in the middle") from None
        yield data[at:end]
        at = end


def _skip(data: bytes, at: int, depth: int) -> int:
    """Where the item at `at` ends."""
    if not depth:
        raise CborError(f"nested too deeply, at byte {at}")
    initial = data[at]
    if initial & 0x1F > 27:
        raise CborError(f"{_what_is_refused(initial)}, at byte {at}")
    major = initial >> 5
    if major == 7:
        end = at + 1 + _FOLLOWING.get(initial & 0x1F, 0)
    else:
        number, end = _argument(data, at)
        end += number if major in {2, 3} else 0
        for _ in range({4: number, 5: 2 * number, 6: 1}.get(major, 0)):
            end = _skip(data, end, depth - 1)
    if end > len(data):
        raise IndexError
    return end


_FOLLOWING = {24: 1, 25: 2, 26: 4, 27: 8}
