"""What the store knows without reading a row: ledgers, ranges, notes. Frozen; every write makes a new one."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from buffer.entry import LedgerHeld, Owed, Tail
from buffer.errors import StoreDamaged
from buffer.owed import Ranges, clip, count
from buffer.schema import SELF


class Kept(NamedTuple):
    """A ledger and its number in the keys of the rows."""

    number: int
    ledger: bytes
    next_seq: int
    prev: bytes


@dataclass(frozen=True, slots=True)
class Inventory:
    """ledgers in the order they began (the last one is being written); spans by (owner, ledger number).

    Ledgers that were saved out of a damaged file have numbers below 1: they are older than all, and never written.
    """

    ledgers: tuple[Kept, ...]
    spans: Mapping[tuple[str, int], Ranges]
    notes: Mapping[str, bytes]

    @property
    def current(self) -> Kept | None:
        """The ledger being written; None before the first one began."""
        return self.ledgers[-1] if self.ledgers and self.ledgers[-1].number > 0 else None

    @property
    def tail(self) -> Tail | None:
        """Where the current ledger goes on."""
        return Tail(*self.current[1:]) if self.current else None

    def named(self, ledger: bytes) -> Kept | None:
        """The ledger of that id; None when this store never had it."""
        return next((kept for kept in self.ledgers if kept.ledger == ledger), None)

    def span(self, owner: str, kept: Kept) -> Ranges:
        """What the owner holds or is owed of the ledger, without what is still to come."""
        return clip(self.spans.get((owner, kept.number), ()), 1, kept.next_seq - 1)

    def owners(self) -> set[str]:
        """The destinations that have ranges here."""
        return {owner for owner, _ in self.spans if owner != SELF}

    def owed(self, destination: str) -> Iterator[Owed]:
        """Everything the destination has not confirmed, oldest ledger first."""
        for kept in self.ledgers:
            for first, last in self.span(destination, kept):
                yield Owed(kept.ledger, first, last)

    def owed_rows(self, destination: str) -> int:
        """How many records the destination has not confirmed."""
        return sum(owed.last - owed.first + 1 for owed in self.owed(destination))

    def newest(self) -> tuple[Kept, int] | None:
        """The newest row of all; None when there is no row."""
        for kept in reversed(self.ledgers):
            held = self.span(SELF, kept)
            if held:
                return kept, held[-1][1]
        return None

    def lowest(self) -> tuple[Kept, int] | None:
        """The oldest row of all; None when there is no row."""
        for kept in self.ledgers:
            held = self.span(SELF, kept)
            if held:
                return kept, held[0][0]
        return None

    def continues(self, before: "Inventory") -> bool:
        """Whether this can be a later state of the same store."""
        later = {kept.ledger: kept.next_seq for kept in self.ledgers}
        return all(later.get(kept.ledger, 0) >= kept.next_seq for kept in before.ledgers)

    def held(self) -> Iterator[LedgerHeld]:
        """What is here of each ledger."""
        for kept in self.ledgers:
            ranges = self.span(SELF, kept)
            lowest, newest = (ranges[0][0], ranges[-1][1]) if ranges else (None, None)
            yield LedgerHeld(*kept[1:], lowest, newest, count(ranges))


def load(conn: sqlite3.Connection) -> Inventory:
    """Reads it from the file, in one moment even while another connection writes. StoreDamaged: it is not all there."""
    conn.execute("BEGIN")
    try:
        ledgers = conn.execute("SELECT number, id, next_seq, prev FROM ledger ORDER BY number").fetchall()
        rows = conn.execute("SELECT owner, ledger, first, last FROM span ORDER BY owner, ledger, first").fetchall()
        noted = conn.execute("SELECT name, value FROM note").fetchall()
        if any(None in row for row in (*ledgers, *rows, *noted)):  # a page of noise or zeros can pass for rows
            raise StoreDamaged("the inventory has lost some of its numbers", "the file is set aside")
        spans = {
            owner: tuple((first, last) for _, _, first, last in ranges)
            for owner, ranges in groupby(rows, key=lambda row: (str(row[0]), int(row[1])))
        }
    finally:
        conn.execute("ROLLBACK")
    return Inventory(tuple(Kept(*row) for row in ledgers), spans, dict(noted))
