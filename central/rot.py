"""Whether what is stored is still what was signed. Disks change bits; a station must not be blamed for them."""

from central.ledgers import Ledger
from central.records import Records
from telemetry.envelope import RECORD, Forged, peek, unseal
from telemetry.fields import RecordError
from telemetry.keys import KeyRing
from telemetry.record import Record, decode_record


def is_word_of(stored: bytes, public: bytes, record: Record) -> bool:
    """Whether a stored envelope still is one that `public` signed for the place of `record`."""
    try:
        said = decode_record(unseal(stored, RECORD, KeyRing([public])).payload)
    except (Forged, RecordError):
        return False
    return (said.station, said.ledger, said.seq) == (record.station, record.ledger, record.seq)


def hash_before_rot(ledger: Ledger, seq: int, records: Records) -> bytes | None:
    """The hash that an envelope had when it came, by what is linked to it. None: nothing says it."""
    if not ledger.reception.holds(seq):
        return None
    end = ledger.reception.end_of_run(seq)
    following = records.envelope_at(ledger.id, seq + 1) if end is None else None
    if following is None:
        return end
    try:
        return decode_record(peek(following, RECORD).payload).prev
    except (Forged, RecordError):
        return None
