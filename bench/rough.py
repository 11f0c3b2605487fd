"""The throw-away agent, measured like ours: what the same work costs without anything that makes it trustworthy."""

import sqlite3
import statistics
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench import captured, probe
from bench.measure import Pace, sleep_between_polls
from bench.stage import Stage, child
from bench.trace import now_us


@dataclass(frozen=True, slots=True)
class Rough:
    """Medians over the windows. `published_s`: from the start of the process to the first PUBACK."""

    cpu_us_per_value: float
    memory: probe.Memory
    published_s: float
    period_deviation_ms: float


def measure(stage: Stage, pace: Pace) -> Rough:
    """Run it against the stage's instruments and broker; nobody listens to it."""
    file = stage.folder / "throwaway.db"
    arguments = (str(file), str(stage.broker.port), str(stage.load.channels), *map(str, stage.ports))
    with child(stage.folder, "throwaway", "bench.throwaway", *arguments) as process:
        published_s = (int(process.line()) - process.began_us) / 1e6
        time.sleep(pace.settle_s)
        sleep_between_polls(0)
        marks = [(now_us(), probe.cpu_ns(process.pid))]
        for _ in range(pace.windows):
            sleep_between_polls(pace.window_s)
            marks.append((now_us(), probe.cpu_ns(process.pid)))
        memory = probe.memory(process.pid)
    costs, deviations_ms = [], []
    for (from_us, before_ns), (to_us, after_ns) in pairwise(marks):
        instants = _instants(file, from_us, to_us)
        costs.append((after_ns - before_ns) / 1000 / (sum(map(len, instants)) * stage.load.channels))
        deviations_ms.append(captured.deviation_ms(instants))
    return Rough(statistics.median(costs), memory, published_s, statistics.median(deviations_ms))


def _instants(file: Path, from_us: int, to_us: int) -> list[list[int]]:
    """When each device was read in this time."""
    by_device: dict[str, list[int]] = defaultdict(list)
    query = "SELECT device, at_us FROM reading WHERE at_us BETWEEN ? AND ? ORDER BY at_us"
    with closing(sqlite3.connect(file)) as conn:
        for device, at_us in conn.execute(query, (from_us, to_us)):
            by_device[device].append(at_us)
    return list(by_device.values())
