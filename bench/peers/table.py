"""The comparison as a table for people, and its place in the documentation."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.calibration import Calibration
from bench.peers.outage import Length, Loss
from bench.peers.steady import Steady

MB = 1_000_000
QUIET = 1.15
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"


@dataclass(frozen=True, slots=True)
class Result:
    """Of one gateway. `missing`: why it has no figures; then all of them are None."""

    name: str
    version: str
    storage: str
    missing: str | None = None
    steady: Steady | None = None
    stopped: Loss | None = None
    killed: Loss | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run of all of them. `day` as in 2026-11-26."""

    day: str
    load: str
    before: Calibration
    after: Calibration
    broker: str
    length: Length
    results: Sequence[Result]

    def as_text(self) -> str:
        """Markdown: the machine, the table, what was set."""
        return "\n".join([self._machine(), "", *_aligned(self._rows()), "", *self._notes()])

    def _machine(self) -> str:
        marks = (self.before, self.after)
        alone = all(mark.wall_ms < QUIET * mark.cpu_ms for mark in marks)
        even = max(m.cpu_ms for m in marks) < QUIET * min(m.cpu_ms for m in marks)
        quiet = "the machine was quiet" if alone and even else "others used the machine: times are too high"
        return (
            f"{self.day}, {self.load} values of float32 every second over Modbus TCP; {os.cpu_count()} CPUs"
            f" ({_processor()}), Python {platform.python_version()}, broker {self.broker}."
            f" Calibration {self.before.cpu_ms:.1f} ms CPU in {self.before.wall_ms:.1f} ms before"
            f" (load {self.before.load_1min:.2f}), {self.after.cpu_ms:.1f} in {self.after.wall_ms:.1f} after"
            f" (load {self.after.load_1min:.2f}): {quiet}."
        )

    def _rows(self) -> list[list[str]]:
        header = ["", *(f"{result.name} {result.version}".strip() for result in self.results)]
        return [header, *([name, *map(cell, self.results)] for name, cell in self._cells().items())]

    def _cells(self) -> Mapping[str, Callable[[Result], str]]:
        stop = f"broker stopped {self.length.outage_s:g} s"
        times = "once" if self.length.kills == 1 else f"{self.length.kills} times"
        kill = f"{stop}, kill -9 {times} in it"
        return {
            "CPU per value, µs": _steady(lambda s: f"{s.costs.cpu_us_per_value:.0f}"),
            "memory, peak RSS, MB": _steady(lambda s: f"{s.costs.memory.peak / MB:.0f}"),
            "memory, steady RSS, MB": _steady(lambda s: f"{s.costs.memory.now / MB:.0f}"),
            "start to the first value at the broker, s": _steady(lambda s: f"{s.costs.started_s:.2f}"),
            "reads made of those due, %": _steady(lambda s: f"{100 * s.read_share:.1f}"),
            "period as read, standard deviation, ms": _steady(lambda s: f"{s.read_period_ms:.1f}"),
            "period as stamped, ms": _steady(lambda s: f"{s.stamped_period_ms:.1f}"),
            "period as arrived, ms": _steady(lambda s: f"{s.arrived_period_ms:.1f}"),
            "MQTT payload, bytes per value": _steady(lambda s: f"{s.payload_bytes:.1f}"),
            "MQTT packets, bytes per value": _steady(lambda s: f"{s.packet_bytes:.1f}"),
            f"{stop}: values lost": _loss(lambda r: r.stopped, _lost),
            "  of values read (due)": _loss(lambda r: r.stopped, _read),
            "  first fresh value after it, s": _loss(lambda r: r.stopped, lambda x: _s(x.fresh_s)),
            "  backlog in after, s": _loss(lambda r: r.stopped, lambda x: _s(x.backlog_s)),
            f"{kill}: values lost": _loss(lambda r: r.killed, _lost),
            "  of values read (due), killed": _loss(lambda r: r.killed, _read),
            "  first fresh value after it, s, killed": _loss(lambda r: r.killed, lambda x: _s(x.fresh_s)),
            "  backlog in after, s, killed": _loss(lambda r: r.killed, lambda x: _s(x.backlog_s)),
        }

    def _notes(self) -> list[str]:
        missing = [f"- **{r.name}** did not run: {r.missing}." for r in self.results if r.missing]
        return ["What was set:", "", *(f"- **{r.name}**: {r.storage}." for r in self.results), *missing]


def write(comparison: Comparison, page: Path) -> None:
    """Put the text between the page's two marks. ValueError: it has none."""
    text = page.read_text()
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for the comparison: {BEGIN} ... {END}")
    page.write_text(f"{head}{BEGIN}\n{comparison.as_text()}\n{END}{tail}")


def _steady(figure: Callable[[Steady], str]) -> Callable[[Result], str]:
    return lambda result: "-" if result.steady is None else figure(result.steady)


def _loss(which: Callable[[Result], Loss | None], figure: Callable[[Loss], str]) -> Callable[[Result], str]:
    def cell(result: Result) -> str:
        loss = which(result)
        return "-" if loss is None else figure(loss)

    return cell


def _lost(loss: Loss) -> str:
    return f"**{loss.lost:,}**" + (" (it ended)" if loss.ended else "")


def _read(loss: Loss) -> str:
    return f"{loss.read:,} ({loss.due:,})"


def _s(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(
            [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        )
        + " |"
        for row in rows
    ]
    ruler = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (w + 1) + ":" for w in widths[1:])]) + "|"
    return [lines[0], ruler, *lines[1:]]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
