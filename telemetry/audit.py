"""A verifier for ledgers: takes envelopes in any order and says what they prove (docs/wire.md)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from telemetry import ranges
from telemetry.bodies import BootBody
from telemetry.content import body_of, readings_of
from telemetry.envelope import RECORD, BadSignature, Forged, UnknownKey, hash_of, peek, unseal
from telemetry.fields import RecordError
from telemetry.finding import Finding, FindingKind
from telemetry.keys import KeyRing, kid_of
from telemetry.ranges import Range, Ranges
from telemetry.reception import Outcome, Reception
from telemetry.record import Kind, Record, decode_record
from telemetry.silence import Silence


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What the envelopes of one ledger prove. `station` "" and an empty ledger: bytes that name none.

    `verified` is from the lowest record here to the last that is stored, linked and complete; None: nothing is.
    `starts_here`: the ledger's first record is among them. `kinds` counts records, `duplicates` the repeated ones.
    """

    station: str
    ledger: bytes
    verified: Range | None
    newest: int
    starts_here: bool
    holes: Ranges
    tombstoned: Ranges
    duplicates: int
    kinds: dict[int, int]
    findings: tuple[Finding, ...]

    def of_kind(self, *kinds: FindingKind) -> tuple[Finding, ...]:
        """The findings of these kinds."""
        return tuple(finding for finding in self.findings if finding.what in kinds)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that spoil the proof: not new ledgers, unknown kinds, and what the station itself says."""
        return tuple(f for f in self.findings if f.what not in _HARMLESS and not f.is_stated)

    @property
    def is_proven(self) -> bool:
        """Whether nothing is missing, forked, broken, forged, unexplained or unreadable."""
        return self.verified is not None and not self.problems


_HARMLESS = frozenset({FindingKind.NEW_LEDGER, FindingKind.FOREIGN_KIND})


def audit(envelopes: Iterable[bytes], ring: KeyRing) -> list[LedgerReport]:
    """One report per ledger, in the order in which they first appeared. Memory: 32 bytes and a little per record."""
    desks: dict[tuple[str, bytes], _Desk] = {}
    for envelope in envelopes:
        claimed, verdict = _examine(envelope, ring)
        desk = desks.setdefault(claimed, _Desk(*claimed))
        if isinstance(verdict, Finding):
            desk.findings.append(verdict)
        else:
            desk.take(verdict, hash_of(envelope))
    _announce_ledgers(desks)
    return [desk.report() for desk in desks.values()]


def _announce_ledgers(desks: "dict[tuple[str, bytes], _Desk]") -> None:
    """A ledger that follows another says so; one that merely appears beside another is news all the more."""
    followed = {desk.follows[0] for desk in desks.values() if desk.follows}
    seen: set[str] = set()
    for (station, ledger), desk in desks.items():
        if desk.follows:
            before, seq, _ = desk.follows
            desk.announce(f"this ledger follows ledger {before.hex()}, known to it up to seq {seq}")
        elif station in seen and desk.has_records and ledger not in followed:
            desk.announce("another ledger of this station, with no word of the one before")
        if desk.has_records:
            seen.add(station)


def _ledger_before(record: Record) -> tuple[bytes, int, bytes] | None:
    try:
        body = body_of(record)
    except RecordError:
        return None
    return body.before if isinstance(body, BootBody) else None


_MOST_WAITING = 50_000
"""Records that wait for one before them; an export that begins in the middle is read on from its lowest then."""


class _Verified(NamedTuple):
    """A record whose signature holds, and the key that made it."""

    record: Record
    kid: bytes


def _examine(envelope: bytes, ring: KeyRing) -> tuple[tuple[str, bytes], _Verified | Finding]:
    """The station and ledger that the envelope claims, and what it is worth."""
    try:
        payload, kid = unseal(envelope, RECORD, ring)
        record = decode_record(payload)
    except (Forged, RecordError) as e:
        claimed, seq = _claim(envelope)
        return claimed, Finding(_rejection(e), claimed[1], seq, str(e))
    return (record.station, record.ledger), _Verified(record, kid)


def _rejection(error: Exception) -> FindingKind:
    if isinstance(error, BadSignature):
        return FindingKind.BAD_SIGNATURE
    return FindingKind.UNKNOWN_KEY if isinstance(error, UnknownKey) else FindingKind.REJECTION


def _claim(envelope: bytes) -> tuple[tuple[str, bytes], int | None]:
    """Where a refused envelope says that it belongs; nothing of it is proven."""
    try:
        record = decode_record(peek(envelope, RECORD).payload)
    except (Forged, RecordError):
        return ("", b""), None
    return (record.station, record.ledger), record.seq


class _Desk:
    """One ledger while its envelopes come in; records wait here until those before them have come."""

    def __init__(self, station: str, ledger: bytes) -> None:
        self.findings: list[Finding] = []
        self.follows: tuple[bytes, int, bytes] | None = None
        self._station = station
        self._ledger = ledger
        self._hashes: dict[int, bytes] = {}
        self._reception = Reception(self._hashes.get)
        self._silence = Silence()
        self._waiting: dict[int, Record] = {}
        self._next_seq = 1
        self._kid = b""
        self._duplicates = 0
        self._kinds: Counter[int] = Counter()

    def take(self, verified: _Verified, envelope_hash: bytes) -> None:
        record, kid = verified
        wrong_key = self._key_trouble(record, kid)
        if wrong_key:
            self._find(FindingKind.REJECTION, record.seq, wrong_key)
            return
        outcome, findings = self._reception.take(record, envelope_hash)
        self.findings.extend(findings)
        if outcome is Outcome.DUPLICATE:
            self._duplicates += 1
        if outcome is not Outcome.NEW:
            return
        self._hashes[record.seq] = envelope_hash
        self._kinds[record.kind] += 1
        self._read(record)
        self._waiting[record.seq] = record
        while self._next_seq in self._waiting:
            self._feed(self._waiting.pop(self._next_seq))
        if len(self._waiting) > _MOST_WAITING:
            for seq in sorted(self._waiting)[: _MOST_WAITING // 2]:
                self._feed(self._waiting.pop(seq))

    @property
    def has_records(self) -> bool:
        return bool(self._hashes)

    def report(self) -> LedgerReport:
        for seq in sorted(self._waiting):
            self._feed(self._waiting.pop(seq))
        self.findings.extend(self._silence.close(self._ledger))
        reception = self._reception
        lowest = reception.held()[0][0] if self._hashes else 1
        holes = ranges.clip(reception.missing(reception.newest()), lowest, reception.newest())
        for first, last in holes:
            self._find(
                FindingKind.HOLE, first, f"seq {first} to {last} are missing and no tombstone names them"
            )
        return LedgerReport(
            station=self._station,
            ledger=self._ledger,
            verified=reception.proven(),
            newest=reception.newest(),
            starts_here=lowest == 1 and bool(self._hashes),
            holes=holes,
            tombstoned=reception.tombstoned,
            duplicates=self._duplicates,
            kinds=dict(self._kinds),
            findings=tuple(self.findings),
        )

    def _feed(self, record: Record) -> None:
        if record.seq >= self._next_seq:  # a straggler behind what was read is not judged for silence
            self._next_seq = record.seq + 1
            self.findings.extend(self._silence.feed(record))

    def _find(self, what: FindingKind, seq: int, detail: str) -> None:
        self.findings.append(Finding(what, self._ledger, seq, detail))

    def _key_trouble(self, record: Record, kid: bytes) -> str:
        """Why the key that signed may not sign this record; "" when it may. One ledger has one key."""
        if self._kid and kid != self._kid:
            return f"seq {record.seq} is signed by the key {kid.hex()}, the ledger by {self._kid.hex()}"
        try:
            body = body_of(record)
        except RecordError:
            body = None
        if isinstance(body, BootBody) and kid_of(body.public) != kid:
            return f"the boot record {record.seq} names another key than the one that signed it"
        self._kid = kid
        return ""

    def _read(self, record: Record) -> None:
        """Findings about what the record says; those of other kinds than readings are the reception's."""
        if record.kind == Kind.READINGS:
            try:
                readings_of(record)
            except RecordError as e:
                self._find(FindingKind.UNREADABLE_BODY, record.seq, str(e))
        elif record.kind == Kind.BOOT and record.seq == 1:
            self.follows = _ledger_before(record)

    def announce(self, detail: str) -> None:
        self._find(FindingKind.NEW_LEDGER, 1, detail)
