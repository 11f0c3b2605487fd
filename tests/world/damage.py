"""What befalls a station's files while nobody looks: bad pages, half a file, an old copy put back."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

from buffer.database import PAGE_BYTES
from tests.world.station import DATABASE, SIDECAR

Damage = Callable[[Path, Random], str]


def a_page_garbled(file: Path, rng: Random) -> str:
    """One page holds something else."""
    content = bytearray(file.read_bytes())
    page = rng.randrange(max(1, len(content) // PAGE_BYTES))
    content[page * PAGE_BYTES : (page + 1) * PAGE_BYTES] = rng.randbytes(PAGE_BYTES)
    file.write_bytes(content)
    return f"page {page + 1} is noise"


def pages_emptied(file: Path, rng: Random) -> str:
    """Some pages are all zeros."""
    content = bytearray(file.read_bytes())
    pages = sorted(rng.randrange(max(1, len(content) // PAGE_BYTES)) for _ in range(rng.randint(1, 4)))
    for page in pages:
        content[page * PAGE_BYTES : (page + 1) * PAGE_BYTES] = bytes(PAGE_BYTES)
    file.write_bytes(content)
    return f"pages {', '.join(str(page + 1) for page in pages)} are zeros"


def cut_short(file: Path, rng: Random) -> str:
    """The end of the file is missing."""
    content = file.read_bytes()
    left = rng.randrange(len(content) // 2, len(content))
    file.write_bytes(content[:left])
    return f"{left} of {len(content)} bytes are left"


def emptied(file: Path, rng: Random) -> str:
    """Nothing is left of the database; its log is there."""
    file.write_bytes(b"")
    return "it is empty"


def a_table_lost(file: Path, rng: Random) -> str:
    """The schema has forgotten a table."""
    table = rng.choice(["_sqlite_migrations", "ledger", "span", "entry", "note"])
    try:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("DELETE FROM sqlite_schema WHERE tbl_name = ?", (table,))
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        return f"{table} could not be taken away ({error})"
    return f"the table {table} is gone"


DAMAGES: tuple[Damage, ...] = (a_page_garbled, pages_emptied, cut_short, emptied, a_table_lost)


def copied(folder: Path, to: Path) -> None:
    """A copy of the store as it is now, with the file beside the key."""
    if to.exists():
        shutil.rmtree(to)
    to.mkdir()
    for part in parts(folder):
        if part.exists():
            shutil.copy(part, to / part.name)


def put_back(folder: Path, copy: Path, *, with_sidecar: bool) -> None:
    """The copy takes the store's place."""
    for part in parts(folder):
        if part.name.endswith(".ledger") and not with_sidecar:
            continue
        part.unlink(missing_ok=True)
        if (copy / part.name).exists():
            shutil.copy(copy / part.name, part)


def parts(folder: Path) -> tuple[Path, Path, Path]:
    """The database, its log, the file beside the key."""
    return folder / DATABASE, folder / f"{DATABASE}-wal", folder / SIDECAR
