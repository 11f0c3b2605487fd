"""Reading the inventory from a file. SQLite has no checksums: one flipped bit in its small tables is a sound database.

What contradicts itself is raised as damage, the way SQLite raises it: with a head that went back, other content would
be signed under seqs that are used; with a row that the ranges do not know, nothing would be written any more.
"""

import sqlite3
from itertools import groupby
from typing import Final

from buffer.database import damage
from buffer.inventory import Inventory, Kept
from buffer.owed import OPEN, normal
from buffer.schema import key_of

ID_BYTES: Final = 16
HASH_BYTES: Final = 32


def load(conn: sqlite3.Connection) -> Inventory:
    """The tables in one moment, even while another connection writes. sqlite3.DatabaseError when they make no sense."""
    conn.execute("BEGIN")
    try:
        ledgers = conn.execute("SELECT number, id, next_seq, prev FROM ledger ORDER BY number").fetchall()
        rows = conn.execute(
            "SELECT owner, ledger, first, last FROM span ORDER BY owner, ledger, first"
        ).fetchall()
        notes = conn.execute("SELECT name, value FROM note").fetchall()
    finally:
        conn.execute("ROLLBACK")
    if not all(_is_ledger(*row) for row in ledgers) or len({row[1] for row in ledgers}) < len(ledgers):
        raise damage("the table of ledgers makes no sense")
    numbers = {row[0] for row in ledgers}
    if not all(_is_span(*row) and row[1] in numbers for row in rows):
        raise damage("the table of ranges makes no sense")
    spans = {
        owner: tuple((first, last) for _, _, first, last in ranges)
        for owner, ranges in groupby(rows, key=lambda row: (row[0], row[1]))
    }
    if any(ranges != normal(ranges) for ranges in spans.values()):
        raise damage("ranges overlap")
    if not all(isinstance(name, str) and isinstance(value, bytes) for name, value in notes):
        raise damage("the table of notes makes no sense")
    return Inventory(tuple(Kept(*row) for row in ledgers), spans, dict(notes))


def compare(conn: sqlite3.Connection, inventory: Inventory) -> None:
    """No row lies outside what the ranges tell, and the newest is the one they end with, unless there is none at all.

    sqlite3.DatabaseError when it is otherwise.
    """
    conn.execute("SELECT key, kind, device, wall_ms, mono_ms, first, envelope FROM entry LIMIT 0")
    (lowest,) = conn.execute("SELECT min(key) FROM entry").fetchone()
    (newest,) = conn.execute("SELECT max(key) FROM entry").fetchone()
    told = _key(inventory.lowest())
    if newest is not None and (told is None or lowest < told or newest != _key(inventory.newest())):
        raise damage("the rows are not those that the ranges tell of")


def _is_ledger(number: object, name: object, next_seq: object, prev: object) -> bool:
    return (
        isinstance(number, int)
        and isinstance(name, bytes)
        and isinstance(prev, bytes)
        and (len(name), len(prev)) == (ID_BYTES, HASH_BYTES)
        and _is_seq(next_seq)
    )


def _is_span(owner: object, number: object, first: object, last: object) -> bool:
    return isinstance(owner, str) and isinstance(number, int) and _is_seq(first) and _is_seq(last)


def _is_seq(value: object) -> bool:
    return isinstance(value, int) and 1 <= value <= OPEN


def _key(row: tuple[Kept, int] | None) -> int | None:
    return None if row is None else key_of(row[0].number, row[1])
