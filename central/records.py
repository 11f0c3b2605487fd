"""The records as they came, and what they said: the tables `envelope`, `fork`, `channel` and `measured`."""

import sqlite3
from collections.abc import Callable, Iterable
from typing import NamedTuple

INT64_MAX = 2**63 - 1


class Measurement(NamedTuple):
    """One value on its way into the table. `wall_ms` None: the station's clock was unknown."""

    device: str
    channel: str
    unit: str
    wall_ms: int | None
    value: int | float | str | None
    flags: int


class Records:
    """Collects rows and hands them to SQLite in bulk, inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection, station: Callable[[str], int]) -> None:
        self._connection = connection
        self._station = station
        self._channels: dict[tuple[int, str, str, str], int] = {}
        self._envelopes: list[tuple[int, int, int, bytes]] = []
        self._waiting: dict[tuple[int, int], bytes] = {}
        self._measured: list[tuple[int, int | None, int | float | str | None, int, int, int]] = []

    def flush(self) -> None:
        """Hand the collected rows to SQLite, so that reads see them."""
        if self._envelopes:
            self._connection.executemany("INSERT INTO envelope VALUES (?, ?, ?, ?)", self._envelopes)
            self._envelopes.clear()
            self._waiting.clear()
        if self._measured:
            self._connection.executemany("INSERT INTO measured VALUES (?, ?, ?, ?, ?, ?)", self._measured)
            self._measured.clear()

    def forget(self) -> None:
        """After a rollback: collected rows and numbers drawn inside are void."""
        self._envelopes.clear()
        self._waiting.clear()
        self._measured.clear()
        self._channels.clear()

    def keep(self, ledger: int, seq: int, kind: int, envelope: bytes) -> None:
        """Keep an envelope untouched."""
        self._envelopes.append((ledger, seq, kind, envelope))
        self._waiting[ledger, seq] = envelope

    def replace(self, ledger: int, seq: int, kind: int, envelope: bytes) -> None:
        """Put an envelope in the place of the one that rotted there; what it said was read when it came."""
        self._connection.execute(
            "UPDATE envelope SET kind = ?, envelope = ? WHERE ledger = ? AND seq = ?",
            (kind, envelope, ledger, seq),
        )

    def measure(self, station: str, ledger: int, seq: int, values: Iterable[Measurement]) -> None:
        """Keep what a record said, value by value."""
        number = self._station(station)
        for device, channel, unit, wall_ms, value, flags in values:
            if type(value) is int and not -INT64_MAX <= value <= INT64_MAX:
                value = float(value)  # noqa: PLW2901 - SQLite's integers end here; the envelope has it exactly
            if wall_ms is not None and wall_ms > INT64_MAX:
                wall_ms = None  # noqa: PLW2901 - as good as no clock
            key = (number, device, channel, unit)
            known = self._channels.get(key) or self._channel(key)
            self._measured.append((known, wall_ms, value, flags, ledger, seq))

    def _channel(self, key: tuple[int, str, str, str]) -> int:
        self._connection.execute(
            "INSERT OR IGNORE INTO channel (station, device, channel, unit) VALUES (?, ?, ?, ?)", key
        )
        row = self._connection.execute(
            "SELECT id FROM channel WHERE (station, device, channel, unit) = (?, ?, ?, ?)", key
        ).fetchone()
        self._channels[key] = row[0]
        return self._channels[key]

    def envelope_at(self, ledger: int, seq: int) -> bytes | None:
        """The kept envelope of a seq, also of this transaction; None when there is none."""
        if (ledger, seq) in self._waiting:
            return self._waiting[ledger, seq]
        row = self._connection.execute(
            "SELECT envelope FROM envelope WHERE ledger = ? AND seq = ?", (ledger, seq)
        ).fetchone()
        return row[0] if row else None

    def envelopes(self, ledger: int, first: int, last: int, most: int) -> list[tuple[int, bytes]]:
        """(seq, envelope) of an inclusive range, ascending, those that are there, at most `most` of them."""
        self.flush()
        return self._connection.execute(
            "SELECT seq, envelope FROM envelope WHERE ledger = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
            (ledger, first, last, most),
        ).fetchall()

    def forks(self, ledger: int) -> list[int]:
        """The seqs of which more than one content is kept."""
        rows = self._connection.execute("SELECT DISTINCT seq FROM fork WHERE ledger = ?", (ledger,))
        return [seq for (seq,) in rows]

    def keep_fork(self, ledger: int, seq: int, digest: bytes, envelope: bytes, now_ms: int) -> bool:
        """Keep the other content of a seq; False when it was there already."""
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO fork VALUES (?, ?, ?, ?, ?)", (ledger, seq, digest, envelope, now_ms)
        )
        return cursor.rowcount > 0
