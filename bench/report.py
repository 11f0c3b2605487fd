"""All figures of one run, and how people and programs read them."""

import dataclasses
import json
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import backfill, card, held, retention, silence, wear
from bench.calibration import Calibration
from bench.measure import Drained, Span, Start, Steady
from bench.rough import Rough

MB = 1_000_000
QUIET = 1.15
"""Wall time over CPU time of the calibration, and one calibration over the other; above it others used the machine."""

Cell = Callable[["Scenario"], str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load. `fresh`: first starts, with an empty store; `again`: starts with the store of a run before."""

    steady: Steady
    fresh: tuple[Start, ...]
    again: tuple[Start, ...]
    drained: Drained | None = None


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """The store by itself. `worn` is empty where no card can be put in."""

    worn: tuple[wear.Worn, ...]
    retained: retention.Retained
    held: held.Held

    def lines(self) -> list[str]:
        """For people."""
        worn = [*map(wear.as_text, self.worn)] or [f"wear: no card can be put in here: {card.why_not()}"]
        return ["\n".join(worn), retention.as_text(self.retained), held.as_text(self.held)]


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the bench."""

    before: Calibration
    after: Calibration
    cpus: int
    file_system: str
    scenarios: tuple[Scenario, ...]
    rough: Rough
    drains: tuple[backfill.Drain, ...] = ()
    store: "StoreFigures | None" = None
    dead: silence.Silence | None = None

    def as_json(self) -> str:
        """For programs; the units are in the names."""
        return json.dumps({"python": platform.python_version(), **dataclasses.asdict(self)}, indent=2)

    def as_text(self) -> str:
        """For people."""
        parts = [
            self._machine(),
            self._table(),
            *self._backlogs(),
            *map(backfill.as_text, self.drains),
            *([silence.as_text(self.dead)] if self.dead else []),
            *(self.store.lines() if self.store else ()),
            self._ratio(),
        ]
        return "\n\n".join(parts)

    def _machine(self) -> str:
        before, after = self.before, self.after
        alone = all(mark.wall_ms < QUIET * mark.cpu_ms for mark in (before, after))
        quiet = alone and max(before.cpu_ms, after.cpu_ms) < QUIET * min(before.cpu_ms, after.cpu_ms)
        verdict = "the machine was quiet" if quiet else "OTHERS USED THE MACHINE: the figures are too high"
        return (
            f"Python {platform.python_version()}, {self.cpus} CPUs, store on {self.file_system}\n"
            f"calibration: {before.cpu_ms:.1f} ms CPU in {before.wall_ms:.1f} ms before (load {before.load_1min:.2f}),"
            f" {after.cpu_ms:.1f} in {after.wall_ms:.1f} after (load {after.load_1min:.2f}): {verdict}"
        )

    def _table(self) -> str:
        rough = self.rough
        header = ["", *(str(s.steady.load) for s in self.scenarios), "throw-away", "target"]
        beside = {
            "CPU per value, µs": (f"{rough.cpu_us_per_value:.1f}", "50"),
            "peak RSS, MB": (f"{rough.memory.peak / MB:.1f}", "60"),
            "  of it private (RssAnon), MB": (f"{rough.memory.own / MB:.1f}", ""),
            "first start: readings published, s": (f"{rough.published_s:.2f}", "0.8"),
            "period, standard deviation, ms": (f"{rough.period_deviation_ms:.2f}", "1.5"),
            "signed envelope, bytes per value": ("", "38"),
        }
        rows = [
            [name, *(cell(s) for s in self.scenarios), *beside.get(name, ("", ""))]
            for name, cell in ROWS.items()
        ]
        return _aligned([header, *rows])

    def _backlogs(self) -> list[str]:
        return [
            f"backlog, {s.steady.load}: {d.backlog} records after {d.outage_s:.1f} s without a broker, drained in"
            f" {d.drain_s:.1f} s; meanwhile {d.fresh} fresh records,"
            f" capture to stored at the centre p50/p99 {_span(d.fresh_ms)} ms"
            for s in self.scenarios
            if (d := s.drained) is not None
        ]

    def _ratio(self) -> str:
        ours, rough = self.scenarios[0].steady, self.rough
        cpu = ours.median(lambda w: w.cpu_us_per_value) / rough.cpu_us_per_value
        memory = ours.memory.peak / rough.memory.peak
        return f"{ours.load} against the throw-away agent in this run: CPU x {cpu:.2f}, memory x {memory:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def _span(span: Span) -> str:
    return f"{span[0]:.0f}/{span[1]:.0f}"


def _typical(starts: Sequence[Start], figure: Callable[[Start], float | None], digits: int) -> str:
    found = [value for start in starts if (value := figure(start)) is not None]
    return f"{statistics.median(found):.{digits}f}" if found else "-"


ROWS: dict[str, Cell] = {
    "CPU per value, µs": lambda s: f"{s.steady.median(lambda w: w.cpu_us_per_value):.1f}",
    "CPU per record, µs": lambda s: f"{s.steady.median(lambda w: w.cpu_us_per_record):.0f}",
    "peak RSS, MB": lambda s: f"{s.steady.memory.peak / MB:.1f}",
    "  of it private (RssAnon), MB": lambda s: f"{s.steady.memory.own / MB:.1f}",
    "first start: readings published, s": lambda s: _typical(s.fresh, lambda b: b.published_s, 2),
    "first start: readings receipted, s": lambda s: _typical(s.fresh, lambda b: b.receipted_s, 2),
    "next start: readings published, s": lambda s: _typical(s.again, lambda b: b.published_s, 2),
    "next start: readings receipted, s": lambda s: _typical(s.again, lambda b: b.receipted_s, 2),
    "period, standard deviation, ms": lambda s: f"{s.steady.median(lambda w: w.period_deviation_ms):.2f}",
    "signed envelope, bytes per value": lambda s: f"{s.steady.envelope_bytes:.1f}",
    "MQTT payload, bytes per value": lambda s: f"{s.steady.payload_bytes:.1f}",
    "MQTT packets, bytes per value": lambda s: f"{s.steady.packet_bytes:.1f}",
    "commits per record": lambda s: f"{s.steady.median(lambda w: w.commits_per_record):.2f}",
    "written to files, bytes per record": lambda s: (
        f"{s.steady.median(lambda w: w.file_bytes_per_record):.0f}"
    ),
    "written to disk, bytes per record": lambda s: (
        f"{s.steady.median(lambda w: w.disk_bytes_per_record):.0f}"
    ),
    "capture to stored, p50/p99, ms": lambda s: _span(s.steady.stored_ms),
    "arrival to receipt, p50/p99, ms": lambda s: _span(s.steady.receipt_ms),
    "head to receipt, ms": lambda s: _typical((*s.fresh, *s.again), lambda b: b.head_ms, 1),
}
"""What is shown of each load. Starts and windows: the median."""
