"""What is missing for good: seqs that the station believes delivered and the centre does not have.

A missing seq is *pending* while the latest head lists it as owed. A head that does not list it starts a clock;
when ten minutes later it is still missing, and no head since has listed it, it is a *hole*. Pure: time is an argument.
"""

from collections.abc import Sequence
from typing import NamedTuple

from telemetry import ranges
from telemetry.ranges import Ranges

PATIENCE_MS = 10 * 60 * 1000


class Suspect(NamedTuple):
    """Seqs first..last, that a head which arrived at `since_ms` (centre's clock) did not list as owed."""

    first: int
    last: int
    since_ms: int


def suspects(before: Sequence[Suspect], missing: Ranges, owed: Ranges, head_ms: int) -> tuple[Suspect, ...]:
    """The suspects after a head that arrived at `head_ms`; those of before keep their time.

    `missing` is what is neither stored nor tombstoned up to the head's newest seq.
    """
    wanted = ranges.subtract(missing, owed)
    kept: list[Suspect] = []
    for suspect in before:
        here = ranges.clip(wanted, suspect.first, suspect.last)
        kept.extend(Suspect(first, last, suspect.since_ms) for first, last in here)
    known = [(suspect.first, suspect.last) for suspect in before]
    kept.extend(Suspect(first, last, head_ms) for first, last in ranges.subtract(wanted, known))
    return tuple(sorted(kept))


def holes(suspected: Sequence[Suspect], missing: Ranges, now_ms: int) -> Ranges:
    """The suspects whose time is up and that are missing still, as ranges; neighbours are one hole."""
    ripe = ranges.normal((s.first, s.last) for s in suspected if now_ms - s.since_ms >= PATIENCE_MS)
    return ranges.intersect(ripe, missing)
