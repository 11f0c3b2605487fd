"""What a station says it has signed: the head, and what follows when the centre does not have all of it."""

from central.findings import Noted
from central.holes import holes, suspects
from central.ledgers import Ledger, Ledgers, hole_key
from central.now import Now
from central.receive import Receiver, Refused
from central.store import Store
from central.succession import Succession
from telemetry import ranges
from telemetry.envelope import HEAD, RECORD, BadSignature, Forged, UnknownKey, peek, unseal
from telemetry.fields import RecordError
from telemetry.finding import FindingKind
from telemetry.head import Head, decode_head
from telemetry.keys import KeyRing
from telemetry.reception import OLD_STORE
from telemetry.record import decode_record

COMMIT_MS = 10_000
"""A station's record waits up to 1 s for others and then for the disk; until its commit no head names it."""


class Heads:
    """Takes heads of enrolled stations. Each is answered with a receipt, and the newest one is believed."""

    def __init__(self, store: Store, ledgers: Ledgers, receiver: Receiver, succession: Succession) -> None:
        self._store = store
        self._ledgers = ledgers
        self._receiver = receiver
        self._succession = succession

    def head(self, station: str, ledger: str, payload: bytes, ring: KeyRing, now: Now) -> None:
        """A message on `head/LEDGER`; anything but a head of that ledger is refused and kept as such."""
        try:
            self._believe(*self._verified(station, ledger, payload, ring, now), payload, now)
        except Refused as refused:
            self._receiver.refuse(station, payload, refused, now)
            self._store.count(station, 0, 1, None)

    def _verified(
        self, station: str, name: str, payload: bytes, ring: KeyRing, now: Now
    ) -> tuple[Ledger, Head]:
        trusted = self._with_key_of_ledger(station, name, ring)
        try:
            carried, kid = unseal(payload, HEAD, trusted)
            head = decode_head(carried)
        except UnknownKey as error:
            raise Refused(FindingKind.UNKNOWN_KEY, f"a head: {error}", peek(payload, HEAD).kid) from None
        except BadSignature as error:
            raise Refused(FindingKind.BAD_SIGNATURE, f"a head: {error}") from None
        except (Forged, RecordError) as error:
            raise Refused(FindingKind.REJECTION, f"a head: {error}") from None
        if (head.station, head.ledger.hex()) != (station, name):
            signed = f"{head.station}, ledger {head.ledger.hex()}"
            raise Refused(FindingKind.REJECTION, f"a head of {signed}, sent as {station}, ledger {name:.64}")
        known = self._ledgers.find(station, head.ledger)
        if known is not None and kid in ring and self._succession.end(known):
            return self._ledgers.touch(known), head  # the key of today speaks for the ledgers that it follows
        return self._receiver.open_ledger(station, head.ledger, trusted[kid], now), head

    def _with_key_of_ledger(self, station: str, name: str, ring: KeyRing) -> KeyRing:
        """A gateway whose key is trusted no more still gets an answer for its ledger: enrol again."""
        known = self._ledgers.find(station, _bytes_of(name))
        return ring if known is None or known.kid in ring else KeyRing([*ring.values(), known.public])

    def _believe(self, ledger: Ledger, head: Head, envelope: bytes, now: Now) -> None:
        ledger.asked = True
        if self._is_of_an_old_store(ledger, head):
            self._receiver.note(ledger.station, ledger.reception.contradictions(head), now)
        before = ledger.head
        if before is not None and (head.newest, head.wall_ms) < (before.newest, before.wall_ms):
            if head.wall_ms > before.wall_ms:  # signed later, by a store that lost its newest records
                self._suspect(ledger, head, now)
            return
        if head != before:  # else the broker's copy, for a centre that was away and forgot what it suspected
            ledger.head, ledger.head_envelope, ledger.head_ms = head, envelope, now.wall_ms
            if head.newest >= ledger.reception.newest():
                self._is_whole_after_all(ledger, now)
            self._store.count(ledger.station, 0, 0, now.wall_ms)
        self._suspect(ledger, head, now)

    def _suspect(self, ledger: Ledger, head: Head, now: Now) -> None:
        """What is missing up to the furthest head, and this one does not list as owed."""
        ledger.suspected = suspects(ledger.suspected, ledger.missing(), head.owed, now.mono_ms)

    def _is_of_an_old_store(self, ledger: Ledger, head: Head) -> bool:
        """Signed well after the newest record that is stored, and knows nothing of it.

        A head that is merely late, or was retained at the broker, is older than that record; one that was signed
        while the record waited for its commit is hardly younger, unless the disk stalled (`_is_whole_after_all`).
        """
        newest = ledger.reception.newest()
        stored = self._store.records.envelope_at(ledger.id, newest) if head.newest < newest else None
        if stored is None:
            return False
        try:
            record = decode_record(peek(stored, RECORD).payload)
        except (Forged, RecordError):  # it rotted in the store
            return False
        return head.wall_ms > record.moment.wall_ms + COMMIT_MS

    def _is_whole_after_all(self, ledger: Ledger, now: Now) -> None:
        """A new head goes as far as what is stored: the doubtful one was signed while a commit took its time."""
        what = FindingKind.HEAD_CONTRADICTS.value
        for key, detail in self._store.findings.open_of(ledger.station, ledger.ledger, what):
            if detail.endswith(OLD_STORE):
                self._store.findings.resolve(ledger.station, what, key, now.wall_ms)

    def settle(self, ledger: Ledger, now: Now) -> None:
        """After records or a head: holes that were filled, and a head that contradicts what is stored."""
        missing = ledger.missing() if ledger.holes else ()
        filled = {hole for hole in ledger.holes if not ranges.clip(missing, *hole)}
        if filled:
            ledger.holes = tuple(hole for hole in ledger.holes if hole not in filled)
        for hole in filled:
            key = hole_key(ledger.ledger, hole)
            self._store.findings.resolve(ledger.station, FindingKind.HOLE.value, key, now.wall_ms)
        head = ledger.head
        if head is not None and head.newest >= ledger.reception.newest():
            self._receiver.note(ledger.station, ledger.reception.contradictions(head), now)

    def overdue(self, ledger: Ledger, now: Now) -> None:
        """Say what has been missing for too long; the ledger's receipt then says so too."""
        missing = ledger.missing()
        for hole in ranges.subtract(holes(ledger.suspected, missing, now.mono_ms), ledger.holes):
            first, last = hole
            said = f"seq {first} to {last} never came, and the station no longer owes them"
            key = hole_key(ledger.ledger, hole)
            noted = Noted(ledger.station, ledger.ledger, FindingKind.HOLE.value, first, key, said)
            self._store.findings.note(noted, now.wall_ms)
            ledger.holes += (hole,)
            ledger.asked = True
            self._ledgers.touch(ledger)


def _bytes_of(name: str) -> bytes:
    """A ledger id from a topic; no bytes when it is none."""
    try:
        return bytes.fromhex(name)
    except ValueError:
        return b""
