"""The centre's tables, as numbered migrations of sqlite-utils.

`envelope` and `fork` hold signed bytes exactly as they came; everything else can be rebuilt from them.
`measured` is what the records said, by channel number; the view `reading` gives it with names.
Times are Unix ms UTC by the centre's clock, except `wall_ms`, which the station signed.
"""

import secrets

import sqlite_utils
from sqlite_utils import Migrations

migrations = Migrations("central")

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;

CREATE TABLE station (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  received INTEGER NOT NULL DEFAULT 0,   -- envelopes that arrived on live and past, of any worth
  rejected INTEGER NOT NULL DEFAULT 0,   -- of these, not stored because they were not the station's word
  last_seen_ms INTEGER                   -- newest arrival of something it signed
) STRICT;

CREATE TABLE ledger (
  id INTEGER PRIMARY KEY,
  station INTEGER NOT NULL REFERENCES station(id),
  ledger BLOB NOT NULL,
  public BLOB NOT NULL,                  -- the key that signs this ledger
  first_ms INTEGER NOT NULL,
  stored INTEGER NOT NULL DEFAULT 0,
  duplicates INTEGER NOT NULL DEFAULT 0,
  reception BLOB,                        -- telemetry.reception, dumped now and then, with a checksum
  silence BLOB,                          -- telemetry.silence, dumped now and then, with a checksum
  silence_seq INTEGER NOT NULL DEFAULT 0,
  head BLOB, head_ms INTEGER,            -- the newest signed head as it came
  receipt BLOB, receipt_ms INTEGER, receipt_number INTEGER,
  UNIQUE (station, ledger)
) STRICT;

CREATE TABLE envelope (
  ledger INTEGER NOT NULL REFERENCES ledger(id),
  seq INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  envelope BLOB NOT NULL,
  PRIMARY KEY (ledger, seq)
) STRICT;

CREATE TABLE fork (
  ledger INTEGER NOT NULL REFERENCES ledger(id),
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  envelope BLOB NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (ledger, seq, hash)
) STRICT;

CREATE TABLE channel (
  id INTEGER PRIMARY KEY,
  station INTEGER NOT NULL REFERENCES station(id),
  device TEXT NOT NULL, channel TEXT NOT NULL, unit TEXT NOT NULL,
  UNIQUE (station, device, channel, unit)
) STRICT;

CREATE TABLE measured (
  channel INTEGER NOT NULL REFERENCES channel(id),
  wall_ms INTEGER,                       -- NULL: the station's clock was unknown
  value ANY,                             -- NULL: there is none, and flags says why
  flags INTEGER NOT NULL,
  ledger INTEGER NOT NULL REFERENCES ledger(id),
  seq INTEGER NOT NULL
) STRICT;
CREATE INDEX measured_by_time ON measured (channel, wall_ms);

CREATE TABLE finding (
  id INTEGER PRIMARY KEY,
  station TEXT NOT NULL,
  ledger BLOB,
  what TEXT NOT NULL,
  seq INTEGER,
  key BLOB NOT NULL,                     -- what makes it the same finding when it is seen again
  detail TEXT NOT NULL,
  evidence BLOB,                         -- the refused bytes, bounded
  first_ms INTEGER NOT NULL,
  times INTEGER NOT NULL DEFAULT 1,
  resolved_ms INTEGER,                   -- a hole that was filled, a doubt that is over
  acknowledged_ms INTEGER,
  UNIQUE (station, what, key)
) STRICT;

CREATE TABLE stranger (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  station TEXT NOT NULL,
  public BLOB NOT NULL,
  envelope BLOB NOT NULL UNIQUE,
  at_ms INTEGER NOT NULL
) STRICT;

CREATE VIEW reading AS
  SELECT s.name AS station, c.device, c.channel, m.wall_ms,
         CASE WHEN typeof(m.value) = 'text' THEN NULL ELSE m.value END AS value,
         CASE WHEN typeof(m.value) = 'text' THEN m.value END AS text,
         m.flags, c.unit, l.ledger, m.seq
  FROM measured m JOIN channel c ON c.id = m.channel
       JOIN station s ON s.id = c.station JOIN ledger l ON l.id = m.ledger;
"""


@migrations()
def tables(db: sqlite_utils.Database) -> None:
    """Everything that version 1 keeps; the store id is drawn here, once per store."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)
    db.conn.execute("INSERT INTO meta VALUES ('store_id', ?)", (secrets.token_bytes(16),))
    db.conn.execute("INSERT INTO meta VALUES ('receipt_number', 0)")
