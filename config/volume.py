"""How much a station records: the figures behind the check of the quota.

Estimates, measured against real records in a real table (tests/agent/test_forecast.py): some percent off. Readings
only; boot records, gaps and the configuration are few.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, cast

from config.quantity import DAY_MS
from config.settings import Settings
from config.station import Device

RECORD_BYTES = 243
"""An envelope without ids and channels: header, signature, links, clocks (design, section 3)."""
CHANNEL_BYTES = 5
"""A channel without its id and the bits of its value: a map, labels, the value's head."""
UNIT_BYTES = 2
"""The label and the length of a unit of measure that is not the record's usual one."""
ROW_BYTES = 39
"""What the store keeps beside an envelope."""
PAGE_BYTES = 4096
PAGE_ROOM = 4084
"""A page of the database without its head; a row does not begin on one page and end on the next."""

LONG_ROW = 1.05
"""A row that is longer than a page has pages of its own for its rest, and the last is not full."""


class Volume(NamedTuple):
    """What is written in a day when every poll is on time."""

    records_per_day: float
    bytes_per_day: float

    def days_until(self, quota_bytes: int) -> float:
        """Days until so many bytes are full; infinite when nothing is written."""
        return quota_bytes / self.bytes_per_day if self.bytes_per_day else float("inf")


def volume_of(station: str, device: Device) -> Volume:
    """One device's share."""
    meanings = cast("Settings", device.settings).channels()
    channels = [(meaning.id, meaning.unit, meaning.bits) for meaning in meanings]
    records = DAY_MS / device.every_ms
    return Volume(records, records * bytes_on_disk(record_bytes(station, device.id, channels)))


def record_bytes(station: str, device: str, channels: list[tuple[str, str, int]]) -> int:
    """One signed record with a value for each of these channels (id, unit of measure, bits of the value)."""
    ids = sum(CHANNEL_BYTES + len(name.encode()) + bits // 8 for name, _, bits in channels)
    units = Counter(unit for _, unit, _ in channels)
    usual = max(units, key=lambda unit: units[unit], default="")
    others = sum(count * (UNIT_BYTES + len(unit.encode())) for unit, count in units.items() if unit != usual)
    return RECORD_BYTES + 2 * len(station) + len(device) + len(usual.encode()) + ids + others


def bytes_on_disk(envelope: int) -> float:
    """The share of the database that one envelope takes."""
    row = envelope + ROW_BYTES
    rows = PAGE_ROOM // row
    return PAGE_BYTES / rows if rows else row * LONG_ROW


def total(volumes: Iterable[Volume]) -> Volume:
    """Their sum."""
    records, size = 0.0, 0.0
    for volume in volumes:
        records += volume.records_per_day
        size += volume.bytes_per_day
    return Volume(records, size)
