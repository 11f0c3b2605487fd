"""Fields of decoded records: each function takes what was decoded and gives it with its type, or refuses it.

`what` names the field in the refusal. Integers stay below 2^63, so that every database can hold them.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import TypeVar

from telemetry import cbor

LARGEST_UINT = (1 << 63) - 1
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", re.ASCII)


class RecordError(ValueError):
    """A payload or a body deviates from docs/wire.md; the message names the field."""


def is_identifier(text: str) -> bool:
    """Whether `text` can be a station, device or channel id."""
    return _IDENTIFIER.fullmatch(text) is not None


def identifier(value: object, what: str) -> str:
    """A station, device or channel id."""
    if not isinstance(value, str) or not is_identifier(value):
        raise RecordError(f"{what} is {value!r}, not an id of 1 to 32 letters, digits, '_', '.', '-'")
    return value


def text(value: object, what: str) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise RecordError(f"{what} is {value!r}, not text")
    return value


def uint(value: object, what: str) -> int:
    """An integer from 0 to 2^63 - 1."""
    if type(value) is not int or not 0 <= value <= LARGEST_UINT:
        raise RecordError(f"{what} is {value!r}, not an integer from 0 to 2^63 - 1")
    return value


def octets(value: object, size: int, what: str) -> bytes:
    """Exactly `size` bytes."""
    if not isinstance(value, bytes) or len(value) != size:
        raise RecordError(f"{what} is not a byte string of {size}")
    return value


def array(value: object, what: str, length: int | None = None) -> list[object]:
    """An array, of exactly `length` items when that is given."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise RecordError(f"{what} is not an array" + ("" if length is None else f" of {length}"))
    return value


def table(
    value: object, what: str, required: frozenset[int], optional: frozenset[int] = frozenset()
) -> Mapping[object, object]:
    """A map with exactly the required keys and perhaps the optional ones."""
    if not isinstance(value, dict):
        raise RecordError(f"{what} is not a map")
    keys = value.keys()
    if not required <= keys <= required | optional:
        raise RecordError(f"{what} has the fields {sorted(map(str, keys))}, expected {sorted(required)}")
    return value


def payload(raw: bytes, what: str, required: frozenset[int], version: int) -> Mapping[object, object]:
    """The map in a signed payload: exactly the required keys, field 1 the version."""
    try:
        decoded = cbor.decode(raw)
    except cbor.CborError as e:
        raise RecordError(f"{what}: {e}") from None
    said = table(decoded, what, required)
    if uint(said[1], "version (1)") != version:
        raise RecordError(f"version (1) is {said[1]}, this verifier reads {version}")
    return said


def spans(value: object, what: str, most: int | None = None) -> tuple[tuple[int, int], ...]:
    """Inclusive ranges of seq, ascending and apart, at most `most` of them."""
    items = array(value, what)
    if most is not None and len(items) > most:
        raise RecordError(f"{what} has {len(items)} ranges, at most {most} are allowed")
    found: list[tuple[int, int]] = []
    for item in items:
        first, last = (uint(n, what) for n in array(item, what, 2))
        if not (found[-1][1] if found else 0) < first <= last:
            raise RecordError(f"{what}: the range {first}..{last} is empty or out of order")
        found.append((first, last))
    return tuple(found)


E_ = TypeVar("E_", bound=IntEnum)


def known(names: type[E_], value: object, what: str) -> E_ | int:
    """The member of `names` with this number, or the plain number when a later version added one."""
    number = uint(value, what)
    return names(number) if number in names._value2member_map_ else number


def number_or_none(value: object, what: str) -> float | None:
    """An integer or a float, or None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise RecordError(f"{what} is {value!r}, not a number")
    return value
