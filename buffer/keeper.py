"""The one connection that writes, and what is done when it fails. All of this runs in the writer thread.

A commit that failed has an unknown outcome, and a sync that failed once may report success the next time
without having written anything. So after trouble the file is opened again, its WAL is moved into the database
(that writes and syncs every page anew), and then the same work is done again on what is really there.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from buffer import database, page_cache, quarantine
from buffer.database import checkpoint, closing_on_error, legible, pages, result_code
from buffer.errors import QuotaUsedUp, StoreBroken, StoreDamaged, StoreError, StoreForeign, StoreFull
from buffer.inventory import Inventory
from buffer.loading import compare, load
from buffer.operations import address
from buffer.retention import Prune
from buffer.write import Write

T = TypeVar("T")

FREE_PAGES: Final = 1000
"""Free pages that stay in the file for the next records (4 MB); what is beyond is given back."""
VACUUM_PAGES: Final = 200


class Keeper:
    """Owns lock, connection and inventory. The inventory is replaced as a whole, after the commit."""

    def __init__(self, path: Path, quota_bytes: int) -> None:
        self._path = path
        self._quota_bytes = quota_bytes
        self._lock = database.Lock(path)
        self._conn: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._troubled = False
        self._aside: Path | None = None
        self.inventory = Inventory((), {}, {})

    def open(self, destinations: Sequence[str], set_aside: str | None = None) -> None:
        """Takes the lock, makes or opens the file, brings schema and destinations up to date.

        set_aside: the file that is there is damaged, and goes to the quarantine under this name.
        """
        with ExitStack() as undo:
            undo.callback(self.close)
            database.make_folder(self._path.parent)
            self._lock.take()
            if set_aside is not None:
                quarantine.set_aside(self._path, set_aside)
            self._make(destinations)
            undo.pop_all()

    def renew(self, destinations: Sequence[str], name: str) -> Path:
        """Sets the open file aside under that name and goes on with a new one.

        StoreBroken: it is as it was, or it was moved and there is no room for another. Called again, it goes on there.
        """
        self._drop()
        folder = self._aside or quarantine.set_aside(self._path, name)
        self._aside = folder
        self.inventory, self._file, self._troubled = Inventory((), {}, {}), None, False
        try:
            self._make(destinations)
        except StoreDamaged:
            self._aside = None  # the new one goes the same way
            raise
        self._aside = None
        return folder

    def _make(self, destinations: Sequence[str]) -> None:
        database.make(self._path)
        database.refuse_headless(self._path)
        self._open_file()
        write = Write(lambda conn, inventory: address(conn, inventory, destinations))
        self.transact([write])
        write.result()

    def _open_file(self) -> None:
        try:
            self._twice("opening", self._connected)
        except StoreForeign:
            self._lock.unmake()  # the path was a mistake: leave nothing beside somebody else's file
            raise

    def close(self) -> None:
        """The lock goes last."""
        self._drop()
        self._lock.drop()

    def transact(self, writes: Sequence[Write]) -> None:
        """All of them in one transaction; each says by itself how it went."""
        try:
            self._twice("writing", lambda: self._commit_with_room(writes))
        except StoreFull as full:
            self._one_by_one(writes, full)
        except StoreError as error:
            for write in writes:
                write.error = error

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """The query's answer; StoreBroken when the file cannot be read, also not after opening it again."""
        return self._twice("reading", lambda: self._ask(query, writes=False))

    def used_pages(self) -> int:
        """Pages in use, without the free ones in the file."""
        total, free = self.read(pages)
        return total - free

    def sizes(self) -> tuple[int, int, int]:
        """Bytes in use, of the file, of its write-ahead log."""
        total, free = self.read(pages)
        return (total - free) * database.PAGE_BYTES, total * database.PAGE_BYTES, self.wal_bytes()

    def give_back(self) -> int:
        """Shortens the file by some of its free pages; the number of pages, 0 when there is no need."""
        return self._twice("shrinking", lambda: self._ask(self._shrink, writes=True))

    def trim_wal(self) -> int:
        """Empties a large WAL. Its size when it stays large, because a reader is in the way; else 0."""
        if self.wal_bytes() > database.WAL_LIMIT_BYTES:
            self._twice("checkpointing", lambda: self._ask(checkpoint, writes=True))
        return left if (left := self.wal_bytes()) > database.WAL_LIMIT_BYTES else 0

    def wal_bytes(self) -> int:
        """Size of the write-ahead log."""
        try:
            return self._path.with_name(self._path.name + "-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def _one_by_one(self, writes: Sequence[Write], full: StoreFull) -> None:
        # What was delivered needs no room and may make some. A record after one that found no room waits too.
        lasting: StoreError | None = full if len(writes) == 1 else None
        for write in sorted(writes, key=lambda write: write.grows):
            write.error = lasting
            if lasting is None:
                try:
                    self._twice("writing", partial(self._commit_with_room, [write]))
                except StoreError as error:
                    write.error = lasting = error

    def _twice(self, doing: str, job: Callable[[], T]) -> T:
        try:
            try:
                return job()
            except sqlite3.Error as error:
                if not database.is_trouble(error):
                    raise
            return job()
        except sqlite3.Error as error:
            if not database.is_trouble(error):
                raise
            raise self._known(database.trouble(self._path, doing, error)) from error
        except StoreForeign as error:
            raise self._known(error) from error

    def _known(self, error: StoreError) -> StoreError:
        """A file that was ours a moment ago is not somebody else's now: it is damaged."""
        if isinstance(error, StoreForeign) and self._file is not None:
            return StoreDamaged(error.what, "it is set aside, and what can be read of it is saved")
        return error

    def _commit_with_room(self, writes: Sequence[Write]) -> None:
        while True:
            try:
                return self._commit(writes)
            except sqlite3.Error as error:
                if result_code(error) != sqlite3.SQLITE_FULL:
                    raise
                if not self._make_room():
                    raise self._full() from error

    def _make_room(self) -> bool:
        """Rows of any age that everybody has. Undelivered ones go only with the record that tells of them."""
        prune = Prune(None)
        try:
            self._commit([Write(prune)])
        except sqlite3.Error as error:
            if not database.is_trouble(error):
                raise
            return False
        return prune.rows > 0

    def _commit(self, writes: Sequence[Write]) -> None:
        conn, inventory, committing = self._connected(), self.inventory, False
        try:
            conn.execute("BEGIN IMMEDIATE")
            for write in writes:
                inventory = write.perform(conn, inventory)
            committing = True
            conn.execute("COMMIT")
        except sqlite3.Error as error:
            # After no room for a statement the connection is as good as before.
            if committing or result_code(error) != sqlite3.SQLITE_FULL:
                self._drop(troubled=committing)
            raise
        finally:
            self._roll_back()
        self.inventory = inventory
        for write in writes:
            write.done = True

    def _roll_back(self) -> None:
        if self._conn is not None and self._conn.in_transaction:
            try:
                self._conn.execute("ROLLBACK")
            except sqlite3.Error:
                self._drop()

    def _ask(self, query: Callable[[sqlite3.Connection], T], *, writes: bool) -> T:
        conn = self._connected()
        try:
            return query(conn)
        except sqlite3.Error:
            self._drop(troubled=writes)
            raise

    def _shrink(self, conn: sqlite3.Connection) -> int:
        total, free = pages(conn)
        if free <= FREE_PAGES:
            return 0
        # execute() of this pragma frees one page and says nothing; executescript() runs it to its end.
        conn.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
        database.set_quota(conn, self._quota_bytes)
        return total - pages(conn)[0]

    def _full(self) -> StoreFull:
        waiting = {owner: self.inventory.owed_rows(owner) for owner in sorted(self.inventory.owners())}
        told = ", ".join(f"{rows} wait for {owner}" for owner, rows in waiting.items() if rows)
        in_file = pages(self._conn)[0] * database.PAGE_BYTES if self._conn is not None else 0
        if in_file < self._quota_bytes * 9 // 10:
            return StoreFull(
                f"{self._path}: the disk is full (records: {told or 'none waits'})", "free some of the disk"
            )
        return QuotaUsedUp(
            f"{self._path}: the quota of {self._quota_bytes} bytes is used up by records nobody has confirmed "
            f"({told})",
            "bring the destination back or raise [buffer] quota",
        )

    def _connected(self) -> sqlite3.Connection:
        if not self._lock.is_taken:
            raise RuntimeError("the store is closed")
        if self._conn is None:
            self._conn = self._connect()
        elif self._file != database.identity(self._path):
            # SQLite would go on writing into a file that no longer has a name.
            self._drop()
            raise StoreBroken(f"{self._path} was moved or deleted while it was open", "put it back")
        return self._conn

    def _connect(self) -> sqlite3.Connection:
        file = database.identity(self._path)
        page_cache.forget(self._path)
        with legible(), closing_on_error(database.connect(self._path, self._quota_bytes)) as conn:
            if not checkpoint(conn) and self._troubled:
                raise StoreBroken(
                    f"{self._path}: a write failed, and a reader keeps what is there from being synced",
                    "close the other programs that have the file open",
                )
            inventory = load(conn)
            compare(conn, inventory)
            if not inventory.continues(self.inventory):
                raise StoreBroken(f"{self._path} was replaced by an older file", "put the newer one back")
        self.inventory, self._file, self._troubled = inventory, file, False
        return conn

    def _drop(self, *, troubled: bool = False) -> None:
        self._troubled = self._troubled or troubled
        if self._conn is not None:
            self._conn.close()
            self._conn = None
