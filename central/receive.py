"""A message in; what it proves is kept, what it does not is a finding. Never an exception for what others sent.

Everything happens inside the store's transaction and changes only what `Ledgers` and `Store` hold.
"""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import islice

from central.findings import Noted
from central.ledgers import Ledger, Ledgers
from central.now import Now
from central.records import Measurement
from central.rot import hash_before_rot, is_word_of
from central.store import Store
from central.strangers import STRANGERS_KEPT, Stranger, stranger_of
from central.succession import Succession
from telemetry import cbor
from telemetry.bodies import BootBody
from telemetry.content import readings_of
from telemetry.envelope import RECORD, BadSignature, Forged, UnknownKey, hash_of, peek, unseal
from telemetry.fields import RecordError, is_identifier
from telemetry.finding import Finding, FindingKind
from telemetry.keys import KeyRing
from telemetry.reception import Outcome
from telemetry.record import Kind, Record, decode_record

REFUSALS_PER_MESSAGE = 16
"""So many refusals of one message are kept; the others are counted."""
REFUSALS_READ = 1000
"""After so many refusals the rest of a message is not read: a megabyte of noise holds a million items."""


class Refused(Exception):
    """Not the station's word: what kind of finding it is, why, and what makes it the same one."""

    def __init__(self, what: FindingKind, why: str, key: bytes = b"") -> None:
        super().__init__(why)
        self.what = what
        self.key = key


