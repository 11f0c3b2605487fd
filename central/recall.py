"""What is known of a ledger at a start: as it was dumped, brought up to date with the envelopes that are stored."""

from contextlib import suppress

from central.dumped import unwrapped
from central.records import Records
from telemetry import ranges
from telemetry.envelope import RECORD, Forged, hash_of, peek
from telemetry.fields import LARGEST_UINT, RecordError
from telemetry.ranges import Range
from telemetry.reception import Reception
from telemetry.record import decode_record

CHUNK = 1000
"""Envelopes that are read at a time."""


class HashAt:
    """The hash of what one ledger holds at a seq, asked of the store."""

    def __init__(self, records: Records, ledger: int) -> None:
        self._records = records
        self._ledger = ledger

    def __call__(self, seq: int) -> bytes | None:
        """None: nothing is stored there."""
        envelope = self._records.envelope_at(self._ledger, seq)
        return None if envelope is None else hash_of(envelope)


def recalled(records: Records, ledger: int, dumped: bytes | None, stored: int) -> Reception:
    """The reception of a ledger of which `stored` envelopes are kept. `dumped` may be old, damaged or None.

    One that is damaged, or that another version of this program wrote, is made anew from the raw envelopes.
    """
    hash_at = HashAt(records, ledger)
    try:
        reception = Reception.load(unwrapped(dumped), hash_at) if dumped else Reception(hash_at)
    except ValueError:
        reception = Reception(hash_at)
    held = reception.held()
    if ranges.count(held) != stored:
        for gap in ranges.subtract(((1, LARGEST_UINT),), held):
            _read(records, ledger, reception, gap)
    reception.forked = ranges.normal((seq, seq) for seq in records.forks(ledger))
    return reception


def rebuilt(records: Records, ledger: int) -> Reception:
    """The reception of a ledger from nothing but its envelopes."""
    reception = Reception(HashAt(records, ledger))
    _read(records, ledger, reception, (1, LARGEST_UINT))
    reception.forked = ranges.normal((seq, seq) for seq in records.forks(ledger))
    return reception


def _read(records: Records, ledger: int, reception: Reception, gap: Range) -> None:
    """Count in what is stored in a range of which the reception knows nothing."""
    first, last = gap
    while first <= last and (rows := records.envelopes(ledger, first, last, CHUNK)):
        for seq, envelope in rows:
            _take(reception, seq, envelope)
        first = rows[-1][0] + 1


def _take(reception: Reception, seq: int, envelope: bytes) -> None:
    with suppress(Forged, RecordError):  # it rotted in the store: the link to it is what is missing
        record = decode_record(peek(envelope, RECORD).payload)
        if record.seq == seq:
            reception.take(record, hash_of(envelope))
