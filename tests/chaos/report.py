"""The rows, as each fault ends, and the closing table."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from agent.rehearsal import RehearsalError
from tests.chaos.fault import Fault, Outcome, missing

Say = Callable[[str], None]


class Row(NamedTuple):
    """One fault: its outcome, or why there is none. `violated`: what does not hold; "" when all does."""

    fault: Fault
    outcome: Outcome | None
    took_s: float
    skipped: str = ""
    violated: str = ""

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing doubled, every invariant holds; what could not be tried is not bad."""
        outcome = self.outcome
        return not self.violated and (outcome is None or outcome.lost == outcome.doubled == 0)

    def line(self) -> str:
        """For the terminal, as it ends."""
        if self.skipped:
            return f"-     {self.fault.name}: {self.skipped}"
        words = self.violated or (_words(self.outcome) if self.outcome else "")
        return f"{'ok' if self.is_good else 'BAD':<5} {self.fault.name} ({self.took_s:.0f} s): {words}"


def rehearse(fault: Fault, folder: Path, seed: int) -> Row:
    """Inject it in a folder of its own, unless something that it needs is missing."""
    lacking = missing(fault.needs)
    if lacking:
        return Row(fault, None, 0.0, skipped=lacking)
    folder.mkdir(parents=True)
    began_s = time.monotonic()
    try:
        outcome = fault.inject(folder, Random(f"{seed} {fault.name}"))
    except (AssertionError, RehearsalError) as error:
        return Row(
            fault, None, time.monotonic() - began_s, violated=f"{str(error) or repr(error)}; see {folder}"
        )
    return Row(fault, outcome, time.monotonic() - began_s)


def table(rows: Sequence[Row]) -> str:
    """All of them, as a table that a page can take over."""
    head = ("fault", "injected", "records", "lost", "doubled", "recovery s", "remark")
    lines = [head, tuple("-" * len(word) for word in head), *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    outcome = row.outcome
    if outcome is None:
        return (
            row.fault.name,
            "",
            "",
            "",
            "",
            "",
            f"not tried: {row.skipped}" if row.skipped else row.violated,
        )
    recovery = "" if outcome.recovery_s is None else f"{outcome.recovery_s:.1f}"
    numbers = (outcome.records, outcome.lost, outcome.doubled)
    return (row.fault.name, outcome.injected, *map(str, numbers), recovery, outcome.note)


def _words(outcome: Outcome) -> str:
    recovery = "" if outcome.recovery_s is None else f", recovery {outcome.recovery_s:.1f} s"
    counts = f"{outcome.records} records, lost {outcome.lost}, doubled {outcome.doubled}"
    return f"{outcome.injected}: {counts}{recovery}{f'; {outcome.note}' if outcome.note else ''}"
