"""Checking again what is stored, from the raw envelopes: no table but theirs is believed."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from central.errors import CentreError
from central.folder import Folder
from central.snapshot import snapshot
from telemetry.audit import LedgerReport, audit
from telemetry.keys import KeyRing

CHUNK = 1000


def verify(folder: Path, station: str) -> list[LedgerReport]:
    """One report per ledger of a station. CentreError when nothing of it is stored, FolderError without a store.

    The keys are those that were enrolled when each ledger began.
    """
    with snapshot(Folder(folder)) as connection:
        ledgers = connection.execute(
            "SELECT l.id, l.public FROM ledger l JOIN station s ON s.id = l.station WHERE s.name = ? ORDER BY l.id",
            (station,),
        ).fetchall()
        if not ledgers:
            raise CentreError(f"nothing of station {station} is stored; see `tram central stations {folder}`")
        ring = KeyRing({public for _, public in ledgers})
        return audit(_envelopes(connection, [number for number, _ in ledgers]), ring)


def _envelopes(connection: sqlite3.Connection, ledgers: list[int]) -> Iterator[bytes]:
    """Every envelope in order of seq, then what was signed beside it; in chunks, so that `serve` can tidy up."""
    for ledger in ledgers:
        seq = 0
        while rows := connection.execute(
            "SELECT seq, envelope FROM envelope WHERE ledger = ? AND seq > ? ORDER BY seq LIMIT ?",
            (ledger, seq, CHUNK),
        ).fetchall():
            yield from (envelope for _, envelope in rows)
            seq = rows[-1][0]
        forks = connection.execute("SELECT envelope FROM fork WHERE ledger = ? ORDER BY seq", (ledger,))
        yield from [envelope for (envelope,) in forks.fetchall()]
