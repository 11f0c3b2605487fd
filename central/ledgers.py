"""Every ledger as the centre holds it in memory, loaded in one query and saved with the commit that changed it.

What is held here is ahead of the store only inside a transaction: after StoreFailed it is thrown away.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from central.dumped import unwrapped, wrapped
from central.holes import Suspect
from central.recall import HashAt, rebuilt, recalled
from central.store import LedgerRow, Store
from telemetry import ranges
from telemetry.envelope import HEAD, Forged, peek
from telemetry.fields import RecordError
from telemetry.finding import FindingKind
from telemetry.head import Head, decode_head
from telemetry.keys import kid_of
from telemetry.ranges import Range, Ranges
from telemetry.reception import Reception
from telemetry.record import Record
from telemetry.silence import Silence

SILENCE_DUMPED_EVERY = 50
"""Records between two dumps of `silence`; after a restart at most so many are read again, to the same end."""

ALWAYS_DUMPED_SIZE = 64
"""A larger `reception` is dumped once per half as many new records: so much per record, however torn it is.

After a restart what was stored since is read again from the envelopes."""


@dataclass(slots=True)
class Ledger:
    """One ledger. `head` None: none came yet. `unsaid` records were stored since the last receipt."""

    id: int
    station: str
    ledger: bytes
    public: bytes
    kid: bytes
    reception: Reception
    silence: Silence
    reception_dump: bytes | None = None
    dumped_stored: int = 0
    silence_seq: int = 0
    silence_saved_seq: int = 0
    silence_dump: bytes | None = None
    stored: int = 0
    duplicates: int = 0
    head: Head | None = None
    head_envelope: bytes | None = None
    head_ms: int | None = None
    suspected: tuple[Suspect, ...] = ()
    holes: tuple[Range, ...] = ()
    unsaid: int = 0
    unsaid_since_mono_ms: int = 0
    asked: bool = False
    fresh: dict[int, Record] = field(default_factory=dict)

    def missing(self) -> Ranges:
        """Up to the newest seq of the head: what is neither stored nor tombstoned."""
        return tuple(self.reception.missing(self.head.newest)) if self.head else ()

    def readable(self) -> int:
        """The seq up to which `silence` may read: all below it is stored, tombstoned or given up as a hole."""
        return self.reception.known_from(self.silence_seq, ranges.normal(self.holes))

    def row(self) -> LedgerRow:
        """What the store keeps of it."""
        size = self.reception.size()
        if size <= ALWAYS_DUMPED_SIZE or 2 * (self.stored - self.dumped_stored) >= size:
            self.reception_dump, self.dumped_stored = wrapped(self.reception.dump()), self.stored
        if self.silence_seq - self.silence_saved_seq >= SILENCE_DUMPED_EVERY:
            self.silence_dump, self.silence_saved_seq = wrapped(self.silence.dump()), self.silence_seq
        return LedgerRow(
            self.id,
            self.station,
            self.ledger,
            self.public,
            self.stored,
            self.duplicates,
            self.reception_dump,
            self.silence_dump,
            self.silence_saved_seq,
            self.head_envelope,
            self.head_ms,
        )


class Ledgers:
    """All ledgers by station and id, and which of them this transaction touched."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stations: dict[str, dict[bytes, Ledger]] = {}
        self.touched: dict[int, Ledger] = {}
        for row in store.ledgers():
            self._stations.setdefault(row.station, {})[row.ledger] = self._loaded(row)
        for station, name, key in store.findings.still_open(FindingKind.HOLE.value):
            ledger = self._stations[station][name]
            ledger.holes += (hole_of(key),)

    def __iter__(self) -> Iterator[Ledger]:
        return (ledger for ledgers in self._stations.values() for ledger in ledgers.values())

    def find(self, station: str, ledger: bytes) -> Ledger | None:
        """The ledger, when something of it was kept."""
        return self._stations.get(station, {}).get(ledger)

    def of_station(self, station: str) -> list[Ledger]:
        """The ledgers of one station, the oldest first."""
        return list(self._stations.get(station, {}).values())

    def begin(self, station: str, ledger: bytes, public: bytes, now_ms: int) -> Ledger:
        """A ledger that nobody has heard of."""
        number = self._store.new_ledger(station, ledger, public, now_ms)
        made = Ledger(
            number,
            station,
            ledger,
            public,
            kid_of(public),
            Reception(HashAt(self._store.records, number)),
            Silence(),
        )
        self._stations.setdefault(station, {})[ledger] = made
        return self.touch(made)

    def rebuild(self, ledger: Ledger) -> None:
        """What is known of a ledger is not what is stored of it: believe the store."""
        ledger.reception = rebuilt(self._store.records, ledger.id)

    def touch(self, ledger: Ledger) -> Ledger:
        """It changed: the store gets it at the end of the transaction."""
        self.touched[ledger.id] = ledger
        return ledger

    def save(self) -> None:
        """Write what changed, inside the transaction that changed it."""
        self._store.save_ledgers([ledger.row() for ledger in self.touched.values()])
        for ledger in self.touched.values():
            ledger.fresh.clear()
        self.touched.clear()

    def _loaded(self, row: LedgerRow) -> Ledger:
        silence, silence_seq = _silence(row)
        head = _head(row)
        return Ledger(
            id=row.id,
            station=row.station,
            ledger=row.ledger,
            public=row.public,
            kid=kid_of(row.public),
            reception=recalled(self._store.records, row.id, row.reception, row.stored),
            silence=silence,
            reception_dump=row.reception,
            silence_seq=silence_seq,
            silence_saved_seq=silence_seq,
            silence_dump=row.silence,
            stored=row.stored,
            duplicates=row.duplicates,
            head=head,
            head_envelope=row.head,
            head_ms=row.head_ms,
        )


def _head(row: LedgerRow) -> Head | None:
    """None also when it rotted in the store: the station's next one comes within a minute."""
    try:
        return decode_head(peek(row.head, HEAD).payload) if row.head else None
    except (Forged, RecordError):
        return None


def _silence(row: LedgerRow) -> tuple[Silence, int]:
    """As dumped, and how far it had read; from the beginning when it cannot be used."""
    try:
        if row.silence:
            return Silence.load(unwrapped(row.silence)), row.silence_seq
    except ValueError:
        return Silence(), 0
    return Silence(), row.silence_seq


def hole_key(ledger: bytes, hole: Range) -> bytes:
    """What makes a hole the same finding when it is seen again."""
    first, last = hole
    return ledger + first.to_bytes(8, "big") + last.to_bytes(8, "big")


def hole_of(key: bytes) -> Range:
    """The seqs that a hole's key names."""
    return int.from_bytes(key[-16:-8], "big"), int.from_bytes(key[-8:], "big")
