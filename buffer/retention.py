"""What may go: rows that every destination has confirmed, oldest first, a few at a time.

By age: past their keeping time, and only from the oldest end: the first row that is too young, or that a wrong
clock stamped into the future, ends it, so one wrong stamp cannot take younger rows along. By quota: whatever
their age. Never: a row that is owed, and the newest row (the last sign of life).

Undelivered rows go only by `Store.append(drops=…)`, with the record that tells what they were (`agent.entomb`).
"""

import sqlite3
from typing import Final

from buffer.errors import StoreDamaged
from buffer.inventory import Inventory, Kept
from buffer.operations import write_span
from buffer.owed import Ranges, subtract
from buffer.schema import SELF, key_of, split_key

STEP_ROWS: Final = 500

_NEXT = "SELECT key, wall_ms FROM entry WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?"


def quota_marks(quota_pages: int) -> tuple[int, int]:
    """Pages in use above which pruning by quota starts, and at which it stops."""
    return quota_pages * 95 // 100, quota_pages * 90 // 100


def prunable(inventory: Inventory, kept: Kept) -> Ranges:
    """Rows of a ledger that nobody is owed, without the newest row of the store."""
    free = inventory.span(SELF, kept)
    for owner in inventory.owners():
        free = subtract(free, inventory.span(owner, kept))
    newest = inventory.newest()
    if newest is not None and newest[0] == kept:
        free = subtract(free, ((newest[1], newest[1]),))
    return free


class Prune:
    """One step, to be run in a transaction; afterwards `rows` says how many went. 0: nothing more may go."""

    def __init__(self, before_wall_ms: int | None, limit: int = STEP_ROWS) -> None:
        """before_wall_ms: only older rows; None: whatever their age."""
        self._before_wall_ms = before_wall_ms
        self._limit = limit
        self.rows = 0

    def __call__(self, conn: sqlite3.Connection, inventory: Inventory) -> Inventory:
        """See the module."""
        self.rows = 0
        for kept in inventory.ledgers:
            for first, last in prunable(inventory, kept):
                found = conn.execute(
                    _NEXT, (key_of(kept.number, first), key_of(kept.number, last), self._limit - self.rows)
                ).fetchall()
                old = self._old(found)
                if old:
                    inventory = self._delete(conn, inventory, kept, (first, split_key(old[-1])[1]))
                    self.rows += len(old)
                if len(old) < len(found) or self.rows == self._limit:
                    return inventory
        return inventory

    def _old(self, found: list[tuple[int, int]]) -> list[int]:
        keys = []
        for key, wall_ms in found:
            if wall_ms is None:  # a page of noise or zeros can pass for a row
                raise StoreDamaged(f"row {split_key(key)[1]} has lost its time", "the file is set aside")
            if self._before_wall_ms is not None and wall_ms >= self._before_wall_ms:
                break
            keys.append(key)
        return keys

    def _delete(
        self, conn: sqlite3.Connection, inventory: Inventory, kept: Kept, gone: tuple[int, int]
    ) -> Inventory:
        conn.execute(
            "DELETE FROM entry WHERE key BETWEEN ? AND ?",
            (key_of(kept.number, gone[0]), key_of(kept.number, gone[1])),
        )
        held = inventory.spans.get((SELF, kept.number), ())
        return write_span(conn, inventory, (SELF, kept.number), subtract(held, (gone,)))
