"""Room for the store: free space against its quota, and whether it can be written at all."""

import os
from dataclasses import dataclass
from pathlib import Path

from agent.doctor.verdict import Verdict, ok, warning, wrong
from config.quantity import size_text
from config.station import Station

NO_ROOM_BYTES = 64 * 1024 * 1024
"""Less than this is gone in hours: the store's log alone may take as much."""
SHORT_DAYS = 7.0
WHOLE_DAYS = 10.0
"""From here on tenths of a day mean nothing."""
PARTS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """`folder`: the store's, or the nearest above that is there. `store_bytes`: what the store takes already.

    `bytes_per_day`: what the station will write; None: it is not known. `writable`: by the user who asks.
    """

    folder: Path
    free_bytes: int
    free_files: int | None
    read_only: bool
    writable: bool
    store_bytes: int
    quota_bytes: int
    bytes_per_day: float | None


def judge_disk(facts: DiskFacts) -> list[Verdict]:
    """Writable, with room, and for how long."""
    values = {
        "folder": facts.folder,
        "free": size_text(facts.free_bytes),
        "quota": size_text(facts.quota_bytes),
        "used": size_text(facts.store_bytes),
    }
    if facts.read_only:
        return [wrong("disk-read-only", **values)]
    if not facts.writable:
        return [wrong("disk-not-ours", **values)]
    if facts.free_files == 0:
        return [wrong("disk-no-files", **values)]
    if facts.free_bytes < NO_ROOM_BYTES:
        return [wrong("disk-full", **values)]
    return [_quota(facts, values), *_days(facts, values)]


def _quota(facts: DiskFacts, values: dict[str, object]) -> Verdict:
    still_wanted = max(0, facts.quota_bytes - facts.store_bytes)
    if facts.free_bytes < still_wanted:
        fits = facts.store_bytes + facts.free_bytes - NO_ROOM_BYTES
        return warning("disk-below-quota", **values, fits=size_text(max(0, fits)))
    return ok("disk-ok", **values)


def _days(facts: DiskFacts, values: dict[str, object]) -> list[Verdict]:
    """How long the room lasts when nothing is delivered or let go."""
    if not facts.bytes_per_day:
        return []
    room = min(facts.free_bytes, max(0, facts.quota_bytes - facts.store_bytes))
    days = room / facts.bytes_per_day
    said = values | {
        "days": f"{days:,.0f}" if days >= WHOLE_DAYS else f"{days:,.1f}",
        "per_day": size_text(facts.bytes_per_day),
    }
    # A store that has reached its quota lets delivered records go: only the disk can fall short of it.
    if days < SHORT_DAYS and facts.free_bytes < facts.quota_bytes - facts.store_bytes:
        return [warning("disk-short", **said)]
    return [ok("disk-days", **said)] if days >= SHORT_DAYS else []


def look_at_disk(station: Station, bytes_per_day: float | None) -> DiskFacts:
    """OSError when not even that can be asked."""
    store = station.buffer.path.absolute()
    folder = next(place for place in store.parents if place.is_dir())
    found = os.statvfs(folder)
    return DiskFacts(
        folder=folder,
        free_bytes=found.f_bavail * found.f_frsize,
        free_files=found.f_favail if found.f_files else None,
        read_only=bool(found.f_flag & os.ST_RDONLY),
        writable=os.access(folder, os.W_OK),
        store_bytes=sum(_size(store.with_name(store.name + part)) for part in PARTS),
        quota_bytes=station.buffer.quota_bytes,
        bytes_per_day=bytes_per_day,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
