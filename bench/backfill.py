"""`python -m bench.backfill`: a month without a centre drains while fresh records flow, in some four minutes.

The instruments are polled every second, so that there are fresh records to look at; the backlog is what a station with
a period of a minute leaves in 30 days. First at the rate limit that a station has by default, then without one.
"""

import dataclasses
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from bench import captured, probe
from bench.backlog import fabricate
from bench.load import DEFAULT_RECORDS_PER_S, Load, station_file
from bench.measure import Span, span
from bench.measure import start as measure_start
from bench.stage import BenchError, Child, Stage, forget, is_past, running, set_up
from bench.trace import Event, now_us
from telemetry.record import Kind

DAY_MS = 86_400_000
BACKLOG_EVERY_MS = 60_000
NO_LIMIT_PER_S = 10_000
"""The most that a station file may say: far above what one core can verify."""
SETTLE_S = 5.0
QUIET_US = 3_000_000
LATE_US = 2_000_000
"""What was captured in the last moments may be on its way when the looking ends."""
LONGEST_DRAIN_S = 900.0
MB = 1_000_000

REFERENCE = Load(4, 10)
LARGE = Load(10, 20)


@dataclass(frozen=True, slots=True)
class Owed:
    """What was before the agent. `limit_per_s` None: as fast as it can."""

    load: Load
    limit_per_s: int | None
    backlog: int


@dataclass(frozen=True, slots=True)
class Drain:
    """One run of the agent over a backlog.

    `fresh_ms`: from capture until stored at the centre, of what was captured meanwhile. Memory in bytes, over the
    peak of the same agent without a backlog. CPU per record of the backlog and each fresh one.
    """

    owed: Owed
    drained: int
    values_per_s: float
    seconds: float
    fresh: int
    fresh_ms: Span
    fresh_worst_ms: float
    fresh_missing: int
    memory_above_idle: int
    agent_cpu_us_per_record: float


def measure(place: Path, load: Load, days: int, limited_s: float, longest_s: float) -> tuple[Drain, ...]:
    """A station of this load that was alone for so many days. `limited_s` 0: only without a limit."""
    with set_up(place / load.station, load) as stage:
        idle = _idle(stage)
        forget(stage)
        now_ms = time.time_ns() // 1_000_000
        backlog = fabricate(stage.file, now_ms - days * DAY_MS, now_ms, BACKLOG_EVERY_MS)
        limited = [_drain(stage, DEFAULT_RECORDS_PER_S, backlog, idle, limited_s)] if limited_s else []
        return *limited, _drain(stage, None, backlog, idle, longest_s)


def _idle(stage: Stage) -> int:
    """Of a start that finds its store, as those with a backlog do: making one takes memory too."""
    measure_start(stage, anew=True)
    with running(stage) as agent:
        time.sleep(SETTLE_S)
        return probe.memory(agent.pid).peak


def _drain(stage: Stage, limit_per_s: int | None, backlog: int, idle: int, most_s: float) -> Drain:
    rate = limit_per_s or NO_LIMIT_PER_S
    stage.file.write_text(station_file(stage.load, stage.ports, stage.broker.url, stage.centre_key, rate))
    stage.pass_over()
    with running(stage) as agent:
        begun_ns = probe.cpu_ns(agent.pid)
        events = _followed(stage, agent, most_s)
        cpu_ns = probe.cpu_ns(agent.pid) - begun_ns
        above_idle = probe.memory(agent.pid).peak - idle
    return _drained(Owed(stage.load, limit_per_s, backlog), events, above_idle, cpu_ns)


def _followed(stage: Stage, agent: Child, most_s: float) -> Sequence[Event]:
    """What happened at the centre until the backlog is in, or the time is up."""
    events = [stage.wait_for(is_past, f"no backlog came: see {agent.log}")]
    deadline = time.monotonic() + most_s
    last_us = now_us()
    while now_us() - last_us < QUIET_US and time.monotonic() < deadline:
        time.sleep(0.5)
        news = list(stage.centre.new())
        events += news
        last_us = max([last_us, *(event.at_us for event in news if is_past(event))])
    time.sleep(LATE_US / 1e6)
    return [*events, *stage.centre.new()]


def _drained(owed: Owed, events: Sequence[Event], memory_above_idle: int, cpu_ns: int) -> Drain:
    found = captured.messages(events, receipts=False)
    past = [r for message in found if not message.live for r in message.records if r.stored_us is not None]
    if not past:
        raise BenchError("nothing of the backlog was stored")
    from_us, to_us = past[0].arrived_us, max(r.stored_us or 0 for r in past)
    seconds = (to_us - from_us) / 1e6
    live = [r for message in found if message.live for r in message.records]
    fresh = [r for r in live if r.kind == Kind.READINGS and from_us <= r.captured_us < to_us - LATE_US]
    delays_ms = [(r.stored_us - r.captured_us) / 1000 for r in fresh if r.stored_us is not None]
    return Drain(
        owed=owed,
        drained=len({(r.ledger, r.seq) for r in past}),
        values_per_s=sum(r.values for r in past) / seconds,
        seconds=seconds,
        fresh=len(fresh),
        fresh_ms=span([(r.captured_us, r.stored_us) for r in fresh]),
        fresh_worst_ms=max(delays_ms, default=0.0),
        fresh_missing=len(fresh) - len(delays_ms),
        memory_above_idle=memory_above_idle,
        agent_cpu_us_per_record=cpu_ns / 1000 / (len(past) + len(live)),
    )


def as_text(drain: Drain) -> str:
    """One line for people."""
    owed = drain.owed
    limit = f"at {owed.limit_per_s} records/s" if owed.limit_per_s else "without a limit"
    late = f" ({drain.fresh_missing} never came)" if drain.fresh_missing else ""
    return (
        f"backfill, {owed.load}, {owed.backlog} records owed, {limit}: {drain.drained} in {drain.seconds:.1f} s,"
        f" {drain.values_per_s:.0f} values/s; meanwhile {drain.fresh} fresh records{late}, capture to stored"
        f" p50/p99/worst {drain.fresh_ms[0]:.0f}/{drain.fresh_ms[1]:.0f}/{drain.fresh_worst_ms:.0f} ms;"
        f" memory {drain.memory_above_idle / MB:+.1f} MB against idle;"
        f" agent {drain.agent_cpu_us_per_record:.0f} µs CPU per record"
    )


@click.command()
@click.option("--days", default=30, show_default=True, help="How long the station was alone.")
@click.option("--devices", default=REFERENCE.devices, show_default=True)
@click.option("--channels", default=REFERENCE.channels, show_default=True)
@click.option(
    "--limited-s", default=30.0, show_default=True, help="How long to look at the default rate; 0: not."
)
@click.option("--longest-s", default=LONGEST_DRAIN_S, show_default=True, help="Of the drain without a limit.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Where the stores are put.")
def backfill(
    *,
    days: int,
    devices: int,
    channels: int,
    limited_s: float,
    longest_s: float,
    as_json: bool,
    folder: str | None,
) -> None:
    """Measure how a backlog drains.

    Example: python -m bench.backfill --days 3 --devices 10 --channels 20
    """
    place = Path(tempfile.mkdtemp(prefix="tram-backfill-", dir=folder))
    try:
        drains = measure(place, Load(devices, channels), days, limited_s, longest_s)
    except BenchError as error:  # what was written stays, for a look
        raise click.ClickException(str(error)) from error
    shutil.rmtree(place)
    for drain in drains:
        click.echo(json.dumps(dataclasses.asdict(drain)) if as_json else as_text(drain))


if __name__ == "__main__":
    backfill()
