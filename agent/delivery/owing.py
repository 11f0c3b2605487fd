"""What one destination has still to get, and where each such record is just now. Memory only; the store decides.

    offered ──▶ Fresh (waits for `live`) ──┐
                  │ no room, too slow      ├──▶ Sent (left, no receipt) ──▶ covered
    owed in the store ──▶ oldest() ────────┘           │ 30 s, overtaken, 2,000 behind a receipt, disconnected
                  ▲                                    │
                  └────────────────────────────────────┘

Nothing here is lost when it is forgotten: every record in Fresh and in Sent is also owed in the store.
"""

from collections.abc import Callable, Iterable, Sequence

from buffer.store import Entry, Store
from telemetry.ranges import Range, Ranges, add, clip, count, intersect, normal, subtract

UNCOVERED_MS = 30_000
BEHIND_RECORDS = 2_000
OVERTAKEN_MS = 5_000
"""A receipt for what left so much later says that the centre did not get the earlier: it was not listening then."""

FRESH_RECORDS = 2_000
FRESH_BYTES = 512 * 1024


def runs(seqs: Iterable[int]) -> Ranges:
    """Sequence numbers as ranges."""
    return normal((seq, seq) for seq in seqs)


class Parcel:
    """The records of one message that left. `acknowledged_at_ms` None: its PUBACK is still to come.

    `again`: some of them left before on this connection.
    """

    __slots__ = ("acknowledged_at_ms", "again", "ledger", "ranges")

    def __init__(self, ledger: bytes, ranges: Ranges, *, again: bool = False) -> None:
        self.ledger = ledger
        self.ranges = ranges
        self.again = again
        self.acknowledged_at_ms: int | None = None


class Sent:
    """Parcels without a receipt, in the order they left."""

    def __init__(self) -> None:
        self.records = 0
        self._parcels: list[Parcel] = []

    def add(self, parcel: Parcel) -> None:
        """These records leave now."""
        self._parcels.append(parcel)
        self.records += count(parcel.ranges)

    def ranges(self, ledger: bytes) -> Ranges:
        """What left of this ledger."""
        return normal(part for parcel in self._parcels if parcel.ledger == ledger for part in parcel.ranges)

    def drop(self, ledger: bytes, ranges: Iterable[Range]) -> None:
        """Of these it is known what became of them."""
        gone = tuple(ranges)
        for parcel in self._parcels:
            if parcel.ledger == ledger:
                parcel.ranges = subtract(parcel.ranges, gone)
        self._tidy()

    def give_up(self, now_ms: int) -> None:
        """Parcels acknowledged 30 s ago and never receipted are owed again."""
        for parcel in self._parcels:
            if parcel.acknowledged_at_ms is not None and now_ms - parcel.acknowledged_at_ms >= UNCOVERED_MS:
                parcel.ranges = ()
        self._tidy()

    def overtaken(self, ledger: bytes, covered: Ranges) -> None:
        """Parcels acknowledged 5 s before one that a receipt covers are owed again.

        Once: what the centre then still does not receipt, it refuses, and waits its 30 s.
        """
        ours = [p for p in self._parcels if p.ledger == ledger and p.acknowledged_at_ms is not None]
        latest_ms = max((p.acknowledged_at_ms or 0 for p in ours if intersect(p.ranges, covered)), default=0)
        for parcel in ours:
            if not parcel.again and (parcel.acknowledged_at_ms or 0) <= latest_ms - OVERTAKEN_MS:
                parcel.ranges = ()
        self._tidy()

    def clear(self) -> None:
        """The connection is gone: all of it is owed again, once the centre has said what it has."""
        self._parcels.clear()
        self.records = 0

    def _tidy(self) -> None:
        self._parcels = [parcel for parcel in self._parcels if parcel.ranges]
        self.records = sum(count(parcel.ranges) for parcel in self._parcels)


