"""The writes, each a function of connection and inventory to the inventory after it.

They run inside a transaction that the caller opens and commits, possibly several in one. Each checks before it
writes, so an OutOfSequence leaves nothing behind; and each may run again after a commit of unknown outcome.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from buffer.entry import Entry, Tail
from buffer.errors import OutOfSequence
from buffer.inventory import Inventory, Kept
from buffer.owed import OPEN, Range, Ranges, add, clip, covers, subtract
from buffer.schema import SELF, key_of

Work = Callable[[sqlite3.Connection, Inventory], Inventory]

_INSERT = (
    "INSERT INTO entry (key, kind, device, wall_ms, mono_ms, first, envelope) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_ADVANCE = "UPDATE ledger SET next_seq = ?, prev = ? WHERE number = ? AND next_seq = ?"


def begin(conn: sqlite3.Connection, inventory: Inventory, tail: Tail, owners: Iterable[str]) -> Inventory:
    """A new ledger, owed to every owner from its first record on. Older ledgers stay as they are owed."""
    known = inventory.named(tail.ledger)
    if known is not None:
        if known == inventory.current and inventory.tail == tail:
            return inventory
        raise OutOfSequence(f"ledger {tail.ledger.hex()} has begun before")
    number = inventory.current.number + 1 if inventory.current else 1
    conn.execute("INSERT INTO ledger (number, id, next_seq, prev) VALUES (?, ?, ?, ?)", (number, *tail))
    inventory = replace(inventory, ledgers=(*inventory.ledgers, Kept(number, *tail)))
    for owner in (SELF, *owners):
        inventory = write_span(conn, inventory, (owner, number), ((tail.next_seq, OPEN),))
    return inventory


def begin_with(
    conn: sqlite3.Connection,
    inventory: Inventory,
    *,
    batch: Sequence[Entry],
    tail: Tail,
    notes: Mapping[str, bytes],
    ends: Iterable[Tail],
    owners: Iterable[str],
) -> Inventory:
    """A new ledger and its first entries, and how far the ledgers before it went.

    Run again, it finds the ledger begun and its entries written.
    """
    if inventory.current is None or inventory.current.ledger != tail.ledger:
        start = Tail(tail.ledger, 1, bytes(32))
        _check_batch(Kept(0, *start), batch, tail)
        inventory = begin(conn, inventory, start, owners)
    return append(conn, reach(conn, inventory, ends), batch, tail, notes)


def append(
    conn: sqlite3.Connection,
    inventory: Inventory,
    batch: Sequence[Entry],
    tail: Tail,
    notes: Mapping[str, bytes],
    *,
    drops: Ranges = (),
) -> Inventory:
    """Entries, tail and notes. What an earlier try has written already must be the same bytes.

    drops: rows of the same ledger that go, owed or not. They go first, so that they make the room for what comes.
    """
    current = inventory.current
    if current is None or current.ledger != tail.ledger:
        raise OutOfSequence(f"ledger {tail.ledger.hex()} is not the one being written")
    _check_batch(current, batch, tail)
    known = sum(entry.seq < current.next_seq for entry in batch)
    _check_known(conn, inventory, current, batch[:known])
    fresh = batch[known:]
    inventory = _drop(conn, inventory, current, drops)
    if fresh:
        moved = conn.execute(_ADVANCE, (tail.next_seq, tail.prev, current.number, fresh[0].seq))
        if moved.rowcount != 1:
            raise OutOfSequence(f"the file does not go on at seq {fresh[0].seq}")
        conn.executemany(_INSERT, ((key_of(current.number, entry.seq), *entry[1:7]) for entry in fresh))
        ledgers = (*inventory.ledgers[:-1], Kept(current.number, *tail))
        inventory = replace(inventory, ledgers=ledgers)
    return write_notes(conn, inventory, notes)


def _drop(conn: sqlite3.Connection, inventory: Inventory, current: Kept, drops: Ranges) -> Inventory:
    """Only what is written: what is still to come stays owed, whatever a tombstone says of it."""
    number, held = current.number, inventory.span(SELF, current)
    gone = subtract(held, subtract(held, drops))
    conn.executemany(
        "DELETE FROM entry WHERE key BETWEEN ? AND ?",
        [(key_of(number, first), key_of(number, last)) for first, last in gone],
    )
    for which in [which for which in inventory.spans if which[1] == number]:
        inventory = write_span(conn, inventory, which, subtract(inventory.spans[which], gone))
    return inventory


def _check_batch(current: Kept, batch: Sequence[Entry], tail: Tail) -> None:
    first = batch[0].seq if batch else tail.next_seq
    if [entry.seq for entry in batch] != list(range(first, tail.next_seq)):
        raise OutOfSequence(f"a batch from seq {first} does not lead to {tail.next_seq}")
    if first > current.next_seq or tail.next_seq < first:
        raise OutOfSequence(f"the ledger goes on at seq {current.next_seq}, not {first}")
    if tail.next_seq == current.next_seq and tail.prev != current.prev:
        raise OutOfSequence(f"seq {tail.next_seq - 1} is written with another hash")


def _check_known(
    conn: sqlite3.Connection, inventory: Inventory, current: Kept, batch: Sequence[Entry]
) -> None:
    """A commit of unknown outcome may have written it; then it was delivered from here, and has perhaps gone since."""
    held = inventory.span(SELF, current)
    for entry in batch:
        if not covers(held, entry.seq):
            continue
        row = conn.execute(
            "SELECT envelope FROM entry WHERE key = ?", (key_of(current.number, entry.seq),)
        ).fetchone()
        if row is None or row[0] != entry.envelope:
            raise OutOfSequence(f"seq {entry.seq} is written, with other bytes")


def adopt(
    conn: sqlite3.Connection,
    inventory: Inventory,
    *,
    ledger: bytes,
    entries: Sequence[Entry],
    notes: Mapping[str, bytes],
    owners: Iterable[str],
) -> Inventory:
    """Entries of an older ledger, saved from elsewhere, owed to every owner. What is held of it already stays."""
    kept = inventory.named(ledger)
    if kept is not None and kept == inventory.current:
        raise OutOfSequence(f"ledger {ledger.hex()} is being written: nothing can be put into its past")
    if kept is None:
        inventory, kept = _older(conn, inventory, ledger)
    held = inventory.span(SELF, kept)
    fresh = [entry for entry in {e.seq: e for e in entries}.values() if not covers(held, entry.seq)]
    conn.executemany(_INSERT, ((key_of(kept.number, entry.seq), *entry[1:7]) for entry in fresh))
    if fresh:
        newest = max(fresh)
        end = Tail(ledger, newest.seq + 1, hashlib.sha256(newest.envelope).digest())
        inventory = reach(conn, inventory, [end])
    seqs = [(entry.seq, entry.seq) for entry in fresh]
    for owner in (SELF, *owners) if fresh else ():
        spans = inventory.spans.get((owner, kept.number), ())
        inventory = write_span(conn, inventory, (owner, kept.number), add(spans, seqs))
    return write_notes(conn, inventory, notes)


def _older(conn: sqlite3.Connection, inventory: Inventory, ledger: bytes) -> tuple[Inventory, Kept]:
    """A ledger that is older than all that are known here, of which nothing is known yet."""
    number = min((kept.number for kept in inventory.ledgers), default=1) - 1
    kept = Kept(min(number, 0), ledger, 1, bytes(32))
    conn.execute("INSERT INTO ledger (number, id, next_seq, prev) VALUES (?, ?, ?, ?)", kept)
    return replace(inventory, ledgers=(kept, *inventory.ledgers)), kept


def reach(conn: sqlite3.Connection, inventory: Inventory, ends: Iterable[Tail]) -> Inventory:
    """Older ledgers, the oldest first, went at least so far, whether or not their last entries are here.

    What is held and owed of them stays as it is, so their ranges end where they were thought to end until now.
    """
    for end in reversed(tuple(ends)):
        kept = inventory.named(end.ledger)
        if kept is None:
            inventory, kept = _older(conn, inventory, end.ledger)
        if kept != inventory.current and end.next_seq > kept.next_seq:
            inventory = _further(conn, inventory, kept, end)
    return inventory


def _further(conn: sqlite3.Connection, inventory: Inventory, kept: Kept, end: Tail) -> Inventory:
    for which in [which for which in inventory.spans if which[1] == kept.number]:
        so_far = clip(inventory.spans[which], 1, kept.next_seq - 1)
        inventory = write_span(conn, inventory, which, so_far)
    further = Kept(kept.number, *end)
    conn.execute(
        "UPDATE ledger SET next_seq = ?, prev = ? WHERE number = ?",
        (further.next_seq, further.prev, further.number),
    )
    ledgers = tuple(further if k == kept else k for k in inventory.ledgers)
    return replace(inventory, ledgers=ledgers)


def delivered(
    conn: sqlite3.Connection,
    inventory: Inventory,
    *,
    destination: str,
    ledger: bytes,
    ranges: Iterable[Range],
    notes: Mapping[str, bytes],
) -> Inventory:
    """No longer owed. Nothing happens for a ledger that is not known here; what is still to come stays owed."""
    kept = inventory.named(ledger)
    if kept is None:
        return inventory
    owed = inventory.spans.get((destination, kept.number), ())
    gone = clip(tuple(ranges), 1, kept.next_seq - 1)
    inventory = write_span(conn, inventory, (destination, kept.number), subtract(owed, gone))
    return write_notes(conn, inventory, notes)


def owe_again(
    conn: sqlite3.Connection,
    inventory: Inventory,
    *,
    destination: str,
    ledger: bytes,
    covered: Iterable[Range],
    notes: Mapping[str, bytes],
) -> Inventory:
    """Everything still held that is not covered, and what was owed before."""
    kept = inventory.named(ledger)
    if kept is None or destination not in inventory.owners():
        return inventory
    has = clip(tuple(covered), 1, kept.next_seq - 1)
    again = subtract(inventory.spans.get((SELF, kept.number), ()), has)
    owed = inventory.spans.get((destination, kept.number), ())
    inventory = write_span(conn, inventory, (destination, kept.number), add(owed, again))
    return write_notes(conn, inventory, notes)


def address(conn: sqlite3.Connection, inventory: Inventory, destinations: Iterable[str]) -> Inventory:
    """From now on these destinations and no others: a new one is owed everything held, one that left nothing."""
    # Every destination is owed what is still to come of the current ledger: who has no range is new.
    wanted, had = set(destinations), inventory.owners()
    for which in [which for which in inventory.spans if which[0] in had - wanted]:
        inventory = write_span(conn, inventory, which, ())
    held = [(number, ranges) for (owner, number), ranges in inventory.spans.items() if owner == SELF]
    for owner in sorted(wanted - had):
        for number, ranges in held:
            inventory = write_span(conn, inventory, (owner, number), ranges)
    return inventory


def write_notes(conn: sqlite3.Connection, inventory: Inventory, notes: Mapping[str, bytes]) -> Inventory:
    """Only what changed is written: a note that stays costs no page."""
    changed = {name: value for name, value in notes.items() if inventory.notes.get(name) != value}
    if not changed:
        return inventory
    conn.executemany("INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)", changed.items())
    return replace(inventory, notes={**inventory.notes, **changed})


def write_span(
    conn: sqlite3.Connection, inventory: Inventory, which: tuple[str, int], ranges: Ranges
) -> Inventory:
    """Stores the difference, so that a receipt costs a row or two, however many ranges there are."""
    before = inventory.spans.get(which, ())
    if before == ranges:
        return inventory
    conn.executemany(
        "DELETE FROM span WHERE owner = ? AND ledger = ? AND first = ?",
        [(*which, first) for first, _ in set(before) - set(ranges)],
    )
    conn.executemany(
        "INSERT INTO span (owner, ledger, first, last) VALUES (?, ?, ?, ?)",
        [(*which, first, last) for first, last in set(ranges) - set(before)],
    )
    spans = {**inventory.spans, which: ranges}
    return replace(inventory, spans={which: ranges for which, ranges in spans.items() if ranges})
