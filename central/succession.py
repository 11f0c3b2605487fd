"""How far a key that was replaced is still believed: for its own ledger, up to the end that the ledger after it names.

    enrolled key ──signs──▶ ledger C ──boot record names──▶ B up to 812 ──its boot record names──▶ A up to 4,711
                                            (key before)                         (key before, or the one before that)

A key is valid for a range of seq in a ledger, never for a time. So the backlog of a gateway whose key was exchanged
arrives after the exchange too, and who stole the old key can sign nothing behind that end. What nobody names ends with
its key.
"""

from collections.abc import Iterator, Mapping

from central.ledgers import Ledger, Ledgers
from central.store import Store
from telemetry.bodies import BootBody
from telemetry.envelope import RECORD, Forged, peek
from telemetry.fields import LARGEST_UINT, RecordError
from telemetry.keys import KeyRing
from telemetry.record import Kind, decode_record


class Succession:
    """Asked for each record that the enrolled key did not sign; `rings` has the enrolled keys by station."""

    def __init__(self, store: Store, ledgers: Ledgers, rings: Mapping[str, KeyRing]) -> None:
        self._store = store
        self._ledgers = ledgers
        self._rings = rings
        self._named: dict[int, tuple[bytes, int]] = {}
        self._own: dict[int, KeyRing] = {}

    def end(self, ledger: Ledger) -> int:
        """The last seq that the ledger's own key may sign; 0: none, a key that is trusted no more."""
        ring = self._rings.get(ledger.station)
        if ring is None:
            return 0
        if ledger.kid in ring:
            return LARGEST_UINT
        return self._ends(ledger.station, ring).get(ledger.ledger, 0)

    def ring(self, ledger: Ledger) -> KeyRing:
        """The ledger's own key, alone."""
        if ledger.id not in self._own:
            self._own[ledger.id] = KeyRing([ledger.public])
        return self._own[ledger.id]

    def _ends(self, station: str, ring: KeyRing) -> dict[bytes, int]:
        """By ledger, the end that a trusted one names. One that is named is trusted for what it names in turn."""
        known = self._ledgers.of_station(station)
        trusted = [ledger for ledger in known if ledger.kid in ring]
        ends: dict[bytes, int] = {}
        while trusted:
            for name, last in self._names(trusted.pop()):
                if name not in ends:
                    trusted += [ledger for ledger in known if ledger.ledger == name]
                ends[name] = max(last, ends.get(name, 0))
        return ends

    def _names(self, ledger: Ledger) -> Iterator[tuple[bytes, int]]:
        """The ledger before this one and its last seq, once its first record is here."""
        if ledger.id not in self._named:
            named = _before(self._store.records.envelope_at(ledger.id, 1))
            if named is None:
                return
            self._named[ledger.id] = named
        yield self._named[ledger.id]


def _before(first: bytes | None) -> tuple[bytes, int] | None:
    """What a ledger's first record says; None also when it is not here, or says nothing."""
    try:
        record = decode_record(peek(first, RECORD).payload) if first else None
        body = BootBody.decode(record.body) if record and record.kind == Kind.BOOT else None
    except (Forged, RecordError):
        return None
    return (body.before[0], body.before[1]) if body and body.before and body.before[1] else None
