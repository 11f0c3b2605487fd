"""Getting signed bytes out of a damaged file that was set aside. It is opened read only and never changed.

1. `selected`: what SQLite can still reach, row by row; around a damaged place by halving the keys.
2. `carved`: what lies in its pages and in its log, whether or not a tree leads there. Where an envelope begins, and
   how long it is, says `find`: the store does not know what the bytes mean. A row that is larger than a page goes on in
   a chain of overflow pages (SQLite file format, "Cell Payload Overflow Pages"); the chain is followed.

Both give candidates, some of them twice and some of them false: whoever knows the signature judges them.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from buffer.database import PAGE_BYTES
from buffer.errors import StoreDamaged
from buffer.inventory import load
from buffer.owed import Ranges
from buffer.quarantine import PARTS
from buffer.schema import SELF

Find = Callable[[bytes], Iterable[tuple[int, int]]]
"""Where in these bytes something begins that looks like an envelope, and its length, which may go beyond them."""

KEYS: Final = (-(1 << 62), 1 << 62)
TRIES: Final = 20_000
"""Queries that may end in damage. A whole branch of the tree that is gone is left to `carved`."""
WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
BEFORE_ENVELOPE_BYTES: Final = 160
"""A row's cell begins at most so far before its envelope: two numbers, the row's header, a device of 32 characters."""

_ROWS = "SELECT key, envelope FROM entry WHERE key > ? AND key <= ? ORDER BY key"
_ROW = "SELECT key, envelope FROM entry WHERE key = ?"  # looks at no neighbour, which may be damaged


def held(file: Path) -> dict[bytes, Ranges]:
    """By ledger, the seqs that the file says it holds; nothing when it cannot say."""
    with suppress(sqlite3.Error, StoreDamaged, FileNotFoundError), closing(_opened(file)) as conn:
        inventory = load(conn)
        return {kept.ledger: inventory.span(SELF, kept) for kept in inventory.ledgers}
    return {}


def selected(file: Path) -> Iterator[bytes]:
    """Every envelope that a query reaches."""
    with suppress(sqlite3.Error, FileNotFoundError), closing(_opened(file)) as conn:
        stretches, tries = [KEYS], 0
        while stretches and tries < TRIES:
            reach = _Reach(*stretches.pop())
            yield from reach.rows(conn)
            if reach.damaged and reach.is_wide():
                tries += 1
                middle = (reach.low + reach.high) // 2
                stretches += [(reach.low, middle), (middle, reach.high)]


@dataclass(slots=True)
class _Reach:
    """Reading the keys above `low` up to `high`; `low` moves on with each row."""

    low: int
    high: int
    damaged: bool = False

    def is_wide(self) -> bool:
        """Whether it is more than one key."""
        return self.high - self.low > 1

    def rows(self, conn: sqlite3.Connection) -> Iterator[bytes]:
        try:
            query = (_ROWS, (self.low, self.high)) if self.is_wide() else (_ROW, (self.high,))
            for key, envelope in conn.execute(*query):
                self.low = key
                if isinstance(envelope, bytes):
                    yield envelope
        except sqlite3.Error:
            self.damaged = True


def carved(file: Path, find: Find) -> Iterator[bytes]:
    """Every envelope that lies in a page of the file or of its log."""
    with ExitStack() as opened:
        pages = _Pages(
            *(_open(opened, file.with_name(file.name + part)) for part in PARTS[:2]),
        )
        for page in pages.all():
            for at, length in find(page):
                yield from pages.whole(page, at, length)


def holds_any(file: Path, find: Find) -> bool:
    """Whether there is at least one envelope in the file or in its log: then it is, or was, a store."""
    return next(carved(file, find), None) is not None


class _Pages:
    """The pages of a database (numbered from 1) and of its log, where one page may be there many times."""

    def __init__(self, database: BinaryIO | None, log: BinaryIO | None) -> None:
        self._database = database
        self._log = log
        self._in_log = {int.from_bytes(_read(log, at - FRAME_HEADER_BYTES, 4)): at for at in self._frames()}

    def all(self) -> Iterator[bytes]:
        """Every page of the database and every page in the log."""
        at = 0
        while page := _read(self._database, at, PAGE_BYTES):
            yield page
            at += PAGE_BYTES
        for at in self._frames():
            yield _read(self._log, at, PAGE_BYTES)

    def _frames(self) -> Iterator[int]:
        """Where a page begins in the log."""
        at = WAL_HEADER_BYTES + FRAME_HEADER_BYTES
        while _read(self._log, at, 1):
            yield at
            at += FRAME_HEADER_BYTES + PAGE_BYTES

    def whole(self, page: bytes, at: int, length: int) -> Iterator[bytes]:
        """An envelope that begins there. What lies in overflow pages: as the log, and as the database, has these."""
        if at + length <= len(page):
            yield page[at : at + length]
            return
        end = _cell(page, at, length)
        if end is None:
            return
        following = int.from_bytes(page[end : end + 4])
        for with_log in (True, False):
            found = self._chain(page[at:end], following, length, with_log=with_log)
            if len(found) == length:
                yield found

    def _chain(self, found: bytes, following: int, length: int, *, with_log: bool) -> bytes:
        while following and len(found) < length:
            page = self._page(following, with_log=with_log)
            if not page:
                break
            following = int.from_bytes(page[:4])
            found += page[4 : 4 + length - len(found)]
        return found

    def _page(self, number: int, *, with_log: bool) -> bytes:
        if with_log and number in self._in_log:
            return _read(self._log, self._in_log[number], PAGE_BYTES)
        return _read(self._database, (number - 1) * PAGE_BYTES, PAGE_BYTES)


def _cell(page: bytes, at: int, length: int) -> int | None:
    """Where in the page the local part of the row ends whose last column begins at `at`; None: no such row.

    A cell is two varints, the payload's size and the key, and then the payload (file format 1.6, with 4096 usable
    bytes). It is recognised by its size: what stands before the envelope, and the envelope.
    """
    for start in range(at - 1, max(0, at - BEFORE_ENVELOPE_BYTES), -1):
        size, after = _varint(page, start)
        _, payload = _varint(page, after)
        if payload < at and size == at - payload + length:
            least = (PAGE_BYTES - 12) * 32 // 255 - 23
            local = least + (size - least) % (PAGE_BYTES - 4)
            return payload + (local if local <= PAGE_BYTES - 35 else least)
    return None


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """SQLite's variable-length integer: its value and where it ends."""
    value = 0
    for place, byte in enumerate(page[at : at + 9]):
        if place == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    return value, at + 9


def _opened(file: Path) -> sqlite3.Connection:
    if file.stat().st_size == 0:  # SQLite would take the log beside it for a stale one and delete it
        raise sqlite3.OperationalError(f"{file} is empty")
    # One thread at a time reads, but not always the same one.
    uri = f"{file.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _open(opened: ExitStack, file: Path) -> BinaryIO | None:
    with suppress(FileNotFoundError):
        return opened.enter_context(file.open("rb"))
    return None


def _read(file: BinaryIO | None, at: int, length: int) -> bytes:
    """What is there; less at the end, nothing behind it, and nothing where the disk does not give it."""
    if file is None:
        return b""
    try:
        file.seek(at)
        return file.read(length)
    except OSError:
        return b"" if at + length > os.fstat(file.fileno()).st_size else bytes(length)
