"""The steps of the schema, with sqlite-utils; imported only when there is one to take.

A step that has been released is never changed; a new one is added below it, and its name to buffer.schema.STEPS.
"""

import sqlite3
from typing import Final

from sqlite_utils import Database, Migrations

from buffer.schema import MIGRATION_SET, STEPS

MIGRATIONS: Final = Migrations(MIGRATION_SET)

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


@MIGRATIONS(name=STEPS[0])
def ledger_entry_span_note(db: Database) -> None:
    """All that version 1 keeps."""
    for statement in _TABLES:
        db.conn.execute(statement)


def apply(conn: sqlite3.Connection, migrations: Migrations) -> None:
    """The steps that the file has not been through."""
    # Without these two sqlite-utils sets a pragma of its own and loads the plug-ins it finds installed.
    migrations.apply(Database(conn, recursive_triggers=False, execute_plugins=False))