class Receiver:
    """Takes records of enrolled stations and boot records of strangers."""

    def __init__(
        self, store: Store, ledgers: Ledgers, rings: Mapping[str, KeyRing], succession: Succession
    ) -> None:
        self._store = store
        self._ledgers = ledgers
        self._rings = rings
        self._succession = succession

    def records(self, station: str, payload: bytes, now: Now) -> None:
        """A `live` or `past` message of an enrolled station."""
        received = rejected = 0
        items = _items(payload)
        for received, item in enumerate(items, 1):  # noqa: B007 - the count is wanted after the loop
            try:
                self._record(station, item, now)
            except Refused as refused:
                rejected += 1
                if rejected <= REFUSALS_PER_MESSAGE:
                    self.refuse(station, item, refused, now)
                if rejected >= REFUSALS_READ:
                    break
        seen = now.wall_ms if received > rejected else None
        self._store.count(station, received, rejected, seen)

    def strangers(self, station: str, payload: bytes, now: Now) -> list[Stranger]:
        """The boot records in a message of a station that nobody enrolled; all else of it is dropped."""
        if not is_identifier(station):
            return []
        some = islice(_items(payload), STRANGERS_KEPT)
        found = (stranger_of(station, item, now.wall_ms) for item in some)
        return [stranger for stranger in found if stranger is not None]

    def refuse(self, station: str, evidence: bytes, refused: Refused, now: Now) -> None:
        """Keep what was refused, and why."""
        key = refused.key or hashlib.sha256(evidence).digest()
        noted = Noted(station, None, refused.what.value, None, key, str(refused), evidence)
        self._store.findings.note(noted, now.wall_ms)

    def note(self, station: str, findings: Iterable[Finding], now: Now) -> None:
        """Keep what the rules of the contract found."""
        for finding in findings:
            key = hashlib.sha256(
                finding.ledger + (finding.seq or 0).to_bytes(8, "big") + finding.detail.encode()
            ).digest()
            noted = Noted(station, finding.ledger, finding.what.value, finding.seq, key, finding.detail)
            self._store.findings.note(noted, now.wall_ms)

    def open_ledger(self, station: str, name: bytes, public: bytes, now: Now) -> Ledger:
        """The ledger of that name, begun now if it is new. A second one of a station is a finding.

        Refused when the ledger was begun with another key.
        """
        ledger = self._ledgers.find(station, name)
        if ledger is None:
            others = self._ledgers.of_station(station)
            ledger = self._ledgers.begin(station, name, public, now.wall_ms)
            if others:
                said = f"the station began a new ledger; it had {len(others)} before"
                self.note(station, [Finding(FindingKind.NEW_LEDGER, name, 1, said)], now)
        elif ledger.public != public:
            raise Refused(FindingKind.REJECTION, f"ledger {name.hex()} was begun with another key")
        return self._ledgers.touch(ledger)

    def _record(self, station: str, envelope: bytes, now: Now) -> None:
        """One envelope. Refused when it is not the station's word."""
        record, public = self._verified(station, envelope, now)
        ledger = self.open_ledger(station, record.ledger, public, now)
        digest = hash_of(envelope)
        stored = self._store.records.envelope_at(ledger.id, record.seq)
        if stored is not None and stored != envelope:
            self._compare(ledger, record, envelope, stored, now)
        taken = ledger.reception.take(record, digest)
        self.note(station, taken.findings, now)
        if taken.outcome is Outcome.NEW and stored is None:
            self._keep(ledger, record, envelope, now)
        elif taken.outcome is not Outcome.FORK or not self._store.records.keep_fork(
            ledger.id, record.seq, digest, envelope, now.wall_ms
        ):
            ledger.duplicates += 1

    def _compare(self, ledger: Ledger, record: Record, envelope: bytes, stored: bytes, now: Now) -> None:
        """Something else is stored at the seq of a verified record: a second content, or what has rotted there.

        What rotted is replaced, unless its hash is known by the next record and is not the one of `envelope`.
        """
        if is_word_of(stored, ledger.public, record):
            if not ledger.reception.holds(record.seq):
                self._ledgers.rebuild(ledger)
            return
        known = hash_before_rot(ledger, record.seq, self._store.records)
        if known is None or known == hash_of(envelope):
            self._store.records.replace(ledger.id, record.seq, record.kind, envelope)
            said = f"what was stored as seq {record.seq} had rotted at the centre; it came again and is whole"
            self.note(record.station, [Finding(FindingKind.REJECTION, ledger.ledger, record.seq, said)], now)

    def _verified(self, station: str, envelope: bytes, now: Now) -> tuple[Record, bytes]:
        """The record in the envelope and the key that signed it."""
        try:
            ring = self._ring_for(station, envelope)
            payload, kid = unseal(envelope, RECORD, ring)
            record = decode_record(payload)
        except UnknownKey as error:
            self._remember_exchanged(station, envelope, now)
            raise Refused(FindingKind.UNKNOWN_KEY, str(error), peek(envelope, RECORD).kid) from None
        except BadSignature as error:
            raise Refused(FindingKind.BAD_SIGNATURE, str(error)) from None
        except (Forged, RecordError) as error:
            raise Refused(FindingKind.REJECTION, str(error)) from None
        if record.station != station:
            raise Refused(FindingKind.REJECTION, f"signed by {record.station}, sent as {station}")
        if _names_another_key(record, ring[kid]):
            raise Refused(
                FindingKind.REJECTION, f"the boot record {record.seq} names a key that did not sign it"
            )
        return record, ring[kid]

    def _ring_for(self, station: str, envelope: bytes) -> KeyRing:
        """The station's enrolled key, or the key before it where that one is still believed."""
        ring, sealed = self._rings[station], peek(envelope, RECORD)
        if sealed.kid in ring:
            return ring
        for ledger in self._ledgers.of_station(station):
            if ledger.kid == sealed.kid:
                record = decode_record(sealed.payload)
                known = self._ledgers.find(station, record.ledger)
                if (
                    known is not None
                    and known.kid == sealed.kid
                    and record.seq <= self._succession.end(known)
                ):
                    return self._succession.ring(known)
                break
        return ring

    def _remember_exchanged(self, station: str, envelope: bytes, now: Now) -> None:
        """A boot record of an enrolled station under another key: perhaps its gateway was exchanged."""
        stranger = stranger_of(station, envelope, now.wall_ms)
        if stranger is not None:
            self._store.strangers.remember(stranger)

    def _keep(self, ledger: Ledger, record: Record, envelope: bytes, now: Now) -> None:
        """Store a record that is new, and what it says."""
        self._store.records.keep(ledger.id, record.seq, record.kind, envelope)
        ledger.stored += 1
        ledger.fresh[record.seq] = record
        if not ledger.unsaid:
            ledger.unsaid_since_mono_ms = now.mono_ms
        ledger.unsaid += 1
        if record.kind != Kind.READINGS:
            return
        try:
            measured = readings_of(record)
        except RecordError as error:
            unread = Finding(FindingKind.UNREADABLE_BODY, record.ledger, record.seq, str(error))
            self.note(record.station, [unread], now)
            return
        values = [Measurement(m.device, m.channel, m.unit, m.wall_ms, m.value, m.flags) for m in measured]
        self._store.records.measure(record.station, ledger.id, record.seq, values)


def _names_another_key(record: Record, public: bytes) -> bool:
    if record.kind != Kind.BOOT:
        return False
    try:
        return BootBody.decode(record.body).public != public
    except RecordError:
        return False  # stored and linked; the reception says that it cannot be read


def _items(payload: bytes) -> Iterable[bytes]:
    """The envelopes in a message; where it is damaged, the rest of it as one more item, to be refused."""
    at = 0
    try:
        for item in cbor.sequence(payload):
            yield item
            at += len(item)
    except cbor.CborError:
        yield payload[at:]
