"""The receiving side of one ledger: what is there, how far it is proven, what is missing (docs/wire.md).

Records may come in any order, twice, or interleaved; the state depends on the set of them only. It is a list of
*runs*: stored neighbours whose links verify. A broken link separates two runs that touch.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from telemetry import cbor, fields, ranges
from telemetry.content import body_of, is_foreign
from telemetry.fields import RecordError
from telemetry.finding import Finding, FindingKind
from telemetry.head import Head
from telemetry.loss import TombstoneBody
from telemetry.ranges import Range, Ranges
from telemetry.receipt import MAX_RANGES, ReceiptStatus
from telemetry.record import ZERO_HASH, Kind, Record

OLD_STORE = "an old store?"
"""How a doubt ends that the next head may clear away: this one may have been signed while a commit took its time."""


class Outcome(Enum):
    """What to do with a verified record: store it, forget it, or store it beside the one that came first."""

    NEW = "new"
    DUPLICATE = "duplicate"
    FORK = "fork"


class Taken(NamedTuple):
    """The verdict on one record."""

    outcome: Outcome
    findings: tuple[Finding, ...]


class _Run(NamedTuple):
    """Stored records `first`..`last`, linked inside: what the first one follows, and the hash of the last."""

    first: int
    last: int
    prev: bytes
    hash: bytes


class Reception:
    """One ledger at a receiver. `stored` gives the hash of the envelope that is stored at a seq."""

    def __init__(self, stored: Callable[[int], bytes | None]) -> None:
        self._stored = stored
        self._runs: list[_Run] = []
        self.tombstoned: Ranges = ()
        self.forked: Ranges = ()

    def take(self, record: Record, envelope_hash: bytes) -> Taken:
        """Count a verified record of this ledger in. The caller stores it when it is NEW, and keeps a FORK beside."""
        if self.holds(record.seq):
            return self._known(record, envelope_hash)
        at = bisect_right(self._runs, record.seq, key=lambda run: run.first)
        broken = self._insert(at, record.seq, record.prev, envelope_hash)
        links = [
            Finding(FindingKind.BROKEN_LINK, record.ledger, seq, f"seq {seq} does not follow seq {seq - 1}")
            for seq in broken
        ]
        return Taken(Outcome.NEW, (*links, *self._read(record)))

    def through(self) -> tuple[int, bytes]:
        """The largest stored seq up to which all is stored or tombstoned and linked, and its hash; 0 and zeros."""
        reached = self._reach(1, 0)
        return (self._runs[reached - 1].last, self._runs[reached - 1].hash) if reached else (0, ZERO_HASH)

    def proven(self) -> Range | None:
        """As `through`, for a ledger whose beginning is not here: from the lowest stored seq. None: nothing stored."""
        if not self._runs:
            return None
        reached = self._reach(self._runs[0].first, 0)
        return self._runs[0].first, self._runs[reached - 1].last

    def ranges_beyond(self) -> list[tuple[int, int, bytes]]:
        """The runs after `through` for a receipt: the 63 lowest and the newest."""
        reached = self._reach(1, 0)
        beyond = self._runs[reached : reached + MAX_RANGES]
        if len(self._runs) > reached + MAX_RANGES:
            beyond[-1] = self._runs[-1]
        return [(run.first, run.last, run.hash) for run in beyond]

    def held(self) -> Ranges:
        """Every seq that is stored."""
        return ranges.normal((run.first, run.last) for run in self._runs)

    def holds(self, seq: int) -> bool:
        """Whether a record of that seq was taken."""
        at = bisect_right(self._runs, seq, key=lambda run: run.first)
        return at > 0 and seq <= self._runs[at - 1].last

    def end_of_run(self, seq: int) -> bytes | None:
        """The hash of a stored record that none is linked to. None: one is, and says it, or nothing is stored."""
        at = bisect_right(self._runs, seq, key=lambda run: run.first)
        return self._runs[at - 1].hash if at and seq == self._runs[at - 1].last else None

    def newest(self) -> int:
        """The largest stored seq, 0 when there is none."""
        return self._runs[-1].last if self._runs else 0

    def missing(self, newest: int) -> list[Range]:
        """Up to `newest`, what is neither stored nor tombstoned."""
        known = ranges.add(self.held(), *self.tombstoned)
        return list(ranges.subtract(((1, newest),), known)) if newest else []

    def known_from(self, seq: int, given_up: Ranges) -> int:
        """The largest seq up to which, beyond `seq`, each is stored, tombstoned or given up; at most the newest stored.

        Costs as much as it goes forward, however many runs there are.
        """
        start = bisect_right(self._runs, seq, key=lambda run: run.first)
        reached = max(seq, self._runs[start - 1].last) if start else seq
        for at in range(start, len(self._runs)):
            gap = reached + 1, self._runs[at].first - 1
            excused = (*ranges.clip(self.tombstoned, *gap), *ranges.clip(given_up, *gap))
            left = ranges.subtract((gap,), excused) if gap[0] <= gap[1] else ()
            if left:
                return left[0][0] - 1
            reached = self._runs[at].last
        return reached

    def size(self) -> int:
        """How many runs and ranges a dump holds: what it costs."""
        return len(self._runs) + len(self.tombstoned) + len(self.forked)

    def status(self, holes: Sequence[Range]) -> ReceiptStatus:
        """What a receipt says of this ledger; `holes` are the seqs that are missing and owed no more."""
        if self.forked:
            return ReceiptStatus.FORK
        return ReceiptStatus.HOLE if holes else ReceiptStatus.OK

    def contradictions(self, head: Head) -> tuple[Finding, ...]:
        """What a head of this ledger, newer than any before, says that cannot be true of what is stored."""
        newest = self.newest()
        if head.newest < newest:
            said = (
                f"the head says that seq {head.newest} is the newest, and seq {newest} is stored: {OLD_STORE}"
            )
        elif head.newest and self._stored(head.newest) not in {None, head.newest_hash}:
            said = f"the head names another content of seq {head.newest} than the one that is stored"
        else:
            return ()
        return (Finding(FindingKind.HEAD_CONTRADICTS, head.ledger, head.newest, said),)

    def dump(self) -> bytes:
        """The state as bytes, for the store that holds the records."""
        return cbor.encode([1, self._runs, self.tombstoned, self.forked])

    @classmethod
    def load(cls, dumped: bytes, stored: Callable[[int], bytes | None]) -> "Reception":
        """The state that `dump` gave. ValueError when it is not one."""
        version, runs, tombstoned, forked = fields.array(cbor.decode(dumped), "a dumped reception", 4)
        if version != 1:
            raise RecordError(f"a dumped reception of version {version}")
        reception = cls(stored)
        for run in fields.array(runs, "runs"):
            first, last, prev, last_hash = fields.array(run, "run", 4)
            reception._runs.append(
                _Run(
                    fields.uint(first, "run"),
                    fields.uint(last, "run"),
                    fields.octets(prev, 32, "run"),
                    fields.octets(last_hash, 32, "run"),
                )
            )
        reception.tombstoned = fields.spans(tombstoned, "tombstoned")
        reception.forked = fields.spans(forked, "forked")
        return reception

    @classmethod
    def rebuilt(
        cls,
        rows: Iterable[tuple[int, bytes, bytes]],
        tombstoned: Ranges,
        stored: Callable[[int], bytes | None],
    ) -> "Reception":
        """The state from what is stored: (seq, prev, hash) of each record once, any order, and what tombstones name."""
        reception = cls(stored)
        for seq, prev, envelope_hash in rows:
            at = bisect_right(reception._runs, seq, key=lambda run: run.first)
            reception._insert(at, seq, prev, envelope_hash)
        reception.tombstoned = tombstoned
        return reception

    def _known(self, record: Record, envelope_hash: bytes) -> Taken:
        if self._stored(record.seq) == envelope_hash:
            return Taken(Outcome.DUPLICATE, ())
        self.forked = ranges.add(self.forked, (record.seq, record.seq))
        said = f"two contents were signed as seq {record.seq}; the one that came first is kept and counts"
        return Taken(Outcome.FORK, (Finding(FindingKind.FORK, record.ledger, record.seq, said),))

    def _insert(self, at: int, seq: int, prev: bytes, envelope_hash: bytes) -> list[int]:
        """A new record before run `at`. The seqs that do not follow their stored predecessor."""
        run = _Run(seq, seq, prev, envelope_hash)
        start, stop, broken = at, at, []
        if at and self._runs[at - 1].last == seq - 1:
            left = self._runs[at - 1]
            if left.hash == prev:
                start, run = at - 1, run._replace(first=left.first, prev=left.prev)
            else:
                broken.append(seq)
        if at < len(self._runs) and self._runs[at].first == seq + 1:
            right = self._runs[at]
            if right.prev == envelope_hash:
                stop, run = at + 1, run._replace(last=right.last, hash=right.hash)
            else:
                broken.append(seq + 1)
        self._runs[start:stop] = [run]
        return broken

    def _read(self, record: Record) -> tuple[Finding, ...]:
        """What the record's own body means for the reception; readings are left to whoever stores them."""
        if is_foreign(record.kind):
            said = f"kind {record.kind} is not known here: stored and linked, not read"
            return (Finding(FindingKind.FOREIGN_KIND, record.ledger, record.seq, said),)
        if record.kind == Kind.READINGS:
            return ()
        try:
            body = body_of(record)
        except RecordError as e:
            return (Finding(FindingKind.UNREADABLE_BODY, record.ledger, record.seq, str(e)),)
        if isinstance(body, TombstoneBody):
            earlier = ranges.clip(body.ranges, 1, record.seq - 1)
            self.tombstoned = ranges.add(self.tombstoned, *earlier)
        return ()

    def _reach(self, start: int, run: int) -> int:
        """How many runs, from run number `run` on, follow from seq `start` without anything missing or broken."""
        expected = start
        touching = False
        while run < len(self._runs):
            first = self._runs[run].first
            if touching and first == expected:
                break  # two runs that touch are two because their link is broken
            if first > expected and ranges.subtract(((expected, first - 1),), self.tombstoned):
                break
            expected = self._runs[run].last + 1
            touching = True
            run += 1
        return run
