"""A month without a centre: what a station of 40 channels at 60 s then owes drains while fresh records flow.

The past is fabricated (bench.backlog: the real recorder and store, a clock of ours); agent, broker and centre are real.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from bench import captured, probe
from bench.backfill import BACKLOG_EVERY_MS, DAY_MS, NO_LIMIT_PER_S, REFERENCE
from bench.backlog import fabricate
from bench.load import DEFAULT_RECORDS_PER_S, station_file
from bench.stage import Stage, running, set_up
from bench.trace import Event, now_us
from buffer.snapshot import open_snapshot
from central.cycles import envelopes
from central.stations import stations
from central.verify import verify
from telemetry.envelope import RECORD, hash_of, peek
from telemetry.record import Kind, decode_record
from tests.chaos.fault import Fault, Outcome, Violated
from tests.system.patience import until

DAYS: Final = 30
LOOKED_AT_S: Final = 60.0
FRESH_WITHIN_S: Final = 2.0
"""From the end of a poll until its record is stored at the centre."""
LONGEST_DRAIN_S: Final = 600.0

Place = tuple[bytes, int]


class Fresh(NamedTuple):
    """Of what was captured meanwhile: how many, and the time from capture until stored, ms."""

    records: int
    median_ms: float
    worst_ms: float


def drains(folder: Path, rng: Random) -> Outcome:
    """First at the rate limit that a station has by default; then the agent dies; then without a limit, to the end."""
    with set_up(folder / "stage", REFERENCE) as stage:
        now_ms = time.time_ns() // 1_000_000
        newest = fabricate(stage.file, now_ms - DAYS * DAY_MS, now_ms, BACKLOG_EVERY_MS)
        backlog = {(ledger, seq) for ledger, seq in _held(stage) if seq <= newest}
        assert len(backlog) == newest >= DAYS * 24 * 60 * REFERENCE.devices
        with running(stage) as agent:
            slow = _followed(stage, LOOKED_AT_S)
            slow_bytes = probe.memory(agent.pid).peak
        at_the_limit = _fresh(slow, backlog)
        came = len(_past(slow) & backlog)
        assert came > DEFAULT_RECORDS_PER_S * LOOKED_AT_S / 2, f"only {came} of the backlog came"
        if at_the_limit.worst_ms > FRESH_WITHIN_S * 1_000:
            raise Violated(f"a fresh record took {at_the_limit.worst_ms:.0f} ms")
        _unlimit(stage)
        with running(stage) as agent:
            began_s = time.monotonic()
            until(lambda: not _owes(stage, newest), "the backlog drained", within_s=LONGEST_DRAIN_S)
            drained_s = time.monotonic() - began_s
            held = _held(stage)
            until(lambda: not _owes(stage, max(seq for _, seq in held)), "all delivered", within_s=60)
            fast_bytes = probe.memory(agent.pid).peak
        fast = _fresh(list(stage.centre.new()), backlog)
        lost, doubled = _reckoned(stage, held)
    words = (
        f"{newest} records owed ({DAYS} days of {REFERENCE} values every {BACKLOG_EVERY_MS // 1_000} s); "
        f"kill -9 after {LOOKED_AT_S:g} s"
    )
    note = (
        f"at {DEFAULT_RECORDS_PER_S} records/s {came} in {LOOKED_AT_S:g} s, {_words(at_the_limit)}; without a limit "
        f"{(newest - came) / drained_s:.0f} records/s to the end, {_words(fast)}; "
        f"peak memory {slow_bytes / 1e6:.0f} and {fast_bytes / 1e6:.0f} MB"
    )
    return Outcome(words, len(held), lost, doubled, drained_s, note)


def _words(fresh: Fresh) -> str:
    return (
        f"{fresh.records} fresh ones stored after {fresh.median_ms:.0f} ms, the worst {fresh.worst_ms:.0f} ms"
    )


def _held(stage: Stage) -> dict[Place, bytes]:
    """The hash of every record in the store."""
    with open_snapshot(stage.store) as store:
        return {
            (held.ledger, row.seq): hash_of(row.envelope)
            for held in store.ledgers()
            for row in store.entries(held.ledger)
        }


def _owes(stage: Stage, up_to: int) -> bool:
    """Whether anything up to this seq is owed still."""
    time.sleep(0.5)
    with open_snapshot(stage.store) as store:
        return any(owed.first <= up_to for owed in store.owed().get("centre", ()))


def _unlimit(stage: Stage) -> None:
    stage.file.write_text(
        station_file(stage.load, stage.ports, stage.broker.url, stage.centre_key, NO_LIMIT_PER_S)
    )


def _followed(stage: Stage, lasts_s: float) -> list[Event]:
    """What comes to the centre in this time, and what was captured in it and comes a moment later."""
    events: list[Event] = []
    deadline = time.monotonic() + lasts_s
    while time.monotonic() < deadline:
        time.sleep(0.5)
        events += stage.centre.new()
    return events


def _past(events: Sequence[Event]) -> set[Place]:
    """What was stored of that which came in parts of the backlog."""
    return {
        (record.ledger, record.seq)
        for message in captured.messages(events, receipts=False)
        if not message.live
        for record in message.records
        if record.stored_us is not None
    }


def _fresh(events: Sequence[Event], backlog: set[Place]) -> Fresh:
    """Of the readings that are not of the backlog. One that is not stored yet has waited until now."""
    records = captured.records_of(captured.messages(events, receipts=False))
    first: dict[Place, captured.Captured] = {}
    for record in records:
        if record.kind == Kind.READINGS and (record.ledger, record.seq) not in backlog:
            first.setdefault((record.ledger, record.seq), record)
    now = now_us()
    waits_ms = sorted(((record.stored_us or now) - record.captured_us) / 1_000 for record in first.values())
    assert waits_ms, "nothing fresh came"
    return Fresh(len(waits_ms), waits_ms[len(waits_ms) // 2], waits_ms[-1])


def _reckoned(stage: Stage, held: dict[Place, bytes]) -> tuple[int, int]:
    """Lost and doubled: the store, record for record, against the centre's envelopes; and the centre's own audit."""
    centre, station = stage.folder / "centre", stage.load.station
    there: dict[Place, bytes] = {}
    doubled = 0
    for envelope in envelopes(centre, station):
        record = decode_record(peek(envelope, RECORD).payload)
        place, digest = (record.ledger, record.seq), hash_of(envelope)
        doubled += there.setdefault(place, digest) != digest
    lost = sum(there.get(place) != digest for place, digest in held.items())
    for report in verify(centre, station):
        if report.problems or report.holes:
            raise Violated(f"the centre's audit finds {report.problems[:3] or report.holes}")
    (summary,) = stations(centre)
    if summary.rejected or summary.findings:
        raise Violated(f"the centre rejected {summary.rejected} and found {summary.findings[:3]}")
    return lost, doubled


FAULTS: Final = (Fault("backlog: 30 days drain", (), drains, short=False, about_s=230),)
