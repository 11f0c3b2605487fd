"""What holds after every fault, reckoned from the outside: the store's rows, the centre's, and what was served.

    Reckoning(station) ─▶ look() as often as the store is at peace ─▶ close(): Reckoned, or Violated

Every record that was ever seen durable must be in the store, at the centre, or named by a tombstone or a recovery
record; of each ledger nothing between 1 and its newest may be missing; no seq may have two hashes; what was signed
is what was served, once; and the centre's own audit of what it has finds nothing.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.clock import SystemClock
from central.stations import stations
from central.verify import verify
from sim.reconcile import Stored, Verdict, reconcile
from telemetry.bodies import BootBody
from telemetry.envelope import RECORD, unseal
from telemetry.loss import RecoveryBody, TombstoneBody
from telemetry.pack import decode_pack
from telemetry.ranges import Ranges, count, normal, subtract
from telemetry.record import Kind, Record, decode_record
from tests.chaos.fault import Violated
from tests.system.station import Station

Place = tuple[bytes, int]
COMING_MS = 3_000
"""An agent that runs has its newest answers in memory, or is about to sign them."""


class Reckoned(NamedTuple):
    """As in Outcome. `entombed`: of the records, those that went into tombstones; `unsigned`: polls that were
    answered and never signed, because the agent was killed before it could, or its memory was full.
    """

    records: int
    lost: int
    doubled: int
    entombed: int
    unsigned: int
    gaps: int
    ledgers: int


@dataclass(slots=True)
class Reckoning:
    """Of one station, from its first record to the end of the story."""

    station: Station
    seen: dict[Place, bytes] = field(default_factory=dict)
    twice: set[Place] = field(default_factory=set)
    _envelopes: set[bytes] = field(default_factory=set)

    def look(self) -> int:
        """Remember all that is durable now. Gives how many records were ever seen."""
        at_the_centre = self.station.at_the_centre() if self._has_centre() else set()
        for row in self.station.rows():
            self._remember((row.ledger, row.seq), row.envelope)
        for envelope in at_the_centre - self._envelopes:
            record = self._record(envelope)
            self._remember((record.ledger, record.seq), envelope)
        return len(self.seen)

    def close(
        self,
        *,
        unsigned: int = 0,
        findings: Collection[str] = (),
        proven: bool = True,
        refusable: Collection[str] = (),
    ) -> Reckoned:
        """Everything is well again, and all that is owed has arrived.

        unsigned: polls that may have been answered and not signed, such as one of each device per kill. findings:
        what the centre may have found. proven: whether its audit must call every ledger whole. refusable: faults of
        a wire (sim.faults) after which an answer may be refused and asked for again.
        """
        before_ms = SystemClock().mono_ms() - COMING_MS  # a long look does not see what is asked during it
        self.look()
        records = {place: self._record(envelope) for place, envelope in self.seen.items()}
        here = {(row.ledger, row.seq): row.envelope for row in self.station.rows()}
        at_the_centre = self.station.at_the_centre() if self._has_centre() else set()
        gone = named_as_gone(list(records.values()))
        lost, entombed = 0, 0
        for place, envelope in self.seen.items():
            if here.get(place) != envelope and envelope not in at_the_centre:
                named = place[1] in gone.get(place[0], ())
                lost, entombed = lost + (not named), entombed + named
        lost += sum(_holes(records, gone))
        verdict = self._values(records, frozenset(refusable))
        wrong = [f"wrong value: {text}" for text in verdict.wrong]
        missed = _missed(verdict, records, before_ms=before_ms)
        missed -= sum((ledger, seq) not in records for ledger, seqs in gone.items() for seq in seqs)
        if missed > unsigned:
            wrong.append(f"{missed} answers were served and not signed, {unsigned} may be")
        if self._has_centre():
            for ledger, seq in here:  # what is not at the centre yet
                gone.setdefault(ledger, set()).add(seq)
            wrong += self._centre(findings, gone, proven=proven)
        if wrong:
            raise Violated("; ".join(wrong[:5]))
        return Reckoned(
            records=len(records),
            lost=lost,
            doubled=len(self.twice) + verdict.doubled,
            entombed=entombed,
            unsigned=max(missed, 0),
            gaps=sum(record.kind == Kind.GAP for record in records.values()),
            ledgers=len({ledger for ledger, _ in records}),
        )

    def boots(self) -> list[BootBody]:
        """How each run began, and each ledger, in order of time."""
        booted = [r for r in map(self._record, self.seen.values()) if r.kind == Kind.BOOT]
        return [
            BootBody.decode(r.body) for r in sorted(booted, key=lambda r: (r.boot.count, r.moment.mono_ms))
        ]

    def _remember(self, place: Place, envelope: bytes) -> None:
        if self.seen.setdefault(place, envelope) != envelope:
            self.twice.add(place)
        self._envelopes.add(envelope)

    def _record(self, envelope: bytes) -> Record:
        return decode_record(unseal(envelope, RECORD, self.station.ring).payload)

    def _has_centre(self) -> bool:
        return self.station.stage.centre is not None

    def _values(self, records: dict[Place, Record], refusable: frozenset[str]) -> Verdict:
        """Every signed value against every served one. An answer that only took its time is as good as any other."""
        answers = [
            answer if refusable & set(answer.faults) else answer._replace(faults=())
            for answer in self.station.plant.answers()
        ]
        signed = [cycle_of(record) for record in records.values() if record.kind == Kind.READINGS]
        return reconcile(answers, signed)

    def _centre(
        self, expected: Collection[str], gone: dict[bytes, set[int]], *, proven: bool
    ) -> Iterator[str]:
        stage = self.station.stage
        for report in verify(stage.centre_folder, self.station.name) if proven else ():
            holes = set(_each(report.holes)) - gone.get(report.ledger, set())
            told = {*expected, "hole"}  # those of the holes that nobody names are counted
            found = [f"{f.what} {f.detail}" for f in report.findings if f.what.value not in told]
            if found or holes:
                yield f"the centre's ledger {report.ledger.hex()[:8]} is not proven: {found or sorted(holes)[:9]}"
        for summary in stations(stage.centre_folder):
            found_too = [f"{f.what} {f.detail}" for f in summary.findings if f.what not in expected]
            if found_too or (summary.rejected and "rejected" not in expected):
                yield f"the centre rejected {summary.rejected} and found {found_too}"


def _missed(verdict: Verdict, records: dict[Place, Record], *, before_ms: int) -> int:
    """Answers that no record speaks of; not those that came too late for their poll, whose record says so."""
    cycles = sorted(
        (cycle_of(r) for r in records.values() if r.kind == Kind.READINGS), key=lambda cycle: cycle.mono_ms
    )
    missed = 0
    for answer in verdict.unsigned:
        own = next(
            (c for c in cycles if c.device == answer.device and c.mono_ms >= answer.asked_mono_ms), None
        )
        missed += answer.asked_mono_ms < before_ms if own is None else bool(own.values)
    return missed


def cycle_of(record: Record) -> Stored:
    """The values of a record of kind 1."""
    readings = decode_pack(record.body)
    values = {r.channel: r.value for r in readings if r.value is not None}
    return Stored(readings[0].device, record.seq, record.moment.mono_ms, values)


def named_as_gone(records: Collection[Record]) -> dict[bytes, set[int]]:
    """By ledger, the seqs that a tombstone or a recovery record names."""
    gone: dict[bytes, set[int]] = {}
    for record in records:
        if record.kind == Kind.TOMBSTONE:
            gone.setdefault(record.ledger, set()).update(_each(TombstoneBody.decode(record.body).ranges))
        if record.kind == Kind.RECOVERY:
            for ledger, ranges in RecoveryBody.decode(record.body).lost:
                gone.setdefault(ledger, set()).update(_each(ranges))
    return gone


def _each(ranges: Ranges) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)


def _holes(records: dict[Place, Record], gone: dict[bytes, set[int]]) -> Iterator[int]:
    """How many seqs of each ledger were never seen, although a later one was, and nobody names them."""
    for ledger in {ledger for ledger, _ in records}:
        seqs = sorted(seq for its, seq in records if its == ledger)
        told: Sequence[int] = sorted(gone.get(ledger, ()))
        known = normal((seq, seq) for seq in (*seqs, *told))
        yield count(subtract(((1, seqs[-1]),), known))
