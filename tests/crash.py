"""Crash rounds: the agent is killed at random moments while readings flow, and nothing may be lost for it.

    round:  start the agent ──▶ a random moment (in its start, or while it polls) ──▶ SIGKILL ──▶ look at both stores
    world:  6 TCP gauges and 4 on one pseudo-terminal, a broker that is stopped or killed now and then, a centre that is

`python -m tests.crash --rounds 50` prints a line per round and a closing table; it fails when

- a row that was in the store is gone or has other bytes, or the seqs of a ledger are not 1, 2, 3 ...
- the centre has something that the store has not (it left before its commit), or at the end lacks something
- a kill made a second ledger, or a boot record does not say how the run before ended
- a signed value is not the one that was served, or more than one poll of a device per kill was served and not signed
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from agent.clock import SystemClock
from agent.rehearsal import Process, RehearsalError
from buffer.entry import Entry
from central.stations import stations
from central.verify import verify
from sim.faults import Slow
from sim.reconcile import Stored, reconcile
from sim.script import Rule
from sim.served import Served
from telemetry.bodies import BootBody, BootReason
from telemetry.envelope import RECORD, unseal
from telemetry.keys import KeyRing
from telemetry.record import Kind, Record, decode_record
from tests.late import stored
from tests.system.station import Station, station_at

TCP_PERIODS_MS = (250, 300, 350, 400, 450, 500)
SERIAL_PERIOD_MS = 500
THINKING = Slow(0.02, 0.08, name="thinking")
"""The serial gauges take their time, so that many kills come between a question and its answer."""
SAME_POLL_MS = 200
"""The first poll of a run is made at once, and the first one on the wall clock's grid may follow it closely."""
LONGEST_RUN_S = 1.5
IN_ITS_START = 0.25
"""So many of the kills come before the agent polls."""
BROKER_ENDS, BROKER_RETURNS = 0.3, 0.5
CENTRE_DIES = 0.25

ALL_IS_WELL = frozenset({"device.silent"})
"""Warnings that a run may log: a gauge that took long on a busy machine."""

Place = tuple[bytes, int]
Say = Callable[[str], None]


class Run(NamedTuple):
    """One run of the agent, CLOCK_BOOTTIME ms. `ended_ms` is just after its end."""

    began_ms: int
    ended_ms: int


@dataclass(slots=True)
class Account:
    """What the rounds showed so far."""

    rounds: int = 0
    runs: list[Run] = field(default_factory=list)
    rows: dict[Place, bytes] = field(default_factory=dict)
    broker_ends: int = 0
    centre_kills: int = 0
    violations: list[str] = field(default_factory=list)


class Verdict(NamedTuple):
    """The closing table."""

    account: Account
    records: int
    at_the_centre: int
    boots: int
    answers: int
    unsigned: int
    most_unsigned: int
    took_s: float

    def table(self) -> str:
        """For eyes."""
        account = self.account
        rows = [
            ("rounds, each ended by kill -9", account.rounds),
            ("broker stopped or killed", account.broker_ends),
            ("centre killed", account.centre_kills),
            ("records signed and durable", self.records),
            ("of these at the centre, proven", self.at_the_centre),
            ("boot records", self.boots),
            ("answers served", self.answers),
            ("served and not signed", self.unsigned),
            ("the most of one device per kill", self.most_unsigned),
            ("violations", len(account.violations)),
            ("seconds per round", round(self.took_s / account.rounds, 2)),
        ]
        return "\n".join(f"  {name:<34} {value:>8}" for name, value in rows)


