"""Wall clocks that are wrong: set by hours while the agent runs, not set at all at boot, wrong at the centre.

Only the wall clock of one process is false (tests.chaos.false_clock); CLOCK_BOOTTIME stays true, as it does on a
gateway, and every signed value is compared by it with what was served.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import Final, NamedTuple

from agent.clock import SystemClock
from agent.rehearsal import Process
from central.stations import stations
from sim.served import Served
from telemetry.bodies import ClockStepBody
from telemetry.pack import decode_pack
from telemetry.reading import Flag
from telemetry.record import ClockState, Kind, Record
from tests.chaos.disk import longest_wait_s
from tests.chaos.false_clock import SYNCHRONISED, UNSYNCHRONISED, FalseClock
from tests.chaos.fault import Fault, Outcome
from tests.chaos.mounts import bound, own_mounts
from tests.chaos.reckoning import Reckoned, Reckoning
from tests.system.patience import until
from tests.system.station import Station, station_at

GAUGES: Final = 2
EVERY_MS: Final = 500
HOUR_MS: Final = 3_600_000
ASIDE_MS: Final = 250
"""Each step moves the grid of the polls by half a period."""
EXACT_MS: Final = 300
"""The machine's own clock is slewed meanwhile, and a step is seen between two looks at it."""
LATE_MS: Final = 150
"""How far from its place on the wall's grid half of the polls may end."""
BURST_S: Final = 2.0
WAIT_S: Final = 2.0
UNTRUSTED: Final = int(Flag.CLOCK_NOT_TRUSTED)
BEGUN_MS: Final = 60_000
"""A machine without a battery for its clock has come up a minute ago: this long after 1970 began."""
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Step(NamedTuple):
    """The wall clock was set to `shift_ms` beside the truth; until `sync_mono_ms` nobody called it synchronised."""

    shift_ms: int
    moved_ms: int
    mono_ms: int
    sync_mono_ms: int
    back_s: float


@contextmanager
def _going(folder: Path, clock: FalseClock) -> Iterator[tuple[Station, Reckoning, Process]]:
    """A station that a centre trusts, polling by this clock."""
    with station_at(folder, gauges=GAUGES, every_ms=EVERY_MS) as station:
        station.trust()
        station.describe(station.receipted())
        agent = station.start(environment=clock.environment)
        yield station, Reckoning(station), agent


def stepped(steps: int) -> Callable[[Path, Random], Outcome]:
    """Forward and back by turns, each time by hours; the second step while there is no broker."""

    def inject(folder: Path, rng: Random) -> Outcome:
        clock = FalseClock(folder, state=SYNCHRONISED)
        with _going(folder, clock) as (station, reckoning, agent):
            station.arrives()
            moved: list[Step] = []
            for number, shift_ms in enumerate(_shifts(steps, rng)):
                reckoning.look()
                if number == 1:
                    station.stage.broker.stop()
                moved.append(_step(station, clock, shift_ms))
                station.stage.broker.start()
            station.grows(3 * GAUGES)
            station.arrives(within_s=60)
            assert agent.is_running(), f"the agent ended; see {agent.log}"
            found = reckoning.close(findings={"clock-step"})
            _steps_are_stated(station, moved)
            _nothing_else_moved(station.records(), moved)
            _polls_went_on(station.plant.answers(), station.records(Kind.READINGS), moved)
        hours = ", ".join(f"{step.moved_ms / HOUR_MS:+.1f}" for step in moved)
        return _outcome(
            f"the wall clock set by {hours} hours while the agent polls",
            found,
            max(step.back_s for step in moved),
            f"{len(moved)} step records, no other finding; polls on the new grid, none missed, no burst",
        )

    return inject


