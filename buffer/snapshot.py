"""The store as another process sees it, read only: for `tram verify`, `tram export` and a stopped station.

It never writes, never checkpoints and never holds a transaction longer than one short query: a reader that
stays inside one keeps the running agent's log from being emptied.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from buffer import rows
from buffer.database import BUSY_TIMEOUT_MS, is_trouble, legible, text, trouble
from buffer.entry import Entry, LedgerHeld, Owed
from buffer.errors import StoreBroken, StoreForeign
from buffer.inventory import Inventory
from buffer.loading import load
from buffer.owed import OPEN
from buffer.schema import is_outdated, refuse_foreign

STEP_ROWS: Final = 200
STEP_BYTES: Final = 1024 * 1024

_SETTINGS: Final = f"""
    PRAGMA query_only = ON;
    PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};
    PRAGMA mmap_size = 0;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
"""


class Snapshot:
    """Made by `open_snapshot`; used in the thread that made it. What the agent writes meanwhile may be seen or not."""

    def __init__(self, conn: sqlite3.Connection, path: Path) -> None:
        self._conn = conn
        self._path = path

    def ledgers(self) -> tuple[LedgerHeld, ...]:
        """What is here of each ledger, oldest first; the last one is being written."""
        return tuple(self._inventory().held())

    def notes(self) -> dict[str, bytes]:
        """The small facts written with the records."""
        return dict(self._inventory().notes)

    def owed(self) -> dict[str, tuple[Owed, ...]]:
        """What each destination has not confirmed."""
        inventory = self._inventory()
        return {owner: tuple(inventory.owed(owner)) for owner in sorted(inventory.owners())}

    def entries(self, ledger: bytes, first: int = 1) -> Iterator[Entry]:
        """The rows of a ledger from seq first on, in order, those written during the reading included.

        What the agent prunes before the reading comes to it is passed over.
        """
        kept = self._inventory().named(ledger)
        while kept is not None:
            with _translated(self._path):
                found = rows.between(
                    self._conn, kept, (first, OPEN), max_bytes=STEP_BYTES, max_rows=STEP_ROWS
                )
            yield from found
            if not found:
                return
            first = found[-1].seq + 1

    def _inventory(self) -> Inventory:
        with _translated(self._path):
            return load(self._conn)


@contextmanager
def open_snapshot(path: Path) -> Iterator[Snapshot]:
    """StoreBroken when there is no file or it cannot be read, StoreForeign when it is not a store of ours."""
    if not path.is_file():
        raise StoreBroken(
            f"{path} is not there", "check [buffer] path; the agent makes it at its first start"
        )
    with ExitStack() as opened:
        with _translated(path):
            conn = opened.enter_context(closing(sqlite3.connect(_uri(path), uri=True, isolation_level=None)))
            conn.text_factory = text
            conn.executescript(_SETTINGS)
            refuse_foreign(conn, path)
            if is_outdated(conn):
                raise StoreForeign(
                    f"{path} was written by an older version of Tram",
                    "start the agent once: it brings it up to date",
                )
        yield Snapshot(conn, path)


def _uri(path: Path) -> str:
    """SQLite puts an index beside a store even to read it. On an auditor's read-only medium it cannot, and need not."""
    at_rest = not path.with_name(f"{path.name}-wal").exists() and not os.access(path.parent, os.W_OK)
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        with legible():
            yield
    except sqlite3.Error as error:
        if not is_trouble(error):
            raise
        raise trouble(path, "reading", error) from error
