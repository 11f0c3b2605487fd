"""Reading rows: short queries, each over before the next one starts."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from buffer.entry import Entry
from buffer.errors import StoreDamaged
from buffer.inventory import Inventory, Kept
from buffer.owed import Range
from buffer.schema import key_of, split_key

FIRST_ROWS: Final = 1000

_COLUMNS = "key, kind, device, wall_ms, mono_ms, first, envelope"
_BETWEEN = f"SELECT {_COLUMNS} FROM entry WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?"  # noqa: S608  no input in it
_FIRST = f"SELECT {_COLUMNS} FROM entry WHERE first = 1 AND key BETWEEN ? AND ? ORDER BY key LIMIT ?"  # noqa: S608


def between(
    conn: sqlite3.Connection, kept: Kept, span: Range, *, max_bytes: int, max_rows: int
) -> list[Entry]:
    """Rows of that span in order, while their envelopes fit into max_bytes; the first one always."""
    found: list[Entry] = []
    size = 0
    first, last = key_of(kept.number, span[0]), key_of(kept.number, span[1])
    for entry in _entries(conn.execute(_BETWEEN, (first, last, max_rows))):
        size += len(entry.envelope)
        if found and size > max_bytes:
            break
        found.append(entry)
    return found


def owed_first(conn: sqlite3.Connection, inventory: Inventory, destination: str) -> list[Entry]:
    """The owed rows that go before anything newer, oldest first, at most FIRST_ROWS."""
    found: list[Entry] = []
    for kept in inventory.ledgers:
        for first, last in inventory.span(destination, kept):
            keys = key_of(kept.number, first), key_of(kept.number, last)
            cursor = conn.execute(_FIRST, (*keys, FIRST_ROWS - len(found)))
            found += [entry._replace(ledger=kept.ledger) for entry in _entries(cursor)]
    return found


def one(conn: sqlite3.Connection, kept: Kept, seq: int) -> Entry | None:
    """The row of that seq; None when it is not here."""
    found = between(conn, kept, (seq, seq), max_bytes=0, max_rows=1)
    return found[0]._replace(ledger=kept.ledger) if found else None


def _entries(cursor: sqlite3.Cursor) -> Iterator[Entry]:
    for row in cursor:
        key, kind, device, wall_ms, mono_ms, first, envelope = row
        if None in row or not isinstance(envelope, bytes):  # a page of noise or zeros can pass for a row
            raise StoreDamaged(f"row {split_key(key)[1]} has lost its record", "the file is set aside")
        yield Entry(split_key(key)[1], kind, device, wall_ms, mono_ms, bool(first), envelope)
