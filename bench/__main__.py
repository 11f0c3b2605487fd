"""`python -m bench`: what the agent costs, in a table."""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

from bench import backfill, card, held, measure, retention, rough, silence, wear
from bench.calibration import calibrate
from bench.load import Load
from bench.measure import Pace, Start
from bench.probe import file_system
from bench.report import Report, Scenario, StoreFigures
from bench.stage import BenchError, Stage, running, set_up


@dataclass(frozen=True, slots=True)
class Plan:
    """One load, and how often the agent is started for it."""

    load: Load
    pace: Pace
    starts: int


FULL = (
    Plan(Load(10, 20), Pace(settle_s=4, windows=3, window_s=6, outage_s=0), starts=3),
    Plan(Load(10, 2), Pace(settle_s=3, windows=2, window_s=6, outage_s=0), starts=1),
    Plan(Load(100, 20), Pace(settle_s=4, windows=3, window_s=6, outage_s=10), starts=1),
)
BACKFILL = (backfill.REFERENCE, 30, 15.0, 180.0)
QUICK = (
    Plan(Load(10, 20), Pace(settle_s=1, windows=1, window_s=4, outage_s=0), starts=1),
    Plan(Load(100, 20), Pace(settle_s=1, windows=1, window_s=3, outage_s=0), starts=0),
)


@click.command()
@click.option(
    "--quick",
    is_flag=True,
    help="A short look, in under 40 s: rougher, and without a backlog or the store by itself.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Where the stores are put.")
def bench(*, quick: bool, as_json: bool, folder: str | None) -> None:
    """Measure the agent on simulated stations, in some nine minutes. Nothing is asserted.

    Example: python -m bench --quick
    """
    place = Path(tempfile.mkdtemp(prefix="tram-bench-", dir=folder))
    try:
        report = _run(QUICK if quick else FULL, place, quick=quick)
    except BenchError as error:  # what was written stays, for a look
        raise click.ClickException(str(error)) from error
    shutil.rmtree(place)
    click.echo(report.as_json() if as_json else report.as_text())


def _run(plans: tuple[Plan, ...], place: Path, *, quick: bool) -> Report:
    before = calibrate()
    scenarios = []
    thrown: rough.Rough | None = None
    for number, plan in enumerate(plans):
        with set_up(place / plan.load.station, plan.load) as stage:
            scenarios.append(_scenario(stage, plan, warm=number == 0))
            if thrown is None:
                _say("the throw-away agent")
                thrown = rough.measure(stage, plan.pace)
    assert thrown is not None
    dead = None if quick else _dead(place)
    drains = () if quick else _drains(place)
    machine = before, calibrate(), os.cpu_count() or 1, file_system(place)
    return Report(*machine, tuple(scenarios), thrown, drains, None if quick else _store(place), dead)


def _dead(place: Path) -> silence.Silence:
    _say(f"{silence.LINES} lines with {len(silence.DEAD)} dead devices")
    return silence.measure(place / "silence")


def _store(place: Path) -> StoreFigures:
    worn: tuple[wear.Worn, ...] = ()
    if not card.why_not():
        _say("wear, on a card of its own")
        worn = wear.measure(place / "wear")
    _say(f"a file after {retention.KEEP_DAYS} days")
    retained = retention.measure(place / "retention")
    _say("a log while somebody reads")
    return StoreFigures(worn, retained, held.measure(place / "held"))


def _drains(place: Path) -> tuple[backfill.Drain, ...]:
    load, days, limited_s, longest_s = BACKFILL
    _say(f"{load}: {days} days without a centre")
    return backfill.measure(place / "backfill", load, days, limited_s, longest_s)


def _scenario(stage: Stage, plan: Plan, *, warm: bool) -> Scenario:
    if warm:
        _say("compiling, warming up")
        measure.start(stage, anew=True)
    _say(f"{plan.load}: {2 * plan.starts} starts")
    fresh = tuple(measure.start(stage, anew=True) for _ in range(plan.starts))
    again: tuple[Start, ...] = tuple(measure.start(stage, anew=False) for _ in range(plan.starts))
    with running(stage) as agent:
        _say(f"{plan.load}: {plan.pace.windows} windows of {plan.pace.window_s} s")
        steady = measure.steady(stage, agent.pid, plan.pace)
        drained = None
        if plan.pace.outage_s:
            _say(f"{plan.load}: a backlog")
            drained = measure.drained(stage, plan.pace.outage_s)
    return Scenario(steady, fresh, again, drained)


_BEGAN_S = time.monotonic()


def _say(words: str) -> None:
    click.echo(f"  {time.monotonic() - _BEGAN_S:5.1f} s  {words}", err=True)


if __name__ == "__main__":
    bench()
