"""The tables, and the numbered steps that lead from any older file to today's (buffer.migrations has them).

entry.key is the ledger's number (from 1, in the order the ledgers began) above 40 bits of seq: one b-tree in
the order of writing, with no second index to keep. ledger and seq can be read as columns of their own.
span holds sets of seq as ranges (`buffer.owed`). The owner "" is the store itself: what it holds. Every other
owner is a destination: what it is owed.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from buffer.errors import StoreDamaged, StoreForeign, StoreNewer

if TYPE_CHECKING:
    from sqlite_utils import Migrations

APPLICATION_ID: Final = 0x5472616D  # "Tram"
SEQ_BITS: Final = 40
SELF: Final = ""

MIGRATION_SET: Final = "tram-buffer"
STEPS: Final = ("0001_ledger_entry_span_note",)
"""The names of the steps, in order."""

TABLES: Final = frozenset({"ledger", "entry", "span", "note"})


def key_of(number: int, seq: int) -> int:
    """The row of a seq in the ledger of that number."""
    return number << SEQ_BITS | seq


def split_key(key: int) -> tuple[int, int]:
    """Ledger number and seq of a row."""
    return key >> SEQ_BITS, key & ((1 << SEQ_BITS) - 1)


def prepare(conn: sqlite3.Connection, migrations: "Migrations | None" = None) -> None:
    """Makes the tables in an empty file, brings an older one up to date; each step in its own transaction."""
    if migrations is None and not is_outdated(conn):
        return
    # sqlite-utils is 2 MB and a tenth of every start; it is needed when there is a step to take.
    from buffer.migrations import MIGRATIONS, apply  # noqa: PLC0415

    apply(conn, migrations or MIGRATIONS)


def refuse_foreign(conn: sqlite3.Connection, path: Path) -> None:
    """StoreForeign unless it is a Tram store that this version, or an older one, has written. Reads only.

    StoreNewer for a newer version's; StoreDamaged when it has tables and not the step that made them.
    """
    (application_id,) = conn.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise StoreForeign(
            f"{path} is a database, but not a Tram store", "set [buffer] path to a file of its own"
        )
    steps = applied(conn)
    if STEPS[0] not in steps and conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'ledger'").fetchone():
        raise StoreDamaged(
            f"{path} does not say which version of Tram wrote it",
            "it is set aside, and what can be read of it is saved",
        )
    newer = steps - {*STEPS}
    if newer:
        raise StoreNewer(
            f"{path} was written by a newer version of Tram (it has {', '.join(sorted(newer))})",
            "install that version again",
        )


def is_empty(conn: sqlite3.Connection) -> bool:
    """Whether there is no table yet: a new file, or one whose making was interrupted."""
    (tables,) = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(tables == 0)


def is_torn(conn: sqlite3.Connection) -> bool:
    """Whether a table of the first step is missing, or is there without word of that step: pages were lost."""
    names = {name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    return not names >= TABLES if STEPS[0] in applied(conn) else bool(TABLES & names)


def is_outdated(conn: sqlite3.Connection, steps: Sequence[str] = STEPS) -> bool:
    """Whether a step has not been applied yet."""
    return bool({*steps} - applied(conn))


def applied(conn: sqlite3.Connection) -> set[str]:
    """The names of the steps this file has been through; none when its making was interrupted."""
    if not conn.execute("SELECT 1 FROM sqlite_schema WHERE name = '_sqlite_migrations'").fetchone():
        return set()
    sql = "SELECT name FROM _sqlite_migrations WHERE migration_set = ?"
    return {name for (name,) in conn.execute(sql, (MIGRATION_SET,))}
