"""The walk through one record for docs/wire.md: every byte of a vector, in order, with what it means."""

import struct
from collections.abc import Iterator

from tests.vectors import valid

NAME = "readings: one cycle of one device"
HEADER = {1: "alg", 4: "kid", 16: "typ"}
RECORD = {
    1: "version",
    2: "station",
    3: "ledger",
    4: "seq",
    5: "prev, the hash of envelope 3",
    6: "kind, readings",
    7: "boot: counter and id",
    8: "wall, ms UTC",
    9: "mono, ms",
    10: "clock: synchronised, and its error in ms",
    11: "hash of the configuration in force",
    12: "body: the pack",
}
ENTRY = {
    0: "n, channel",
    1: "u, unit",
    2: "v, value",
    -2: "bn, base name",
    -3: "bt, base time in s",
    -4: "bu, base unit",
}


def walk() -> str:
    """Offset, bytes and meaning, a line per item."""
    case = next(case for case in valid.cases() if case["name"] == NAME)
    data = bytes.fromhex(str(case["envelope"]))
    rows = [(0, 1, 0, "tag 18: COSE_Sign1"), (1, 1, 0, "an array of four")]
    header_length, at = _head(data, 2)[1:]
    rows.append((2, at - 2, 1, f"protected header, {header_length} bytes"))
    rows += _item(data, at, 2, "the header", HEADER)
    at += header_length
    rows.append((at, 1, 1, "unprotected header: nothing"))
    payload_length, start = _head(data, at + 1)[1:]
    rows.append((at + 1, start - at - 1, 1, f"payload, {payload_length} bytes: the record"))
    rows += _item(data, start, 2, "the record", RECORD)
    at = start + payload_length
    rows.append((at, 2, 1, "signature, 64 bytes"))
    rows += [(at + 2, 32, 2, "R"), (at + 34, 32, 2, "S")]
    return "\n".join(line for row in rows for line in _lines(data, *row))


def _lines(data: bytes, at: int, size: int, indent: int, meaning: str) -> Iterator[str]:
    for start in range(at, at + size, 16):
        raw = data[start : min(start + 16, at + size)].hex(" ")
        yield f"{start:4}  {raw:47}  {'  ' * indent + meaning if start == at else ''}".rstrip()


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument, and where the next byte is."""
    info = data[at] & 31
    size = 0 if info < 24 else 1 << info - 24
    return data[at] >> 5, int.from_bytes(data[at + 1 : at + 1 + size], "big") if size else info, at + 1 + size


def _item(
    data: bytes, at: int, indent: int, name: str, names: dict[int, str]
) -> list[tuple[int, int, int, str]]:
    """The rows of one item; a key is on the row of its value."""
    start = at
    if names and indent > 2 and name in names.values():
        _, _, at = _head(data, at)  # the key in front of the value
    major, number, end = _head(data, at)
    if major in {4, 5}:
        what = "a map of" if major == 5 else "an array of"
        rows = [(start, end - start, indent, f"{name}: {what} {number}")]
        inside = ENTRY if name == RECORD[12] else names
        for n in range(number):
            rows += _inside(data, end, indent + 1, (major, n), inside)
            end = sum(rows[-1][:2])
        return rows
    if major in {2, 3}:
        end += number
    return [(start, end - start, indent, f"{name}{_value(data, at, major, number, end)}")]


def _inside(
    data: bytes, at: int, indent: int, place: tuple[int, int], names: dict[int, str]
) -> list[tuple[int, int, int, str]]:
    major, n = place
    if major == 4:
        return _item(data, at, indent, f"item {n + 1}", names)
    key_major, number, _ = _head(data, at)
    key = -1 - number if key_major else number
    return _item(data, at, indent, names[key], names)


def _value(data: bytes, at: int, major: int, number: int, end: int) -> str:
    if major == 3:
        return f": {data[end - number : end].decode()!r}"
    if major == 2:
        return f", {number} bytes"
    if major == 7:
        size = end - at - 1
        return f": {struct.unpack('>f' if size == 4 else '>d', data[at + 1 : end])[0]!r} in {8 * size} bits"
    return f": {-1 - number if major else number}"


if __name__ == "__main__":
    print(walk())
