"""The store's file: making it, locking it against other processes, opening it with the settings it needs.

The settings and their reasons (SQLite 3.40 documentation and measurements):

auto_vacuum INCREMENTAL   before the first table, or the file can never shrink
WAL, synchronous FULL     the only pair that lost no committed row when the power was cut; NORMAL lost some
wal_autocheckpoint 256    1 MiB: bounds the disk and the work after a crash
journal_size_limit        the WAL is not cut back after a checkpoint otherwise
max_page_count            the quota; not stored in the file. Full by quota, a DELETE still works; full by disk not
cell_size_check, mmap 0   damage is noticed earlier, stray pointers cannot write into the file
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from buffer.errors import StoreBroken, StoreBusy, StoreDamaged, StoreError, StoreForeign
from buffer.schema import APPLICATION_ID, is_empty, is_torn, prepare, refuse_foreign

PAGE_BYTES: Final = 4096
WAL_LIMIT_BYTES: Final = 4 * 1024 * 1024
BUSY_TIMEOUT_MS: Final = 5000
MAKING_PAGES: Final = 2
"""What a file has whose making was interrupted: the mark, and no table."""

# The mark is the very first thing written: a file whose making was interrupted is still known as ours.
_BEFORE_THE_FIRST_TABLE: Final = f"""
    PRAGMA page_size = {PAGE_BYTES};
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA application_id = {APPLICATION_ID};
"""
_ON_EVERY_CONNECTION: Final = f"""
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 256;
    PRAGMA journal_size_limit = {WAL_LIMIT_BYTES};
    PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};
    PRAGMA cell_size_check = ON;
    PRAGMA mmap_size = 0;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA foreign_keys = ON;
"""

# The outcomes that opening the file again, more room or waiting may mend; all others are defects of ours.
_TROUBLE: Final = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}


def result_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 when the error is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_trouble(error: sqlite3.Error) -> bool:
    """Whether the file or the machine is the cause, and not a defect of ours (bad SQL, bad types)."""
    return result_code(error) in _TROUBLE


def trouble(path: Path, doing: str, error: sqlite3.Error) -> StoreError:
    """What to tell the technician about SQLite's error."""
    code = result_code(error)
    if code == sqlite3.SQLITE_NOTADB:
        return StoreForeign(f"{path} is not a SQLite database", "set [buffer] path to a file of its own")
    name = getattr(error, "sqlite_errorname", "")
    kind = StoreDamaged if code == sqlite3.SQLITE_CORRUPT else StoreBroken
    return kind(f"{path}: {doing} failed: {error} ({name})", _HINTS.get(code, _HINT))


def damage(why: str) -> sqlite3.DatabaseError:
    """As if SQLite had found it."""
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    error.sqlite_errorname = "SQLITE_CORRUPT"
    return error


@contextmanager
def legible() -> Iterator[None]:
    """Reading tables that are always there: bad SQL, or words that are no text, mean a damaged schema."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise damage("malformed database schema") from error
    except sqlite3.OperationalError as error:
        if result_code(error) != sqlite3.SQLITE_ERROR:
            raise
        raise damage(str(error)) from error


_OWNER: Final = "check the folder's owner and rights, and the disk"
_HINT: Final = "check the disk (dmesg, df) and the rights of the folder"
_HINTS: Final = {
    sqlite3.SQLITE_BUSY: "another program holds the file locked: close it",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: it is set aside, and what can be read of it is saved",
}


def text(stored: bytes) -> str:
    """A column of text, with flipped bits as well: what is no UTF-8 any more is no reason not to read the row."""
    return stored.decode("utf-8", "replace")


def make_folder(folder: Path) -> None:
    """A folder only for its owner, with those above it. Nothing when it is there."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        above = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(above)  # SQLite syncs the folder of its file, nobody the folder above
        finally:
            os.close(above)
    except OSError as error:
        raise StoreBroken(f"{folder} cannot be made: {error.strerror}", _OWNER) from error


def make(path: Path) -> None:
    """An empty file only for its owner. Nothing when it is there."""
    try:
        # O_EXCL: closing a descriptor of an existing database would drop the locks SQLite holds on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise StoreBroken(f"{path} is a folder", "set [buffer] path to a file in it") from None
    except OSError as error:
        raise StoreBroken(f"{path} cannot be made: {error.strerror}", _OWNER) from error


