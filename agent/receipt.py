"""Judging a receipt: what may be believed of it, and what it covers. Pure.

A receipt that a pinned key signed is still not a delivery. It must speak of this station and of a ledger of ours,
be newer than the one before it, and name our own hash at `through` and at the end of each range beyond. What cannot
be checked against an envelope held here is not covered by it. (Threat T8 in reference/reliability A.2.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from telemetry.ranges import Ranges, intersect, normal, subtract
from telemetry.receipt import MAX_RANGES, Receipt

_SEEN_BYTES = 16 + 8 + 8


class Verdict(StrEnum):
    """What to do with a receipt."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Of another station, or not newer: as if it had not come."""
    BEYOND = "beyond"
    """The centre has more of the current ledger than we do, or something else: our store is an old copy."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest accepted receipt of one ledger. `number` counts within `store_id`."""

    store_id: bytes
    number: int
    wall_ms: int

    def dump(self) -> bytes:
        """As a note of the store."""
        return self.store_id + self.number.to_bytes(8) + self.wall_ms.to_bytes(8)

    @classmethod
    def load(cls, note: bytes) -> "Seen | None":
        """What `dump` gave; None when it is anything else."""
        if len(note) != _SEEN_BYTES:
            return None
        return cls(note[:16], int.from_bytes(note[16:24]), int.from_bytes(note[24:]))


@dataclass(frozen=True, slots=True)
class Held:
    """What we have of the receipt's ledger. `newest`: the last seq we signed in it. `current`: it is still written.

    `hashes` has the SHA-256 of our envelope at each of `seqs_to_check`, None where we hold none any more.
    """

    newest: int
    current: bool
    owed: Ranges
    hashes: Mapping[int, bytes | None]


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, with `why` in one sentence when it is not ACCEPTED.

    `unproven`: what is owed and the receipt calls stored, but our own hashes do not confirm.
    """

    verdict: Verdict
    covered: Ranges = ()
    unproven: Ranges = ()
    new_store: bool = False
    why: str = ""


def seqs_to_check(receipt: Receipt, owed: Ranges) -> tuple[int, ...]:
    """Where our own hash is needed: at `through`, and at the end of each range that covers something owed."""
    ends = tuple(last for first, last, _ in receipt.ranges if intersect(((first, last),), owed))
    return (receipt.through, *ends) if receipt.through else ends


def judge(receipt: Receipt, *, station: str, last: Seen | None, held: Held) -> Judged:
    """What `receipt` is worth. Its signature is checked before, and `held` is of the ledger that it names."""
    if receipt.station != station:
        return Judged(Verdict.REFUSED, why=f"it is for station {receipt.station!r}")
    old = _not_newer(receipt, last)
    if old:
        return Judged(Verdict.REFUSED, why=old)
    beyond = _beyond(receipt, held) if held.current else None
    if beyond:
        return Judged(Verdict.BEYOND, why=beyond)
    covered = normal((first, end) for first, end, hash_ in _claims(receipt) if held.hashes.get(end) == hash_)
    unproven = subtract(intersect(_stated(receipt), held.owed), covered)
    new_store = last is not None and last.store_id != receipt.store_id
    return Judged(Verdict.ACCEPTED, covered, unproven, new_store)


def seen(receipt: Receipt) -> Seen:
    """What the next receipt of this ledger is compared with."""
    return Seen(receipt.store_id, receipt.number, receipt.wall_ms)


def silent_about(receipt: Receipt, lowest: int, newest: int) -> Ranges:
    """What of lowest..newest the centre does not call stored.

    A receipt names at most 64 ranges, the lowest and the newest: with that many, nothing is known of what lies
    between the last two of them.
    """
    if len(receipt.ranges) >= MAX_RANGES:
        newest = min(newest, receipt.ranges[-2][1])
    return subtract(normal(((lowest, newest),)), _stated(receipt))


def _claims(receipt: Receipt) -> tuple[tuple[int, int, bytes], ...]:
    """Everything the receipt calls stored, as (first, last, hash of the last)."""
    if receipt.through == 0:
        return receipt.ranges
    return ((1, receipt.through, receipt.through_hash), *receipt.ranges)


def _stated(receipt: Receipt) -> Ranges:
    return normal((first, last) for first, last, _ in _claims(receipt))


def _not_newer(receipt: Receipt, last: Seen | None) -> str | None:
    if last is None:
        return None
    if receipt.store_id == last.store_id:
        if receipt.number > last.number:
            return None
        return f"its number {receipt.number} is not newer than {last.number}"
    if receipt.wall_ms > last.wall_ms:
        return None
    return "it comes from another store of the centre and is not later than the last one"


def _beyond(receipt: Receipt, held: Held) -> str | None:
    for _, last, stated in _claims(receipt):
        if last > held.newest:
            return f"the centre has record {last} of this ledger, the store here ends at {held.newest}"
        ours = held.hashes.get(last)
        if ours is not None and ours != stated:
            return f"the centre has another record {last} of this ledger than the store here"
    return None
