"""Durations and sizes as a technician writes them: "500ms", "5s", "2h", "90d"; "500MB", "4GB"."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from config.errors import shown

DURATION_MS = {"ms": 1, "s": 1000, "min": 60_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SIZE_BYTES = {
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
DAY_MS = DURATION_MS["d"]

_NUMBER_AND_UNIT = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]*)\s*")


def duration_ms(written: object) -> int:
    """Milliseconds; ValueError when the unit of time is missing or unknown, or for a part of one."""
    return _whole(written, DURATION_MS, "a time with its unit", '"500ms", "5s", "10min", "2h" or "90d"')


def size_bytes(written: object) -> int:
    """Bytes, decimal as disks are sold (1 GB = 10^9) or binary with an i (GiB)."""
    return _whole(written, SIZE_BYTES, "a size with its unit", '"500MB" or "4GB"')


def _whole(written: object, units: dict[str, int], what: str, examples: str) -> int:
    match = _NUMBER_AND_UNIT.fullmatch(written) if isinstance(written, str) else None
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"should be {what}, in quotes (got {shown(written)}), e.g. {examples}")
    exact = Decimal(match[1]) * factor
    if exact != int(exact):
        raise ValueError(f"is finer than can be kept (got {shown(written)}), e.g. {examples}")
    return int(exact)


def in_days(duration: int) -> float:
    """A duration in ms as days."""
    return duration / DAY_MS


def duration_text(duration: int) -> str:
    """The shortest way to write a duration in ms: 5000 is "5s"."""
    for unit in ("d", "h", "min", "s"):
        if duration and duration % DURATION_MS[unit] == 0:
            return f"{duration // DURATION_MS[unit]}{unit}"
    return f"{duration}ms"


def size_text(size: float) -> str:
    """A size for people, three digits: 3_456_789 bytes is "3.46 MB"."""
    for unit in ("TB", "GB", "MB", "kB"):
        factor = SIZE_BYTES[unit.lower()]
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"


DURATION_SCHEMA = {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|min|m|h|d)$"}
SIZE_SCHEMA = {"type": "string", "pattern": r"^\d+(\.\d+)?\s*([kKmMgGtT]i?[bB])$"}

Duration = Annotated[int, BeforeValidator(duration_ms), WithJsonSchema(DURATION_SCHEMA)]
Size = Annotated[int, BeforeValidator(size_bytes), WithJsonSchema(SIZE_SCHEMA)]
