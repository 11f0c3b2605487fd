"""Stations that nobody enrolled: of them the centre keeps a hundred boot records and nothing else."""

import sqlite3
from typing import NamedTuple

from telemetry.bodies import BootBody
from telemetry.envelope import RECORD, Forged, peek, unseal
from telemetry.fields import RecordError
from telemetry.keys import KeyRefused, KeyRing
from telemetry.record import Kind, decode_record

STRANGERS_KEPT = 100


class Stranger(NamedTuple):
    """A boot record of an unknown station, proven by the key inside it and by nothing else."""

    station: str
    public: bytes
    envelope: bytes
    at_ms: int


def stranger_of(station: str, envelope: bytes, now_ms: int) -> Stranger | None:
    """The stranger who signed this boot record with the key that it carries; None: it is nothing of the kind."""
    try:
        record = decode_record(peek(envelope, RECORD).payload)
        if record.kind != Kind.BOOT or record.station != station:
            return None
        public = BootBody.decode(record.body).public
        unseal(envelope, RECORD, KeyRing([public]))
    except (Forged, RecordError, KeyRefused):
        return None
    return Stranger(station, public, envelope, now_ms)


class Strangers:
    """The table `stranger`, written inside the store's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def remember(self, stranger: Stranger) -> None:
        """Keep a boot record of an unknown station; the oldest beyond a hundred go."""
        self._connection.execute(
            "INSERT OR REPLACE INTO stranger (station, public, envelope, at_ms) VALUES (?, ?, ?, ?)", stranger
        )
        self._connection.execute(
            "DELETE FROM stranger WHERE id NOT IN (SELECT id FROM stranger ORDER BY id DESC LIMIT ?)",
            (STRANGERS_KEPT,),
        )

    def adopt(self, station: str, public: bytes) -> list[bytes]:
        """The boot records that an enrolled key had sent before; no longer kept as a stranger's."""
        rows = self._connection.execute(
            "SELECT envelope FROM stranger WHERE station = ? AND public = ? ORDER BY id", (station, public)
        ).fetchall()
        self._connection.execute("DELETE FROM stranger WHERE station = ?", (station,))
        return [row[0] for row in rows]
