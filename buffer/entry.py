"""The nouns of the store. Bytes are opaque, and so are the labels beside them."""

from collections.abc import Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """One signed envelope and the labels it is found by.

    seq counts from 1 within its ledger. device is "" when there is none. wall_ms is Unix time UTC, mono_ms
    time since boot. first: goes to every destination before anything newer. ledger is filled in where a caller
    did not name it.
    """

    seq: int
    kind: int
    device: str
    wall_ms: int
    mono_ms: int
    first: bool
    envelope: bytes
    ledger: bytes = b""


class Tail(NamedTuple):
    """Where a ledger goes on: its id (16 bytes), the next seq, and the hash that the next record names."""

    ledger: bytes
    next_seq: int
    prev: bytes


class Owed(NamedTuple):
    """Records first..last (both included) of a ledger that a destination has not confirmed."""

    ledger: bytes
    first: int
    last: int


class Pruned(NamedTuple):
    """What one pruning took away: rows past their keeping time, rows the quota needed, pages given back.

    held_bytes: size of a large log that could not be emptied, because a reader stays in its transaction; 0: none.
    """

    by_age: int
    by_quota: int
    pages: int
    held_bytes: int = 0


class LedgerHeld(NamedTuple):
    """What is still here of a ledger. lowest and newest are None when nothing is."""

    ledger: bytes
    next_seq: int
    prev: bytes
    lowest: int | None
    newest: int | None
    rows: int


class Stats(NamedTuple):
    """Sizes in bytes, records in rows. used: pages in use, without the free ones inside the file.

    oldest_wall_ms and newest_wall_ms belong to the lowest and highest row held; None when there is none.
    """

    used_bytes: int
    file_bytes: int
    wal_bytes: int
    quota_bytes: int
    rows: int
    owed: Mapping[str, int]
    ledgers: tuple[LedgerHeld, ...]
    oldest_wall_ms: int | None
    newest_wall_ms: int | None