def _shifts(steps: int, rng: Random) -> list[int]:
    """Where the clock stands after each step; right again after the last."""
    signs = [1 if number % 2 == 0 else -1 for number in range(steps - 1)]
    hours = [sign * rng.randint(HOUR_MS, 9 * HOUR_MS) // 1_000 * 1_000 for sign in signs]
    return [ms + ASIDE_MS * ((number + 1) % 2) for number, ms in enumerate([*hours, 0])]


def _step(station: Station, clock: FalseClock, shift_ms: int) -> Step:
    """The clock jumps; a little later something calls it synchronised, and the readings are trusted again."""
    before = station.readings()
    moved_ms = shift_ms - clock.shift_ms
    mono_ms = SystemClock().mono_ms()
    clock.set(shift_ms, UNSYNCHRONISED)
    until(lambda: station.readings() >= before + GAUGES, "readings after the step")
    back_s = (SystemClock().mono_ms() - mono_ms) / 1_000
    station.grows(3 * GAUGES)
    sync_mono_ms = SystemClock().mono_ms()
    clock.set(shift_ms, SYNCHRONISED)
    until(lambda: _newest_is_trusted(station), "readings with a trusted clock")
    return Step(shift_ms, moved_ms, mono_ms, sync_mono_ms, back_s)


def _newest_is_trusted(station: Station) -> bool:
    newest = station.records(Kind.READINGS)[-GAUGES:]
    return not any(_flags(record) & UNTRUSTED for record in newest)


def _flags(record: Record) -> int:
    """Those that all readings of a record have."""
    flags = ~0
    for reading in decode_pack(record.body):
        flags &= reading.flags
    return flags


def _steps_are_stated(station: Station, moved: list[Step]) -> None:
    """One signed record for each step, and at the centre one finding for each, that says so."""
    bodies = [ClockStepBody.decode(record.body) for record in station.records(Kind.CLOCK_STEP)]
    stated = [body.after_wall_ms - body.before_wall_ms for body in bodies]
    assert len(stated) == len(moved), f"{len(moved)} steps, {len(stated)} step records"
    for said_ms, step in zip(stated, moved, strict=True):
        assert abs(said_ms - step.moved_ms) < EXACT_MS, f"{step.moved_ms} ms moved, {said_ms} ms stated"
    (summary,) = stations(station.stage.centre_folder)
    told = [finding.detail for finding in summary.findings]
    assert len(told) == len(moved), told
    assert all("as its clock step record says" in detail for detail in told), told


def _nothing_else_moved(records: list[Record], moved: list[Step]) -> None:
    """Every record has the wall clock of its own moment, and the flag as long as nobody vouched for a new one."""
    truth_ms = time.time() * 1_000 - SystemClock().mono_ms()
    for record in records:
        mono_ms = record.moment.mono_ms
        if any(abs(mono_ms - step.mono_ms) < EXACT_MS for step in moved):
            continue
        last = next((step for step in reversed(moved) if step.mono_ms < mono_ms), None)
        wrong_ms = record.moment.wall_ms - mono_ms - truth_ms - (last.shift_ms if last else 0)
        assert abs(wrong_ms) < EXACT_MS, f"record {record.seq} is {wrong_ms:.0f} ms away from its wall clock"
        if record.kind == Kind.READINGS and last and mono_ms < last.sync_mono_ms:
            assert _flags(record) & UNTRUSTED, f"record {record.seq} trusts a clock that was just set"
        if record.kind == Kind.READINGS and last is None:
            assert not _flags(record) & UNTRUSTED, f"record {record.seq} does not trust a good clock"


def _polls_went_on(answers: list[Served], readings: list[Record], moved: list[Step]) -> None:
    """No device waits for a wall clock that comes again, none is asked for the hours that never were."""
    waited_s = longest_wait_s(answers)
    assert waited_s < 2 * EVERY_MS / 1_000 + WAIT_S, f"a device was not polled for {waited_s:.1f} s"
    most = 2 + round(BURST_S * 1_000 / EVERY_MS)
    ends = [*(step.mono_ms for step in moved[1:]), answers[-1].asked_mono_ms]
    for step, end_ms in zip(moved, ends, strict=True):
        asked: dict[str, int] = defaultdict(int)
        for answer in answers:
            asked[answer.device] += step.mono_ms <= answer.asked_mono_ms < step.mono_ms + BURST_S * 1_000
        assert max(asked.values()) <= most, f"{max(asked.values())} polls of a device in {BURST_S:g} s"
        grid = [
            r.moment.wall_ms % EVERY_MS
            for r in readings
            if step.mono_ms + EVERY_MS < r.moment.mono_ms < end_ms
        ]
        assert median(grid) < LATE_MS, f"polls end {median(grid):.0f} ms behind the wall's grid"


def unset_at_boot(folder: Path, rng: Random) -> Outcome:
    """It is 1970 when the agent starts; a broker is there at first, then not; then the clock is set."""
    clock = _no_clock(folder)
    with _going(folder, clock) as (station, reckoning, agent):
        back_s = _set_at_last(station, clock, agent)
        found = reckoning.close(findings={"clock-step"})
        untimed = _has_no_time_before_it_has(station, 1)
    words = "1970 when the agent starts, set right while it polls"
    return _outcome(words, found, back_s, _without(untimed))


def unset_after_a_power_cut(folder: Path, rng: Random) -> Outcome:
    """The machine was right and lost its power and with it its clock, twice; each time it is set some seconds later."""
    clock = FalseClock(folder, state=SYNCHRONISED)
    with own_mounts(), _going(folder, clock) as (station, reckoning, first):
        station.arrives()
        agents, times, longest_s = [first], 2, 0.0
        for number in range(times):
            agents[-1].kill()
            reckoning.look()
            other = folder / f"boot-{number}"
            other.write_text(f"{rng.randbytes(4).hex()}-0000-4000-8000-{rng.randbytes(6).hex()}\n")
            with bound(other, BOOT_ID):
                clock.set(_to_1970(), UNSYNCHRONISED)
                agents.append(station.start(environment=clock.environment))
                longest_s = max(longest_s, _set_at_last(station, clock, agents[-1]))
        found = reckoning.close(findings={"clock-step"}, unsigned=GAUGES * times)
        untimed = _has_no_time_before_it_has(station, times)
        boots = {record.boot for record in station.records()}
        assert len(boots) == 1 + times, f"{len(boots)} boots"
    words = f"{times} power cuts (kill -9, another boot id), 1970 after each, set right while the agent polls"
    return _outcome(words, found, longest_s, _without(untimed))


def _no_clock(folder: Path) -> FalseClock:
    return FalseClock(folder, shift_ms=_to_1970(), state=UNSYNCHRONISED)


def _to_1970() -> int:
    return BEGUN_MS - time.time_ns() // 1_000_000


def _set_at_last(station: Station, clock: FalseClock, agent: Process) -> float:
    """Some records leave in 1970, others wait. Gives the seconds from the right time to a reading that is trusted."""
    station.arrives()
    station.grows(4 * GAUGES)
    station.stage.broker.stop()
    station.grows(4 * GAUGES)
    began_s = time.monotonic()
    clock.set(0, SYNCHRONISED)
    until(lambda: _newest_is_trusted(station), "readings with a trusted clock")
    back_s = time.monotonic() - began_s
    station.grows(2 * GAUGES)
    station.stage.broker.start()
    station.arrives(within_s=60)
    assert agent.is_running(), f"the agent ended; see {agent.log}"
    return back_s


def _has_no_time_before_it_has(station: Station, times: int) -> int:
    """The readings of 1970 have no time of their own and the flag; a record says when the clock was set."""
    old = [r for r in station.records(Kind.READINGS) if r.moment.wall_ms < HOUR_MS]
    assert len(old) >= times * 8 * GAUGES, f"only {len(old)} readings in 1970"
    for record in old:
        assert all(reading.wall_ms is None for reading in decode_pack(record.body)), (
            f"{record.seq} has a time"
        )
        assert _flags(record) & UNTRUSTED, f"record {record.seq} trusts a clock of 1970"
        assert record.moment.clock == ClockState.UNSYNCHRONISED
    bodies = [ClockStepBody.decode(record.body) for record in station.records(Kind.CLOCK_STEP)]
    assert [body.before_wall_ms < HOUR_MS for body in bodies] == [True] * times, bodies
    now_ms = time.time() * 1_000
    assert all(now_ms - HOUR_MS < body.after_wall_ms < now_ms for body in bodies), bodies
    return len(old)


def _without(untimed: int) -> str:
    return f"{untimed} readings without a time of their own, flagged, with the monotonic clock; a step record each time"


def wrong_at_the_centre(folder: Path, rng: Random) -> Outcome:
    """The centre's wall clock is hours ahead, then hours behind, after a restart and while it serves."""
    clock = FalseClock(folder, state=SYNCHRONISED)
    hours = [rng.randint(2, 9), -rng.randint(2, 9), rng.randint(2, 9), 0]
    with station_at(folder, gauges=GAUGES, every_ms=EVERY_MS) as station:
        station.trust()
        station.describe(station.receipted())
        station.start()
        reckoning = Reckoning(station)
        longest_s = 0.0
        for ahead, behind in pairwise(hours):
            _restarted(station, clock, ahead)
            longest_s = max(longest_s, _receipted(station, ahead))
            clock.set(behind * HOUR_MS)
            longest_s = max(longest_s, _receipted(station, behind))
        found = reckoning.close()
    words = ", ".join(f"{hour:+d}" for hour in hours)
    note = "recovery: until a receipt covers what was in the store at the step"
    return _outcome(f"the centre's wall clock {words} hours beside the truth", found, longest_s, note)


def _restarted(station: Station, clock: FalseClock, hours: int) -> None:
    """The centre again, as `Rehearsal.start_centre` does it, with this clock."""
    stage = station.stage
    assert stage.centre is not None
    stage.centre.kill()
    clock.set(hours * HOUR_MS)
    arguments = ("central", "serve", str(stage.centre_folder), "--broker", stage.broker.url)
    stage.centre = Process(
        "the centre", stage.folder / "centre.log", *arguments, environment=clock.environment
    )
    stage.centre.wait_for("ready: receiving")


def _receipted(station: Station, hours: int) -> float:
    """Seconds until receipts have covered what is in the store now; they are of the wrong hour."""
    began_s = time.monotonic()
    station.grows(GAUGES)
    newest = max(row.seq for row in station.rows())
    until(lambda: all(owed.first > newest for owed in station.owed("centre")), "receipts", within_s=40)
    took_s = time.monotonic() - began_s
    (summary,) = stations(station.stage.centre_folder)
    said_ms = summary.ledgers[0].receipt_ms
    assert said_ms is not None
    assert abs(said_ms - time.time() * 1_000 - hours * HOUR_MS) < HOUR_MS / 2, "the clock was not wrong"
    return took_s


def _outcome(words: str, found: Reckoned, back_s: float, note: str) -> Outcome:
    return Outcome(words, found.records, found.lost, found.doubled, back_s, note)


REBOOT: Final = ("cc", "root", "mountns")

FAULTS: Final = (
    Fault("clock steps: forward and back", ("cc",), stepped(2), short=True, about_s=15),
    Fault("clock steps: of hours, both ways", ("cc",), stepped(5), short=False, about_s=35),
    Fault("clock: none at boot", ("cc",), unset_at_boot, short=False, about_s=15),
    Fault("clock: none after a power cut", REBOOT, unset_after_a_power_cut, short=False, about_s=35),
    Fault("clock: wrong at the centre", ("cc",), wrong_at_the_centre, short=False, about_s=30),
)