class Ordeal:
    """The rounds on one station."""

    def __init__(self, station: Station, seed: int) -> None:
        self.station = station
        self.account = Account()
        self._rng = random.Random(seed)
        self._start_s = 1.0
        self._clock = SystemClock()
        self._broker_is_up = True

    def round(self) -> str:
        """One start and one kill, and the look at both stores afterwards. Gives what happened, in words."""
        account = self.account
        account.rounds += 1
        began_ms = self._clock.mono_ms()
        agent = self.station.stage.start_agent(self.station.name, self.station.file)
        try:
            words = self._polling(agent) if self._rng.random() > IN_ITS_START else self._in_its_start()
        except RehearsalError as error:
            words = str(error)
        if not agent.is_running():
            self._violated(f"the agent ended by itself; {words}; see {agent.log}")
        agent.kill()
        account.runs.append(Run(began_ms, self._clock.mono_ms()))
        self._read_the_log(agent)
        before = len(account.rows)
        at_the_centre = self.look()
        broker = "up" if self._broker_is_up else "down"
        rows = len(account.rows)
        return f"{words}; broker {broker}; {rows} rows (+{rows - before}), {at_the_centre} at the centre"

    def last_run(self) -> None:
        """Everybody is well: all that was ever durable reaches the centre, and the agent ends in order."""
        began_ms = self._clock.mono_ms()
        if not self._broker_is_up:
            self._broker()
        agent = self.station.start()
        try:
            self.station.arrives(within_s=30)
            self.station.arrives(
                within_s=30
            )  # what left on `live` before the centre was back has come again now
        except AssertionError as error:
            self._violated(str(error))
        if agent.stop() != 0:
            self._violated(f"the last run did not end in order; see {agent.log}")
        self.account.runs.append(Run(began_ms, self._clock.mono_ms()))
        self._read_the_log(agent)
        self.look()

    def look(self) -> int:
        """Compare the agent's store with what it held before, and the centre with it."""
        # The centre first: what it takes while we read the store was durable there before.
        at_the_centre = self.station.at_the_centre()
        rows = {(row.ledger, row.seq): row.envelope for row in self.station.rows()}
        for place, envelope in self.account.rows.items():
            if rows.get(place) != envelope and (place in rows or envelope not in at_the_centre):
                self._violated(f"record {place[1]} {'has other bytes' if place in rows else 'is gone'}")
        for ledger in {ledger for ledger, _ in rows}:
            seqs = [seq for its_ledger, seq in rows if its_ledger == ledger]
            if seqs != list(range(1, len(seqs) + 1)):
                self._violated(f"ledger {ledger.hex()[:8]} does not go 1, 2, 3 ... in the store")
        ahead = at_the_centre - set(rows.values())
        if ahead:
            self._violated(
                f"{len(ahead)} records at the centre that the store has not: sent before their commit"
            )
        self.account.rows = rows
        return len(at_the_centre)

    def _in_its_start(self) -> str:
        after_s = self._start_s * self._rng.uniform(0.8, 1.2)
        time.sleep(after_s)
        return f"killed {after_s:.2f} s after its start"

    def _polling(self, agent: Process) -> str:
        launched_s = time.monotonic()
        agent.wait_for("station.polling")
        self._start_s = time.monotonic() - launched_s
        for_s = self._rng.uniform(0.02, LONGEST_RUN_S)
        until_change_s = self._rng.uniform(0, for_s)
        time.sleep(until_change_s)
        changed = self._change_the_world()
        time.sleep(for_s - until_change_s)
        return f"killed {for_s:.2f} s into its polling{changed}"

    def _change_the_world(self) -> str:
        """Now and then the broker ends or comes back, or the centre is killed and comes back."""
        if self._rng.random() < (BROKER_ENDS if self._broker_is_up else BROKER_RETURNS):
            return f", {self._broker()}"
        if self._broker_is_up and self._rng.random() < CENTRE_DIES:
            self.account.centre_kills += 1
            stage = self.station.stage
            assert stage.centre
            stage.centre.kill()
            stage.start_centre()
            return ", centre killed and started"
        return ""

    def _broker(self) -> str:
        broker = self.station.stage.broker
        self._broker_is_up = not self._broker_is_up
        if self._broker_is_up:
            broker.start()
            return "broker started"
        self.account.broker_ends += 1
        if self._rng.random() < 0.5:
            broker.kill()
            return "broker killed"
        broker.stop()
        return "broker stopped"

    def _read_the_log(self, agent: Process) -> None:
        lines = agent.said().splitlines()
        plain = [line for line in lines if line and not line.startswith("{")]
        loud = [line for line in lines if '"level": "warning"' in line and _event(line) not in ALL_IS_WELL]
        for line in [*plain[-1:], *loud]:
            self._violated(f"the agent says: {line}")

    def _violated(self, what: str) -> None:
        self.account.violations.append(f"round {self.account.rounds}: {what}")


def _event(line: str) -> str:
    return line.partition('"event": "')[2].partition('"')[0]


def close(station: Station, account: Account, took_s: float) -> Verdict:
    """What only the whole story shows."""
    rows = station.rows()
    records = [_record(row, station.ring) for row in rows]
    account.violations += _boots(records)
    account.violations += _centre(station, rows)
    # An answer that only took its time is as good as any other.
    answers = [answer._replace(faults=()) for answer in station.plant.answers()]
    cycles = stored([row for row in rows if row.kind == Kind.READINGS], station.ring)
    verdict = reconcile(answers, cycles)
    account.violations += [f"wrong value: {wrong}" for wrong in verdict.wrong]
    if verdict.doubled:
        account.violations.append(f"{verdict.doubled} values of one answer were signed twice")
    lost: Counter[tuple[str, int]] = Counter()
    asked_ms: dict[str, int] = {}
    for answer in verdict.unsigned:
        run = _run_of(answer.asked_mono_ms, account.runs)
        own = _own_cycle(answer, cycles, account.runs)
        if own is None:
            lost[answer.device, run] += answer.asked_mono_ms - asked_ms.get(answer.device, 0) > SAME_POLL_MS
            asked_ms[answer.device] = answer.asked_mono_ms
        elif own.values:
            account.violations.append(
                f"{answer.device}: the answer of one poll of run {run + 1} was not signed"
            )
    account.violations += [
        f"{polls} polls of {device} were served and not signed in run {run + 1}"
        for (device, run), polls in lost.items()
        if polls > 1
    ]
    return Verdict(
        account,
        records=len(rows),
        at_the_centre=len(station.at_the_centre()),
        boots=sum(record.kind == Kind.BOOT for record in records),
        answers=verdict.served,
        unsigned=lost.total(),
        most_unsigned=max(lost.values(), default=0),
        took_s=took_s,
    )