def refuse_headless(path: Path) -> None:
    """StoreDamaged for an empty file with a log beside it: SQLite would take the log for a stale one and delete it."""
    log = path.with_name(path.name + "-wal")
    if path.stat().st_size == 0 and log.exists() and log.stat().st_size > 0:
        raise StoreDamaged(f"{path} is empty, and its log is not", "it is set aside, and the log is saved")


def identity(path: Path) -> tuple[int, int] | None:
    """Which file the name stands for; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Lock:
    """One process at a time, by a lock on a file beside the database. The kernel drops it with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(path.name + ".lock")
        self._descriptor: int | None = None
        self._made = False

    def take(self) -> None:
        """StoreBusy, naming the process, when another one has it."""
        while not self.is_taken:
            descriptor, self._made = self._open()
            self._lock(descriptor)
            self._descriptor = descriptor
            if not self._is_beside(descriptor):
                self.drop()  # its maker took it away before we had it: the next one would lock another file

    def unmake(self) -> None:
        """Takes the file away that `take` made, because nothing of ours is beside it. The lock is still ours."""
        if self._made and self._descriptor is not None and self._is_beside(self._descriptor):
            with suppress(OSError):
                self._beside.unlink()

    def _open(self) -> tuple[int, bool]:
        """The file, and whether this made it."""
        how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            with suppress(FileExistsError):
                return os.open(self._beside, how | os.O_EXCL, 0o600), True
            return os.open(self._beside, how, 0o600), False
        except OSError as error:
            raise StoreBroken(f"{self._beside} cannot be opened: {error.strerror}", _OWNER) from error

    def _is_beside(self, descriptor: int) -> bool:
        found = os.fstat(descriptor)
        return (found.st_dev, found.st_ino) == identity(self._beside)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreBusy(
                f"{self._path} is open in another process ({holder})",
                "stop that one first; `tram status` only asks",
            ) from error
        with suppress(OSError):  # the number is for eyes: on a full disk the lock holds without it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    @property
    def is_taken(self) -> bool:
        """Whether it is ours."""
        return self._descriptor is not None

    def drop(self) -> None:
        """Lets the next one in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def connect(path: Path, quota_bytes: int) -> sqlite3.Connection:
    """The connection that writes, in the calling thread. sqlite3.Error or StoreForeign when it cannot be."""
    # mode=rw: a file that vanished is trouble, not a reason to make an empty one.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing_on_error(sqlite3.connect(uri, uri=True, isolation_level=None)) as conn:
        conn.text_factory = text
        if is_empty(conn):
            if pages(conn)[0] > MAKING_PAGES:
                raise StoreDamaged(
                    f"{path} has lost its tables", "it is set aside, and what it holds is saved"
                )
            conn.executescript(_BEFORE_THE_FIRST_TABLE)
        else:
            refuse_foreign(conn, path)
            if is_torn(conn):
                raise StoreDamaged(f"{path} has lost a table", "it is set aside, and what it holds is saved")
        (mode,) = conn.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreBroken(
                f"{path}: the file system cannot do write-ahead logging", "use a local disk or card"
            )
        conn.executescript(_ON_EVERY_CONNECTION)
        set_quota(conn, quota_bytes)
        prepare(conn)
    return conn


@contextmanager
def closing_on_error(conn: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Closes a connection that did not get through its set-up."""
    with ExitStack() as undo:
        undo.callback(conn.close)
        yield conn
        undo.pop_all()


def set_quota(conn: sqlite3.Connection, quota_bytes: int) -> None:
    """The limit of the file's size. SQLite does not go below its present size: set it again after shrinking."""
    conn.execute(f"PRAGMA max_page_count = {max(1, quota_bytes // PAGE_BYTES)}").fetchone()  # 0: no limit


def pages(conn: sqlite3.Connection) -> tuple[int, int]:
    """Pages in the file, and how many of them are free."""
    (total,) = conn.execute("PRAGMA page_count").fetchone()
    (free,) = conn.execute("PRAGMA freelist_count").fetchone()
    return total, free


def checkpoint(conn: sqlite3.Connection) -> bool:
    """Moves the WAL into the file, syncs that and empties the WAL; False when a reader was in the way.

    It does not wait for readers.
    """
    conn.execute("PRAGMA busy_timeout = 0").fetchone()
    try:
        busy, frames, moved = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}").fetchone()
    return not busy or frames == moved
