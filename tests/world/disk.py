"""A process's folder through its lives, and what becomes of each COMMIT in it.

A process dies in an instant: its folder is copied as it is then, and its next life finds the copy. Whatever the dead
one still does, it does in a folder that nobody looks at any more. So any moment may be the last, without a process.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Protocol
from unittest import mock

WATCHED = ("INSERT INTO entry", "DELETE FROM entry", "INSERT INTO envelope", "INSERT OR IGNORE INTO fork")
NOT_COPIED = shutil.ignore_patterns("*.sock", "*-shm", "*.lock")


class Fate(StrEnum):
    """What happens to one COMMIT. The first three leave the process alive."""

    LOST = "an error, and nothing was written"
    WRITTEN = "an error, and all was written"
    FULL = "no room"
    DIE_BEFORE = "death just before"
    DIE_AFTER = "death just after"
    DIE_TORN = "death in the middle of the log's writing"


DEATHS = (Fate.DIE_BEFORE, Fate.DIE_AFTER, Fate.DIE_TORN)
_CODES = {
    Fate.LOST: (sqlite3.SQLITE_IOERR, "SQLITE_IOERR_FSYNC"),
    Fate.WRITTEN: (sqlite3.SQLITE_IOERR, "SQLITE_IOERR_FSYNC"),
    Fate.FULL: (sqlite3.SQLITE_FULL, "SQLITE_FULL"),
}


class Book(Protocol):
    """Who wants to know what is in the store. `note` comes with statements, `committed` when they are durable."""

    def opened(self, connection: sqlite3.Connection) -> None: ...

    def note(self, sql: str, rows: Sequence[Any]) -> None: ...

    def committed(self) -> None: ...

    def rolled_back(self) -> None: ...


class Disk:
    """`folder` is the present life's. `failing`: what happens to COMMITs for now; `doom`: to the next one."""

    def __init__(self, root: Path, name: str, database: str, rng: Random, book: Book) -> None:
        self.folder = root / f"{name}-0"
        self.folder.mkdir()
        self.life = 0
        self.book = book
        self.failing: Fate | None = None
        self.doom: Fate | None = None
        self.on_death: Callable[[], None] = lambda: None
        self.after_commit: Callable[[], None] = lambda: None
        self._root, self._name, self._database = root, name, database
        self._rng = rng

    @property
    def database(self) -> Path:
        """The store's file in the present life."""
        return self.folder / self._database

    @property
    def log(self) -> Path:
        """Its write-ahead log."""
        return self.database.with_name(self.database.name + "-wal")

    def die(self) -> None:
        """The process is gone; its next life finds everything as it is now."""
        before, self.doom = self.folder, None
        self.life += 1
        self.folder = self._root / f"{self._name}-{self.life}"
        shutil.copytree(before, self.folder, ignore=NOT_COPIED)
        self.on_death()

    def next_fate(self) -> Fate | None:
        """Of the COMMIT that is asked for now; None: all goes well."""
        if self.failing is not None:
            return self.failing
        fate, self.doom = self.doom, None
        return fate

    def refuses(self) -> bool:
        """Whether a row that comes now finds no room: a full disk says so here or at the COMMIT."""
        return self.failing is Fate.FULL and self._rng.random() < 0.5

    def tear(self, database_before: bytes, log_before: bytes) -> None:
        """The log's last writing did not all reach the disk. Only what no COMMIT has promised yet may be torn."""
        if self.database.read_bytes() != database_before:
            return  # a checkpoint ran: the log had been synced
        log = self.log.read_bytes() if self.log.exists() else b""
        first = _common(log, log_before)
        if first < len(log):
            cut = self._rng.randrange(first, len(log))
            self.log.write_bytes(log[:cut] + log_before[cut:])

    def owns(self, database: object) -> bool:
        """Whether a path or URI names this store, for writing."""
        named = str(database)
        return str(self.database) in named and "mode=ro" not in named


class Connection(sqlite3.Connection):
    """A connection to the store of a process that lives; when it has died, an ordinary one."""

    disk: Disk
    life: int
    is_known = False

    @property
    def _is_alive(self) -> bool:
        return self.life == self.disk.life

    def execute(self, sql: str, /, *parameters: Any) -> sqlite3.Cursor:
        if not self._is_alive:
            return super().execute(sql, *parameters)
        if sql == "COMMIT":
            return self._commit()
        if sql == "ROLLBACK":
            self.disk.book.rolled_back()
        elif sql == "BEGIN IMMEDIATE":
            self.disk.book.rolled_back()  # a full disk may have undone the transaction before
            if not self.is_known:
                self.is_known = True
                self.disk.book.opened(self)
        elif sql.startswith(WATCHED):
            self._watch(sql, parameters)
        return super().execute(sql, *parameters)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        if not self._is_alive or not sql.startswith(WATCHED):
            return super().executemany(sql, rows)
        listed = list(rows)
        self._watch(sql, listed)
        return super().executemany(sql, listed)

    def _watch(self, sql: str, rows: Sequence[Any]) -> None:
        if sql.startswith("INSERT") and self.disk.refuses():
            raise error_of(Fate.FULL)
        self.disk.book.note(sql, rows)

    def _commit(self) -> sqlite3.Cursor:
        disk, fate = self.disk, self.disk.next_fate()
        if fate is Fate.DIE_BEFORE:
            disk.die()
            return super().execute("COMMIT")
        if fate in {Fate.LOST, Fate.FULL}:
            super().execute("ROLLBACK")
            disk.book.rolled_back()
            raise error_of(fate)
        before = (_bytes(disk.database), _bytes(disk.log)) if fate is Fate.DIE_TORN else (b"", b"")
        cursor = super().execute("COMMIT")
        disk.book.rolled_back() if fate is Fate.DIE_TORN else disk.book.committed()
        if fate is Fate.WRITTEN:
            raise error_of(fate)
        if fate in DEATHS:
            disk.die()
            if fate is Fate.DIE_TORN:
                disk.tear(*before)
        else:
            disk.after_commit()
        return cursor


def error_of(fate: Fate) -> sqlite3.OperationalError:
    """As SQLite raises it."""
    code, name = _CODES[fate]
    words = "database or disk is full" if fate is Fate.FULL else "disk I/O error"
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    return error


def _common(one: bytes, other: bytes) -> int:
    """How many bytes are the same from the beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


@contextmanager
def on_disks(*disks: Disk) -> Iterator[None]:
    """Stores that are opened meanwhile are on these disks."""
    real = sqlite3.connect

    def connect(database: Any, **options: Any) -> sqlite3.Connection:
        disk = next((disk for disk in disks if disk.owns(database)), None)
        if disk is None:
            ordinary: sqlite3.Connection = real(database, **options)
            return ordinary
        connection = real(database, factory=Connection, **options)
        assert isinstance(connection, Connection)
        connection.disk, connection.life = disk, disk.life
        return connection

    with mock.patch.object(sqlite3, "connect", connect):
        yield