def _record(row: Entry, ring: KeyRing) -> Record:
    return decode_record(unseal(row.envelope, RECORD, ring).payload)


def _boots(records: Sequence[Record]) -> Iterator[str]:
    """Each run begins with a boot record that says how the run before ended, and when it last was seen."""
    if len({record.ledger for record in records}) != 1:
        yield "kills made more than one ledger"
    count, last_sign = 0, None
    for record in records:
        begins = record.boot.count != count
        if begins != (record.kind == Kind.BOOT) or record.boot.count < count:
            yield f"record {record.seq}: boot {record.boot.count} does not begin with a boot record"
        if record.kind == Kind.BOOT:
            body = BootBody.decode(record.body)
            says = (body.reason, body.last_sign)
            happened = (BootReason.UNCLEAN_STOP if count else BootReason.ENROLMENT, last_sign)
            if says != happened:
                yield f"boot record {record.seq} says {says}, and it was {happened}"
        count = record.boot.count
        last_sign = (record.moment.wall_ms, record.moment.mono_ms)


def _centre(station: Station, rows: Sequence[Entry]) -> Iterator[str]:
    """The centre and what is still owed make the whole ledger, and the centre's part is proven from its bytes."""
    at_the_centre = station.at_the_centre()
    owed = station.owed("centre")
    if not at_the_centre:
        yield "nothing is at the centre"
        return
    for row in rows:
        if row.envelope in at_the_centre:
            continue
        if not any(part.ledger == row.ledger and part.first <= row.seq <= part.last for part in owed):
            yield f"record {row.seq} is not at the centre and not owed"
    for report in verify(station.stage.centre_folder, station.name):
        if not report.is_proven:
            yield f"the centre's ledger is not proven: {report.findings}"
    (summary,) = stations(station.stage.centre_folder)
    if summary.rejected or summary.findings:
        yield f"the centre rejected {summary.rejected} and found {summary.findings}"


def _own_cycle(answer: Served, cycles: Sequence[Stored], runs: Sequence[Run]) -> Stored | None:
    """The record of the poll that this answers; None when the run was killed before it was durable.

    On a busy machine an answer may come too late for its poll: that record then says so and has no values.
    """
    run = _run_of(answer.asked_mono_ms, runs)
    for cycle in cycles:
        same = cycle.device == answer.device and _run_of(cycle.mono_ms, runs) == run
        if same and cycle.mono_ms >= answer.asked_mono_ms:
            return cycle
    return None


def _run_of(mono_ms: int, runs: Sequence[Run]) -> int:
    return bisect([run.began_ms for run in runs], mono_ms) - 1


def ordeal(folder: Path, rounds: int, seed: int, say: Say) -> Verdict:
    """So many rounds in this folder."""
    began_s = time.monotonic()
    with station_at(folder, gauges=0) as station:
        plant = station.plant
        station.lines = [plant.tcp(f"tcp{n}", every_ms=every) for n, every in enumerate(TCP_PERIODS_MS, 1)]
        serial = plant.serial("rs485", "rtu1", "rtu2", "rtu3", "rtu4", every_ms=SERIAL_PERIOD_MS)
        serial.host.wire.script.rules.append(Rule(THINKING))
        station.lines.append(serial)
        station.describe(station.receipted())
        station.trust()
        rounds_of = Ordeal(station, seed)
        for number in range(1, rounds + 1):
            began_round_s = time.monotonic()
            words = rounds_of.round()
            say(f"{number:>3}  {time.monotonic() - began_round_s:4.1f} s  {words}")
        rounds_of.last_run()
        return close(station, rounds_of.account, time.monotonic() - began_s)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="other moments, other ends of broker and centre")
    parser.add_argument("--keep", type=Path, help="leave everything in this folder, for a look")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="tram-crash-"))
    try:
        verdict = ordeal(folder, arguments.rounds, arguments.seed, print)
    except (AssertionError, RehearsalError) as error:
        print(f"FAILED: {error}; everything is left in {folder}")
        return 1
    print(verdict.table())
    for violation in verdict.account.violations[:40]:
        print(f"VIOLATION {violation}")
    if verdict.account.violations:
        print(f"everything is left in {folder}")
        return 1
    if not arguments.keep:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
