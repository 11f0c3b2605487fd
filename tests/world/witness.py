"""What was seen of every record: when it was durable, when it left, where it is, when it was deleted.

The witness looks at statements and messages, not at what the station or the centre believe.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from telemetry import cbor
from telemetry.envelope import RECORD, peek
from telemetry.loss import RecoveryBody, TombstoneBody
from telemetry.ranges import Ranges
from telemetry.record import Kind, Record, decode_record


class Place(NamedTuple):
    """Where a record stands."""

    ledger: bytes
    seq: int

    def __str__(self) -> str:
        return f"{self.ledger.hex()[:6]}/{self.seq}"


@dataclass
class Witness:
    """`durable`: what the station was told to be committed. `written`: what was ever in its store. `seen`: every
    content under every seq, in order.

    `destroyed`: what the world itself took away, by putting back an old copy or damaging a file.
    """

    violated: Callable[[str, str], None]
    durable: dict[Place, bytes] = field(default_factory=dict)
    written: set[bytes] = field(default_factory=set)
    seen: dict[Place, dict[bytes, None]] = field(default_factory=dict)
    records: dict[bytes, Record] = field(default_factory=dict)
    at_the_centre: set[bytes] = field(default_factory=set)
    deleted: set[bytes] = field(default_factory=set)
    destroyed: dict[bytes, str] = field(default_factory=dict)
    known_to: dict[bytes, int] = field(default_factory=dict)
    """By ledger, the last seq that the file beside the key named when the store was last damaged."""
    forgotten: set[bytes] = field(default_factory=set)
    """What the centre had and a restored backup did not."""
    diminished: set[bytes] = field(default_factory=set)
    """Ledgers of which something was destroyed."""
    forkable: set[bytes] = field(default_factory=set)
    """Ledgers of which an older copy was put back, with all that would betray it."""

    def record(self, envelope: bytes) -> Record:
        """What an envelope says."""
        if envelope not in self.records:
            record = self.records[envelope] = decode_record(peek(envelope, RECORD).payload)
            self.seen.setdefault(Place(record.ledger, record.seq), {})[envelope] = None
        return self.records[envelope]

    def place(self, envelope: bytes) -> Place:
        """Where an envelope stands."""
        record = self.record(envelope)
        return Place(record.ledger, record.seq)

    def committed(self, envelopes: Iterable[bytes]) -> None:
        """The station heard that these are durable."""
        for envelope in envelopes:
            place = self.place(envelope)
            if self.durable.setdefault(place, envelope) != envelope and place.ledger not in self.forkable:
                self.violated("two hashes", f"{place} was made durable with two contents")
            self.durable[place] = envelope

    def left(self, payload: bytes) -> None:
        """A message of records reached the broker."""
        for envelope in cbor.sequence(payload):
            if envelope not in self.written:
                self.violated("left", f"{self.place(envelope)} left before its COMMIT")

    def destroy(self, envelopes: Collection[bytes], how: str, beside: tuple[bytes, int] | None) -> None:
        """The world takes these away; `beside`: what the file beside the key says of them."""
        for envelope in envelopes:
            self.diminished.add(self.place(envelope).ledger)
            if how != "damaged" or envelope not in self.destroyed:
                self.destroyed[envelope] = how
        self.known_to = {} if beside is None else {beside[0]: beside[1]}

    def gone(self, envelopes: Collection[bytes], with_them: Iterable[bytes]) -> None:
        """Rows were deleted, in one transaction with new ones."""
        named = named_as_gone([self.record(envelope) for envelope in with_them])
        for envelope in envelopes:
            place = self.place(envelope)
            self.deleted.add(envelope)
            entombed = any(first <= place.seq <= last for first, last in named.get(place.ledger, ()))
            if not entombed and envelope not in self.at_the_centre:
                self.violated("deleted", f"{place} was deleted, and the centre did not have it")


def named_as_gone(records: Iterable[Record]) -> dict[bytes, list[tuple[int, int]]]:
    """By ledger, the ranges that a tombstone or a recovery record names."""
    named: dict[bytes, list[tuple[int, int]]] = {}

    def name(ledger: bytes, ranges: Ranges) -> None:
        named.setdefault(ledger, []).extend(ranges)

    for record in records:
        if record.kind == Kind.TOMBSTONE:
            name(record.ledger, TombstoneBody.decode(record.body).ranges)
        if record.kind == Kind.RECOVERY:
            for ledger, ranges in RecoveryBody.decode(record.body).lost:
                name(ledger, ranges)
    return named


class StationBook:
    """disk.Book of the station's store: which rows come and go with each COMMIT."""

    def __init__(self, witness: Witness) -> None:
        self.rows: dict[int, bytes] = {}
        self._witness = witness
        self._offered: set[bytes] = set()
        self._come: list[tuple[int, bytes]] = []
        self._go: list[tuple[int, int]] = []

    def opened(self, connection: sqlite3.Connection) -> None:
        """What is there at the beginning."""
        try:
            rows = connection.execute("SELECT key, envelope FROM entry").fetchall()
        except sqlite3.OperationalError:  # no table yet
            rows = []
        except sqlite3.DatabaseError:  # damaged, and nobody has noticed yet
            return
        self.rows = {
            key: envelope for key, envelope in rows if envelope in self._offered
        }  # others are damaged
        self._witness.written.update(self.rows.values())

    def note(self, sql: str, rows: Sequence[Any]) -> None:
        """See Book."""
        if sql.startswith("INSERT"):
            self._come += [(row[0], row[6]) for row in rows]
            self._offered.update(row[6] for row in rows)
        else:
            self._go += [(row[0], row[1]) for row in rows]

    def committed(self) -> None:
        """See Book."""
        go = (
            [key for key in self.rows if any(first <= key <= last for first, last in self._go)]
            if self._go
            else ()
        )
        gone = [self.rows.pop(key) for key in go]
        self.rows.update(self._come)
        self._witness.written.update(envelope for _, envelope in self._come)
        if gone:
            self._witness.gone(gone, [envelope for _, envelope in self._come])
        self.rolled_back()

    def rolled_back(self) -> None:
        """See Book."""
        self._come, self._go = [], []


class CentreBook:
    """disk.Book of the centre's store."""

    def __init__(self, witness: Witness) -> None:
        self.present: set[bytes] = set()
        self._witness = witness
        self._come: list[bytes] = []

    def opened(self, connection: sqlite3.Connection) -> None:
        """What is there at the beginning."""
        rows = connection.execute("SELECT envelope FROM envelope UNION ALL SELECT envelope FROM fork")
        self.present = {envelope for (envelope,) in rows}
        self._witness.at_the_centre |= self.present

    def reread(self, database: Path) -> None:
        """Another file took its place."""
        with closing(sqlite3.connect(database)) as connection:
            self.opened(connection)

    def note(self, sql: str, rows: Sequence[Any]) -> None:
        """See Book."""
        self._come += [row[3] for row in rows]

    def committed(self) -> None:
        """See Book."""
        self._witness.at_the_centre.update(self._come)
        self.present.update(self._come)
        for envelope in self._come:
            self._witness.record(envelope)
        self._come = []

    def rolled_back(self) -> None:
        """See Book."""
        self._come = []
