"""What the centre noticed: the table `finding`. Each finding once, however often it is seen."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

EVIDENCE_BYTES = 4096
REFUSALS_KEPT = 1000


class Noted(NamedTuple):
    """A finding on its way into the store. `key` makes it the same finding when it is seen again."""

    station: str
    ledger: bytes | None
    what: str
    seq: int | None
    key: bytes
    detail: str
    evidence: bytes | None = None


class Findings:
    """The findings, written inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._refused_by: set[str] = set()

    def note(self, found: Noted, now_ms: int) -> bool:
        """Keep a finding; False when it was there already: then it is open again, and counted if it is a refusal."""
        evidence = None if found.evidence is None else found.evidence[:EVIDENCE_BYTES]
        if evidence is not None:
            self._refused_by.add(found.station)
        before = self._connection.total_changes
        self._connection.execute(
            "INSERT OR IGNORE INTO finding (station, ledger, what, seq, key, detail, evidence, first_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (found.station, found.ledger, found.what, found.seq, found.key, found.detail, evidence, now_ms),
        )
        is_new = self._connection.total_changes > before
        if not is_new:
            self._connection.execute(
                "UPDATE finding SET resolved_ms = NULL WHERE (station, what, key) = (?, ?, ?)"
                " AND resolved_ms IS NOT NULL",
                (found.station, found.what, found.key),
            )
        if not is_new and evidence is not None:
            self._connection.execute(
                "UPDATE finding SET times = times + 1 WHERE (station, what, key) = (?, ?, ?)",
                (found.station, found.what, found.key),
            )
        return is_new

    def bound(self) -> None:
        """Refused bytes come from anybody who can publish: the newest thousand of a station are kept."""
        for station in self._refused_by:
            self._connection.execute(
                "DELETE FROM finding WHERE station = ? AND evidence IS NOT NULL AND id NOT IN (SELECT id FROM"
                " finding WHERE station = ? AND evidence IS NOT NULL ORDER BY id DESC LIMIT ?)",
                (station, station, REFUSALS_KEPT),
            )
        self._refused_by.clear()

    def resolve(self, station: str, what: str, key: bytes, now_ms: int) -> None:
        """A hole was filled, or a doubt is over."""
        self._connection.execute(
            "UPDATE finding SET resolved_ms = ? WHERE (station, what, key) = (?, ?, ?)"
            " AND resolved_ms IS NULL",
            (now_ms, station, what, key),
        )

    def still_open(self, what: str) -> list[tuple[str, bytes, bytes]]:
        """(station, ledger, key) of the findings of one kind that are not resolved."""
        return self._connection.execute(
            "SELECT station, ledger, key FROM finding WHERE what = ? AND resolved_ms IS NULL", (what,)
        ).fetchall()

    def open_of(self, station: str, ledger: bytes, what: str) -> list[tuple[bytes, str]]:
        """(key, detail) of one ledger's findings of one kind that are not resolved."""
        return self._connection.execute(
            "SELECT key, detail FROM finding WHERE (station, what, ledger) = (?, ?, ?) AND resolved_ms IS NULL",
            (station, what, ledger),
        ).fetchall()

    def acknowledge(self, station: str, numbers: Iterable[int], now_ms: int) -> None:
        """Somebody has seen these findings of a station."""
        self._connection.executemany(
            "UPDATE finding SET acknowledged_ms = ? WHERE id = ? AND station = ? AND acknowledged_ms IS NULL",
            [(now_ms, number, station) for number in numbers],
        )