class Fresh:
    """Records just committed that wait for `live`. Never more than 2,000 of them or 512 KiB.

    Too many means that the line is slower than the station: all of them become `past` at once, and `live` goes on
    with the next commit. A fresh record is worth its traffic only while it is fresh.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[bytes, Entry]] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, ledger: bytes, batch: Sequence[Entry]) -> None:
        """These were committed just now."""
        self._waiting.extend((ledger, entry) for entry in batch)
        self._bytes += sum(len(entry.envelope) for entry in batch)
        if len(self._waiting) > FRESH_RECORDS or self._bytes > FRESH_BYTES:
            self.clear()

    def take(self, *, most_records: int, most_bytes: int) -> tuple[bytes, list[Entry]]:
        """The next message's ledger and entries: at least one, one ledger's only. Nothing waits: IndexError."""
        ledger = self._waiting[0][0]
        taken: list[Entry] = []
        size = 0
        for its_ledger, entry in self._waiting:
            size += len(entry.envelope)
            if its_ledger != ledger or len(taken) == most_records or (taken and size > most_bytes):
                break
            taken.append(entry)
        del self._waiting[: len(taken)]
        self._bytes -= sum(len(entry.envelope) for entry in taken)
        return ledger, taken

    def ranges(self, ledger: bytes) -> Ranges:
        """What waits of this ledger."""
        return runs(entry.seq for its_ledger, entry in self._waiting if its_ledger == ledger)

    def clear(self) -> None:
        """What waits becomes `past`."""
        self._waiting.clear()
        self._bytes = 0


class Owing:
    """The account of one destination over all ledgers."""

    def __init__(self, destination: str, store: Store) -> None:
        self.sent = Sent()
        self.fresh = Fresh()
        self._destination = destination
        self._store = store
        self._known: tuple[bytes, int] = (b"", 0)  # the newest ledger, and its newest seq that was offered
        self._tried: dict[bytes, Ranges] = {}
        self._aside: dict[bytes, Ranges] = {}
        self._disputed: dict[bytes, Ranges] = {}

    def owed(self, ledger: bytes) -> Ranges:
        """Ranges of this ledger that no receipt has covered."""
        return normal((o.first, o.last) for o in self._store.owed(self._destination) if o.ledger == ledger)

    def ledgers(self) -> tuple[bytes, ...]:
        """Ledgers that owe something, the oldest first."""
        return tuple(dict.fromkeys(owed.ledger for owed in self._store.owed(self._destination)))

    def records(self) -> int:
        """How many records no receipt has covered."""
        return sum(owed.last - owed.first + 1 for owed in self._store.owed(self._destination))

    def connected(self) -> None:
        """A new connection: nothing has left on it, and all that is committed by now is `past`."""
        self.disconnected()
        tail = self._store.tail
        self._known = (b"", 0) if tail is None else (tail.ledger, tail.next_seq - 1)

    def disconnected(self) -> None:
        """Whatever left without a receipt is owed again."""
        self.sent.clear()
        self.fresh.clear()
        self._tried.clear()

    def offer(self, ledger: bytes, batch: Sequence[Entry]) -> None:
        """Just committed. What the new connection counted among `past` already stays there."""
        known_ledger, known_seq = self._known
        newest = batch[-1].seq
        if ledger == known_ledger:
            batch = [entry for entry in batch if entry.seq > known_seq]
            newest = max(newest, known_seq)
        self._known = (ledger, newest)
        self.fresh.put(ledger, batch)

    def leave(self, ledger: bytes, entries: Sequence[Entry]) -> Parcel:
        """These records leave in one message."""
        ranges, tried = runs(entry.seq for entry in entries), self._tried.get(ledger, ())
        parcel = Parcel(ledger, ranges, again=bool(intersect(tried, ranges)))
        self.sent.add(parcel)
        self._tried[ledger] = add(tried, *ranges)
        return parcel

    def arrived(self, parcel: Parcel, now_ms: int) -> None:
        """The broker has this message. Of what is disputed no receipt can follow, so that one sending is all."""
        parcel.acknowledged_at_ms = now_ms
        hopeless = intersect(parcel.ranges, self._disputed.get(parcel.ledger, ()))
        if hopeless:
            self.set_aside(parcel.ledger, hopeless)

    def covered(self, ledger: bytes, ranges: Ranges) -> None:
        """A receipt covers these; what it left 2,000 behind, or 5 s before one of them, is owed again."""
        if ranges:
            self.sent.overtaken(ledger, ranges)
            self.sent.drop(ledger, (*ranges, (1, ranges[-1][1] - BEHIND_RECORDS)))

    def set_aside(self, ledger: bytes, ranges: Ranges) -> None:
        """Owed, but not to be sent (again) by this process: not readable, or beyond what a receipt can prove."""
        self._aside[ledger] = add(self._aside.get(ledger, ()), *ranges)
        self.sent.drop(ledger, ranges)

    def dispute(self, ledger: bytes, unproven: Ranges) -> None:
        """Records of an older ledger that the centre calls stored and that no receipt can prove to be ours.

        They are sent once, so that the centre can find forks, and then stay owed.
        """
        self._disputed[ledger] = unproven

    def again(self, ledger: bytes) -> None:
        """The centre starts anew: everything owed of this ledger may be sent again."""
        self.sent.drop(ledger, self.sent.ranges(ledger))
        self._tried.pop(ledger, None)
        self._aside.pop(ledger, None)
        self._disputed.pop(ledger, None)

    def oldest(self, now_ms: int, may_go: Callable[[bytes], bool]) -> tuple[bytes, int, int] | None:
        """The stretch (ledger, first, last) for the next `past` message, of the ledgers that `may_go`.

        What was not sent on this connection goes first, the oldest before the newer; then what was sent and never
        receipted. So records that the centre will not have, for whatever reason, are never in the way of others.
        """
        self.sent.give_up(now_ms)
        free = {ledger: self._free(ledger) for ledger in self.ledgers() if may_go(ledger)}
        for ledger, ranges in free.items():
            untried = subtract(ranges, self._tried.get(ledger, ()))
            if untried:
                return ledger, *untried[0]
        return next(((ledger, *ranges[0]) for ledger, ranges in free.items() if ranges), None)

    def _free(self, ledger: bytes) -> Ranges:
        """Owed, and neither under way nor waiting for `live`."""
        owed = subtract(self.owed(ledger), (*self.sent.ranges(ledger), *self._aside.get(ledger, ())))
        tail = self._store.tail
        if not owed or tail is None or ledger != tail.ledger:
            return owed
        # Committed but not offered yet: it is about to go on `live`, and each record goes there once.
        known = self._known[1] if self._known[0] == ledger else 0
        return subtract(clip(owed, 1, known), self.fresh.ranges(ledger))
