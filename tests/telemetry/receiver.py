"""A whole receiver in one page, as docs/wire.md tells it: the scenarios are run through it."""

from collections.abc import Iterable
from typing import Any

from telemetry import ranges
from telemetry.content import readings_of
from telemetry.envelope import HEAD, RECEIPT, RECORD, Forged, hash_of, unseal
from telemetry.fields import RecordError
from telemetry.finding import Finding, FindingKind
from telemetry.head import Head, decode_head
from telemetry.keys import KeyRing
from telemetry.receipt import decode_receipt
from telemetry.reception import Outcome, Reception
from telemetry.record import Kind, Record, decode_record
from telemetry.silence import Silence

TYPES = {"record": RECORD, "receipt": RECEIPT, "head": HEAD}
DECODERS = {"record": decode_record, "receipt": decode_receipt, "head": decode_head}
REASONS = {
    "TooLarge": "too-large",
    "Malformed": "malformed",
    "WrongType": "wrong-type",
    "UnknownKey": "unknown-key",
    "BadSignature": "bad-signature",
    "RecordError": "bad-record",
}


def opened(envelope: bytes, expected: str, station: str, ring: KeyRing) -> Any:
    """The record, receipt or head in an envelope; the reason as text when it is refused."""
    try:
        said: Any = DECODERS[expected](unseal(envelope, TYPES[expected], ring).payload)
    except (Forged, RecordError) as e:
        return REASONS[type(e).__name__]
    return said if said.station == station else "other-station"


class LedgerDesk:
    """One ledger: what was stored, and what follows from it."""

    def __init__(self) -> None:
        self.envelopes: dict[int, bytes] = {}
        self.records: dict[int, Record] = {}
        self.findings: list[Finding] = []
        self.head: Head | None = None
        self.reception = Reception(self._hash_at)

    def _hash_at(self, seq: int) -> bytes | None:
        return hash_of(self.envelopes[seq]) if seq in self.envelopes else None

    def take(self, record: Record, envelope: bytes) -> str:
        # Through a dump and back, every time: a receiver may be stopped between any two records.
        self.reception = Reception.load(self.reception.dump(), self._hash_at)
        outcome, findings = self.reception.take(record, hash_of(envelope))
        self.findings += findings
        if outcome is Outcome.NEW:
            self.envelopes[record.seq] = envelope
            self.records[record.seq] = record
            self._read(record)
        return outcome.value

    def _read(self, record: Record) -> None:
        if record.kind != Kind.READINGS:
            return
        try:
            readings_of(record)
        except RecordError as e:
            self.findings.append(Finding(FindingKind.UNREADABLE_BODY, record.ledger, record.seq, str(e)))

    def take_head(self, head: Head) -> str:
        self.head = head
        self.findings += self.reception.contradictions(head)
        return "head"

    def conclude(self, ledger: bytes) -> dict[str, Any]:
        through, through_hash = self.reception.through()
        missing = self.reception.missing(self.head.newest) if self.head else []
        pending = ranges.intersect(missing, self.head.owed) if self.head else ()
        holes = ranges.subtract(missing, pending)
        return {
            "ledger": ledger.hex(),
            "through": through,
            "through_hash": through_hash.hex(),
            "ranges": [[a, b, h.hex()] for a, b, h in self.reception.ranges_beyond()],
            "status": int(self.reception.status(holes)),
            "pending": [list(span) for span in pending],
            "holes": [list(span) for span in holes],
            "findings": [[f.what.value, f.seq] for f in (*self.findings, *self.silence(ledger))],
        }

    def silence(self, ledger: bytes) -> Iterable[Finding]:
        silence = Silence()
        for seq in sorted(self.records):
            yield from silence.feed(self.records[seq])
            silence = Silence.load(silence.dump())
        yield from silence.close(ledger)
