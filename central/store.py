"""The centre's store: one SQLite file, one connection that writes, nothing kept outside a transaction.

Whoever calls holds `central.folder.alone`. All writing happens between `with store.transaction():`; when that
raises StoreFailed nothing of it was kept and what is held in memory must be read anew.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import sqlite_utils

from central.errors import FolderError, StoreFailed
from central.findings import Findings
from central.records import Records
from central.schema import migrations
from central.strangers import Strangers

PRAGMAS = (
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32768",
)


class LedgerRow(NamedTuple):
    """One ledger as it was saved; blobs as they were dumped, None where there is nothing yet."""

    id: int
    station: str
    ledger: bytes
    public: bytes
    stored: int
    duplicates: int
    reception: bytes | None
    silence: bytes | None
    silence_seq: int
    head: bytes | None
    head_ms: int | None


class Store:
    """The writer. Reads what it needs for its own decisions; everybody else uses `central.snapshot`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._stations: dict[str, int] = {}
        self.records = Records(connection, self.station)
        self.findings = Findings(connection)
        self.strangers = Strangers(connection)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or make the store. FolderError when the file is not one of ours or cannot be written."""
        try:
            connection = sqlite3.connect(path, isolation_level=None)
            for pragma in PRAGMAS:
                connection.execute(pragma)
            migrations.apply(sqlite_utils.Database(connection, execute_plugins=False))
        except sqlite3.Error as error:
            raise FolderError(
                f"{path} is not usable as the centre's store: {error}; move it away or restore a backup"
            ) from error
        return cls(connection)

    def close(self) -> None:
        """Close; a transaction that is open is lost."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside, durably, or nothing. StoreFailed when the database refused."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self.records.flush()
            self.findings.bound()
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreFailed(f"the store refused a transaction: {error}; nothing of it was kept") from error
        finally:
            if self._connection.in_transaction:
                self._forget()

    def _forget(self) -> None:
        """Roll back; numbers that were drawn inside are void."""
        self._connection.execute("ROLLBACK")
        self._stations.clear()
        self.records.forget()

    # identity

    @property
    def store_id(self) -> bytes:
        """16 random bytes, drawn when the store was made or restored."""
        return bytes(self._meta("store_id"))

    def renew_store_id(self, store_id: bytes) -> None:
        """Say that this store is an older copy of itself."""
        self._connection.execute("UPDATE meta SET value = ? WHERE name = 'store_id'", (store_id,))

    def take_numbers(self, count: int) -> range:
        """The next receipt numbers of this store; never given twice, also after a crash."""
        last = int(self._meta("receipt_number"))
        self._connection.execute("UPDATE meta SET value = ? WHERE name = 'receipt_number'", (last + count,))
        return range(last + 1, last + count + 1)

    def _meta(self, name: str) -> bytes | int:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        value: bytes | int = row[0]
        return value

    # stations and ledgers

    def station(self, name: str) -> int:
        """The number of a station, given at its first envelope."""
        if name not in self._stations:
            self._connection.execute("INSERT OR IGNORE INTO station (name) VALUES (?)", (name,))
            row = self._connection.execute("SELECT id FROM station WHERE name = ?", (name,)).fetchone()
            self._stations[name] = row[0]
        return self._stations[name]

    def count(self, name: str, received: int, rejected: int, seen_ms: int | None) -> None:
        """Add to a station's counters; `seen_ms` None: nothing of it was proven this time."""
        self._connection.execute(
            "UPDATE station SET received = received + ?, rejected = rejected + ?,"
            " last_seen_ms = coalesce(?, last_seen_ms) WHERE id = ?",
            (received, rejected, seen_ms, self.station(name)),
        )

    def ledgers(self) -> list[LedgerRow]:
        """Every ledger as it was at the last commit."""
        rows = self._connection.execute(
            "SELECT l.id, s.name, l.ledger, l.public, l.stored, l.duplicates, l.reception, l.silence,"
            " l.silence_seq, l.head, l.head_ms"
            " FROM ledger l JOIN station s ON s.id = l.station ORDER BY l.id"
        )
        return [LedgerRow(*row) for row in rows]

    def new_ledger(self, station: str, ledger: bytes, public: bytes, now_ms: int) -> int:
        """Begin a ledger; its number."""
        cursor = self._connection.execute(
            "INSERT INTO ledger (station, ledger, public, first_ms) VALUES (?, ?, ?, ?)",
            (self.station(station), ledger, public, now_ms),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def save_ledgers(self, rows: Iterable[LedgerRow]) -> None:
        """Write what changed in memory, in the transaction of the envelopes that changed it."""
        self._connection.executemany(
            "UPDATE ledger SET stored = ?, duplicates = ?, reception = ?, silence = ?, silence_seq = ?,"
            " head = ?, head_ms = ? WHERE id = ?",
            [
                (r.stored, r.duplicates, r.reception, r.silence, r.silence_seq, r.head, r.head_ms, r.id)
                for r in rows
            ],
        )

    def save_receipts(self, rows: Iterable[tuple[bytes, int, int, int]]) -> None:
        """(receipt, when, its number, ledger): what was last said to each station."""
        self._connection.executemany(
            "UPDATE ledger SET receipt = ?, receipt_ms = ?, receipt_number = ? WHERE id = ?", rows
        )
