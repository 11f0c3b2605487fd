"""Whether every silence of a device is explained, and every answer found its record."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from telemetry.bodies import GapBody
from telemetry.pack import decode_pack
from telemetry.ranges import normal, subtract
from telemetry.record import Kind, Record
from tests.world.ledgers import Ledgers
from tests.world.world import World

LONGEST_MS = 150_000
SLACK_MS = 10


@dataclass
class Run:
    """The records of one run of the agent in one ledger, in order. `is_whole`: no seq of it is missing."""

    records: list[Record] = field(default_factory=list)
    is_whole: bool = True


def silences(world: World, known: Ledgers) -> Iterator[str]:
    """What is not explained."""
    for ledger in known.newest():
        if ledger in world.witness.forkable:
            continue
        for run in runs(known.of(ledger, world)):
            if not run.is_whole:
                continue
            first = run.records[0]
            if first.kind != Kind.BOOT:
                yield f"run {first.boot.count} of {ledger.hex()[:6]} begins with a record of kind {first.kind}"
            for instrument in world.instruments:
                yield from _of_device(run, instrument.name, instrument.every_ms, ledger.hex()[:6])


def runs(records: list[Record]) -> Iterator[Run]:
    """A ledger's records run by run."""
    run = Run()
    for record in records:
        before = run.records[-1] if run.records else None
        if before is not None and record.boot.count != before.boot.count:
            yield run
            run = Run(is_whole=record.seq == before.seq + 1)
        elif before is not None and record.seq != before.seq + 1:
            run.is_whole = False
        elif before is None:
            run.is_whole = record.seq == 1
        run.records.append(record)
    if run.records:
        yield run


def _of_device(run: Run, device: str, every_ms: int, name: str) -> Iterator[str]:
    gaps = [body for body in _gaps(run) if body.device in {"", device}]
    cycles = list(_cycles(run, device))
    limit_ms = max(every_ms * 5 // 2, LONGEST_MS)
    for (before, _), (after, _) in itertools.pairwise(cycles):
        if not _covered(gaps, before, after, limit_ms):
            yield f"{device} of {name}: nothing for {(after - before) // 1000} s up to mono {after}"
    answered = [at for at, has_values in cycles if has_values]
    for before, after in itertools.pairwise(answered):
        failed = [at for at, has_values in cycles if before < at < after and not has_values]
        if failed and not _covered(gaps, failed[0], failed[-1], every_ms * 3 // 2):
            yield f"{device} of {name}: failed {len(failed)} times up to mono {failed[-1]}, and no gap says so"


def _covered(gaps: list[GapBody], from_ms: int, to_ms: int, longest_ms: int) -> bool:
    """Whether what no gap tells of is nowhere longer than that."""
    told = normal((gap.from_mono_ms - SLACK_MS, gap.to_mono_ms + SLACK_MS) for gap in gaps)
    return all(last - first <= longest_ms for first, last in subtract(((from_ms, to_ms),), told))


def _gaps(run: Run) -> list[GapBody]:
    return [GapBody.decode(record.body) for record in run.records if record.kind == Kind.GAP]


def _cycles(run: Run, device: str) -> Iterator[tuple[int, bool]]:
    """(when, whether any channel has a value) of each record of readings of the device."""
    for record in run.records:
        if record.kind == Kind.READINGS:
            readings = decode_pack(record.body)
            if readings[0].device == device:
                yield record.moment.mono_ms, any(reading.value is not None for reading in readings)
