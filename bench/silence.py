"""`python -m bench.silence`: what dead devices cost the living ones of their lines, in a minute and a half.

Four serial lines of eight instruments, as they hang behind serial servers; six of the thirty-two are dead from the
start. The living must keep their period, and a dead one costs its line one question for each step of its back-off.
"""

import dataclasses
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click

from bench import captured
from bench.load import CHANNEL, DEFAULT_RECORDS_PER_S, HEAD, UNITS, Load
from bench.stage import BenchError, Plant, running, set_up
from bench.trace import now_us
from telemetry.record import Kind

LINES, PER_LINE, CHANNELS = 4, 8, 4
DEAD = (0, 5, 8, 15, 17, 30)
"""Places over all lines: two on each of the first two lines, first and last among them, and one on each other."""
EVERY_S, TIMEOUT_S = 5, 1.0
SETTLE_S, LOOK_S, RECEIPTS_S = 12.0, 75.0, 3.0
LINE = """
[[line]]
id = "line-{number}"
url = "rtu+tcp://127.0.0.1:{port}"
timeout = "1s"
guard = "1s"
"""
DEVICE = """
[[device]]
id = "d{place:03d}"
line = "line-{line}"
driver = "modbus"
unit = {unit}
every = "5s"
"""


@dataclass(frozen=True, slots=True)
class Silence:
    """`deviation_ms`: of the time between two records of a living device, `worst_ms` the farthest from the period.

    Of the dead: `probes` are their records, `questions` what they were asked, meanwhile. `steps_s`: from question to
    question of one dead device, all that occurred.
    """

    devices: int
    lines: int
    dead: int
    periods: int
    deviation_ms: float
    worst_ms: float
    probes: int
    questions: int
    steps_s: tuple[int, ...]


def plant() -> Plant:
    """The lines and who is dead on them."""
    arguments = ("bench.serial_lines", str(LINES), str(PER_LINE), *map(str, DEAD))
    return Plant(arguments, station_file)


def station_file(ports: Sequence[int], broker: str, centre: Path) -> str:
    """All devices, the dead ones too: nobody knows before they are asked."""
    load = Load(LINES * PER_LINE, CHANNELS)
    parts = [
        HEAD.format(station=load.station, broker=broker, centre=centre, records_per_s=DEFAULT_RECORDS_PER_S)
    ]
    for line, port in enumerate(ports):
        parts.append(LINE.format(number=line, port=port))
        for unit in range(1, PER_LINE + 1):
            parts.append(DEVICE.format(place=line * PER_LINE + unit - 1, line=line, unit=unit))
            parts += [
                CHANNEL.format(number=number, address=2 * number, unit=UNITS[number])
                for number in range(CHANNELS)
            ]
    return "".join(parts)


def measure(folder: Path) -> Silence:
    """Start a station, let it settle, look at it. BenchError: it delivered nothing."""
    load = Load(LINES * PER_LINE, CHANNELS)
    with set_up(folder, load, plant()) as stage:
        with running(stage):
            time.sleep(SETTLE_S)
            stage.pass_over()
            from_us = now_us()
            time.sleep(LOOK_S)
            to_us = now_us()
            time.sleep(RECEIPTS_S)
            events = list(stage.centre.new())
        asked: list[tuple[int, int, int]] = json.loads(stage.plant.last_words())
    records = captured.records_of(captured.messages(events, receipts=False))
    instants: dict[str, list[int]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.captured_us):
        if record.kind == Kind.READINGS and from_us <= record.captured_us < to_us:
            instants[record.device].append(record.captured_us)
    if not instants:
        raise BenchError(f"the agent delivered nothing: the logs are in {folder}")
    return _found(instants, asked, from_us, to_us)


def _found(
    instants: Mapping[str, Sequence[int]], asked: Sequence[tuple[int, int, int]], from_us: int, to_us: int
) -> Silence:
    dead = {f"d{place:03d}" for place in DEAD}
    living = [seen for device, seen in instants.items() if device not in dead]
    periods = [(later - earlier) / 1000 for seen in living for earlier, later in pairwise(seen)]
    steps = _steps(asked)
    return Silence(
        devices=LINES * PER_LINE,
        lines=LINES,
        dead=len(DEAD),
        periods=len(periods),
        deviation_ms=statistics.pstdev(periods),
        worst_ms=max(abs(period - 1000 * EVERY_S) for period in periods),
        probes=sum(len(seen) for device, seen in instants.items() if device in dead),
        questions=sum(
            _is_dead(line, unit) and from_us <= at_us + 1e6 * TIMEOUT_S < to_us for line, unit, at_us in asked
        ),
        steps_s=tuple(sorted({round(step) for step in steps})),
    )


def _is_dead(line: int, unit: int) -> bool:
    return line * PER_LINE + unit - 1 in DEAD


def _steps(asked: Iterable[tuple[int, int, int]]) -> list[float]:
    """Seconds from question to question of each dead device."""
    by_device: dict[tuple[int, int], list[int]] = defaultdict(list)
    for line, unit, at_us in asked:
        if _is_dead(line, unit):
            by_device[line, unit].append(at_us)
    return [(later - earlier) / 1e6 for seen in by_device.values() for earlier, later in pairwise(seen)]


def as_text(found: Silence) -> str:
    """A line for people."""
    steps = ", ".join(f"{step} s" for step in found.steps_s)
    return (
        f"dead devices, {found.devices} on {found.lines} lines every {EVERY_S} s, {found.dead} of them dead: period of"
        f" the living, standard deviation {found.deviation_ms:.2f} ms over {found.periods} periods, the farthest"
        f" {found.worst_ms:.1f} ms off; {found.questions} questions to the dead, each one timeout of {TIMEOUT_S:g} s,"
        f" for {found.probes} records of their silence, after {steps}"
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Where the store is put.")
def silence(*, as_json: bool, folder: str | None) -> None:
    """Measure what dead devices cost the living.

    Example: python -m bench.silence
    """
    with tempfile.TemporaryDirectory(prefix="tram-silence-", dir=folder) as place:
        found = measure(Path(place) / "station")
    click.echo(json.dumps(dataclasses.asdict(found)) if as_json else as_text(found))


if __name__ == "__main__":
    silence()
