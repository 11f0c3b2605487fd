"""How much a station records: the figures behind the check of the quota. Estimates, some percent high."""

from collections.abc import Iterable
from typing import NamedTuple, cast

from config.quantity import DAY_MS
from config.settings import Settings
from config.station import Device

# Design section 3, counted byte by byte: envelope 118 (header 46, signature 66), record without ids 117,
# head of the SenML pack 20; the store's own columns and index 90 (sqlite page share included).
RECORD_BYTES = 118 + 117 + 20 + 90
# Map, labels n, v and u, their lengths (5) and a value of 64 bits (9).
CHANNEL_BYTES = 14
# A readings record is split by channels before it is signed when it would pass 32 KiB.


class Volume(NamedTuple):
    """What is written in a day when every poll is on time."""

    records_per_day: float
    bytes_per_day: float

    def days_until(self, quota_bytes: int) -> float:
        """Days until so many bytes are full; infinite when nothing is written."""
        return quota_bytes / self.bytes_per_day if self.bytes_per_day else float("inf")


def volume_of(station: str, device: Device) -> Volume:
    """One device's share."""
    channels = cast("Settings", device.settings).channels()
    names = 2 * len(station) + 2 * len(device.id)
    values = sum(CHANNEL_BYTES + len(c.id.encode()) + len(c.unit.encode()) for c in channels)
    records = DAY_MS / device.every_ms
    return Volume(records, records * (RECORD_BYTES + names + values))


def total(volumes: Iterable[Volume]) -> Volume:
    """Their sum."""
    records, size = 0.0, 0.0
    for volume in volumes:
        records += volume.records_per_day
        size += volume.bytes_per_day
    return Volume(records, size)
