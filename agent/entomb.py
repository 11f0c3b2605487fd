"""Letting undelivered records go when the quota is used up: never without a signed tombstone that sums them up.

    StoreFull ──▶ the oldest clock hour that is owed ──▶ one tombstone per device ──▶ recorder signs it like any record
                     (kind 1 of the current ledger)                                     │
    one transaction: the rows go, everything that waited and the tombstones come  ◀─────┘

The recorder signs ahead of the store, so a tombstone takes the next seq behind what waits in memory; the store only
learns which rows go with it. Boot, configuration and gap records stay, and so do the records of older ledgers: a
tombstone can speak of its own ledger only. (docs/decisions/0019)
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from buffer.errors import StoreError
from buffer.store import Entry, Store
from telemetry.bodies import GapReason
from telemetry.content import readings_of
from telemetry.envelope import RECORD, Forged, peek
from telemetry.fields import RecordError
from telemetry.loss import Summary, TombstoneBody, tombstone_digest
from telemetry.ranges import Ranges, normal, subtract
from telemetry.reading import is_valid
from telemetry.record import Kind, decode_record

HOUR_MS = 3_600_000
PART_RECORDS = 1_500
"""One tombstone names at most so many ranges: 11 bytes each, and an envelope has 32 KiB."""
PART_BYTES = 2 * 1024 * 1024
RECORDS_AT_ONCE = 20
"""Summing up so many takes some ms; then the polls have a turn."""


@dataclass(slots=True)
class Sum:
    """One channel's readings, added one by one."""

    n: int = 0
    n_invalid: int = 0
    lowest: float | None = None
    highest: float | None = None
    total: float = 0.0

    def add(self, value: float | str | None, flags: int) -> None:
        """Only a number without a disqualifying flag counts as a measurement."""
        if not isinstance(value, int | float) or not is_valid(flags):
            self.n_invalid += 1
            return
        self.n += 1
        self.total += value
        self.lowest = value if self.lowest is None else min(self.lowest, value)
        self.highest = value if self.highest is None else max(self.highest, value)

    def summary(self) -> Summary:
        """As the tombstone has it. The mean is a double, so a sum of doubles beyond all measure has none."""
        mean = self.total / self.n if self.n and abs(self.total) != float("inf") else None
        return Summary(self.n, self.lowest, self.highest, mean, self.n_invalid)


@dataclass(slots=True)
class Grave:
    """What one tombstone will tell of one device."""

    device: str
    seqs: list[int] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    sums: dict[str, Sum] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """One record, in order of seq. What cannot be read any more is named and counted nowhere."""
        self.seqs.append(entry.seq)
        self.hashes.append(hashlib.sha256(entry.envelope).digest())
        try:
            readings = readings_of(decode_record(peek(entry.envelope, RECORD).payload))
        except (Forged, RecordError):
            return
        for reading in readings:
            self.sums.setdefault(reading.channel, Sum()).add(reading.value, reading.flags)

    def tombstone(self) -> TombstoneBody:
        """The body to be signed."""
        channels: Mapping[str, Summary] = {channel: s.summary() for channel, s in self.sums.items()}
        digest = tombstone_digest(self.hashes)
        ranges = normal((seq, seq) for seq in self.seqs)
        return TombstoneBody(self.device, ranges, GapReason.OVERFLOW, channels, digest)


def oldest_hour(entries: Iterable[Entry]) -> list[Entry]:
    """The readings at the front that are of one clock hour (UTC)."""
    taken: list[Entry] = []
    for entry in entries:
        if entry.kind != Kind.READINGS:
            continue
        if taken and entry.wall_ms // HOUR_MS != taken[0].wall_ms // HOUR_MS:
            break
        taken.append(entry)
    return taken


async def graves(entries: Sequence[Entry]) -> list[Grave]:
    """One per device, in the order in which the devices come."""
    found: dict[str, Grave] = {}
    for number, entry in enumerate(entries, 1):
        found.setdefault(entry.device, Grave(entry.device)).add(entry)
        if number % RECORDS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return list(found.values())


async def entomb(
    store: Store,
    ledger: bytes,
    *,
    room_bytes: int,
    spared: Ranges,
    sign: Callable[[TombstoneBody], None],
    is_written: Callable[[], bool],
) -> int:
    """Tombstones for the oldest undelivered readings, until the rows that go with them make so much room.

    ledger: the one being written, as long as `is_written` says so: another one's tombstone cannot speak of it.
    spared: rows that a tombstone which is not written yet names already. Gives the number of records that go; 0: there
    are none that may, or none that can be read just now.
    """
    gone, made_bytes = 0, 0
    while made_bytes < room_bytes:
        entries = await _oldest(store, ledger, spared)
        found = await graves(entries)
        if not entries or not is_written():
            break
        for grave in found:
            sign(grave.tombstone())
        spared = normal((*spared, *((entry.seq, entry.seq) for entry in entries)))
        gone += len(entries)
        made_bytes += sum(len(entry.envelope) for entry in entries)
    return gone


async def _oldest(store: Store, ledger: bytes, spared: Ranges) -> list[Entry]:
    with suppress(StoreError):  # the next write meets the same trouble, and says it
        return await _oldest_hour(store, ledger, spared)
    return []


async def _oldest_hour(store: Store, ledger: bytes, spared: Ranges) -> list[Entry]:
    owed = normal(
        (o.first, o.last) for name in store.destinations for o in store.owed(name) if o.ledger == ledger
    )
    for first, last in subtract(owed, spared):
        while first <= last:
            rows = await store.read(ledger, first, last, max_bytes=PART_BYTES, max_rows=PART_RECORDS)
            hour = oldest_hour(rows)
            if hour or not rows:
                break
            first = rows[-1].seq + 1  # noqa: PLW2901 - only boots, gaps and the like in between
        else:
            continue
        if hour:
            return hour
    return []
