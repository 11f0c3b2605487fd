"""The tables, and the numbered steps that lead from any older file to today's.

A step that has been released is never changed; a new one is added below it.

entry.key is the ledger's number (from 1, in the order the ledgers began) above 40 bits of seq: one b-tree in
the order of writing, with no second index to keep. ledger and seq can be read as columns of their own.
span holds sets of seq as ranges (`buffer.owed`). The owner "" is the store itself: what it holds. Every other
owner is a destination: what it is owed.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlite_utils import Database, Migrations

from buffer.errors import StoreForeign

APPLICATION_ID: Final = 0x5472616D  # "Tram"
SEQ_BITS: Final = 40
SELF: Final = ""

MIGRATIONS: Final = Migrations("tram-buffer")

_TABLES: Final = (
    """CREATE TABLE ledger (
        number INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
        next_seq INTEGER NOT NULL CHECK (next_seq >= 1),
        prev BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE entry (
        key INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        device TEXT NOT NULL,
        wall_ms INTEGER NOT NULL,
        mono_ms INTEGER NOT NULL,
        first INTEGER NOT NULL,
        envelope BLOB NOT NULL,
        ledger INTEGER GENERATED ALWAYS AS (key >> 40) VIRTUAL,
        seq INTEGER GENERATED ALWAYS AS (key & 1099511627775) VIRTUAL
    ) STRICT""",
    "CREATE INDEX entry_first ON entry (first) WHERE first = 1",
    """CREATE TABLE span (
        owner TEXT NOT NULL,
        ledger INTEGER NOT NULL REFERENCES ledger (number),
        first INTEGER NOT NULL,
        last INTEGER NOT NULL CHECK (last >= first),
        PRIMARY KEY (owner, ledger, first)
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE note (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
)


@MIGRATIONS(name="0001_ledger_entry_span_note")
def _ledger_entry_span_note(db: Database) -> None:
    for statement in _TABLES:
        db.conn.execute(statement)


def key_of(number: int, seq: int) -> int:
    """The row of a seq in the ledger of that number."""
    return number << SEQ_BITS | seq


def split_key(key: int) -> tuple[int, int]:
    """Ledger number and seq of a row."""
    return key >> SEQ_BITS, key & ((1 << SEQ_BITS) - 1)


def prepare(conn: sqlite3.Connection, migrations: Migrations = MIGRATIONS) -> None:
    """Makes the tables in an empty file, brings an older one up to date; each step in its own transaction."""
    # Without these two sqlite-utils sets a pragma of its own and loads the plug-ins it finds installed.
    migrations.apply(Database(conn, recursive_triggers=False, execute_plugins=False))


def refuse_foreign(conn: sqlite3.Connection, path: Path, migrations: Migrations = MIGRATIONS) -> None:
    """StoreForeign unless it is a Tram store that this version, or an older one, has written. Reads only."""
    (application_id,) = conn.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise StoreForeign(
            f"{path} is a database, but not a Tram store", "set [buffer] path to a file of its own"
        )
    newer = applied(conn) - _names(migrations)
    if newer:
        raise StoreForeign(
            f"{path} was written by a newer version of Tram (it has {', '.join(sorted(newer))})",
            "install that version again",
        )


def is_empty(conn: sqlite3.Connection) -> bool:
    """Whether there is no table yet: a new file, or one whose making was interrupted."""
    (tables,) = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(tables == 0)


def is_outdated(conn: sqlite3.Connection, migrations: Migrations = MIGRATIONS) -> bool:
    """Whether a step has not been applied yet."""
    return bool(_names(migrations) - applied(conn))


def applied(conn: sqlite3.Connection) -> set[str]:
    """The names of the steps this file has been through; none when its making was interrupted."""
    if not conn.execute("SELECT 1 FROM sqlite_schema WHERE name = '_sqlite_migrations'").fetchone():
        return set()
    sql = "SELECT name FROM _sqlite_migrations WHERE migration_set = ?"
    return {name for (name,) in conn.execute(sql, (MIGRATIONS.name,))}


def _names(migrations: Migrations) -> set[str]:
    # pending() wants a database; an empty one in memory has every step before it.
    with closing(sqlite3.connect(":memory:")) as empty:
        blank = Database(empty, recursive_triggers=False, execute_plugins=False)
        return {step.name for step in migrations.pending(blank)}
