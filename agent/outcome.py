"""What a rehearsal showed: one row for each station, what is not as promised, and the table. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Outcome(NamedTuple):
    """One station. `served`, `late` and `unsigned` count answers of instruments, the others records.

    `unsigned` answers are served and in no record; `unsigned_explained` whether a boot record explains all of them.
    `forged_rejected` and `replay_ignored`: None where nobody tried.
    """

    station: str
    served: int
    late: int
    late_expected: bool
    unsigned: int
    unsigned_explained: bool
    signed: int
    received: int
    verified: int
    doubled: int
    forged_rejected: int | None
    replay_ignored: int | None
    wrong: tuple[str, ...]
    proven: bool

    @property
    def lost(self) -> int:
        """Records that were signed and are not verified at the centre."""
        return self.signed - self.verified

    def failures(self) -> Iterator[str]:
        """What is not as promised; nothing when all is."""
        if not self.served or (self.late_expected and not self.late):
            yield "what was to happen did not happen"
        if self.lost:
            yield f"{self.lost} signed records are not verified at the centre"
        if not self.unsigned_explained:
            yield f"{self.unsigned} answers were served and never signed, and no boot record explains that"
        if self.doubled:
            yield f"{self.doubled} answers are in two records"
        if self.forged_rejected not in {None, 1}:
            yield f"one forged record was slipped in, {self.forged_rejected} were rejected"
        if self.replay_ignored == 0:
            yield "a record was replayed, and nobody noticed"
        if not self.proven:
            yield "the ledger at the centre is not proven from its envelopes"
        yield from self.wrong[:5]


_COLUMNS = (
    ("station", "station"),
    ("served", "served"),
    ("signed", "signed"),
    ("received", "received"),
    ("verified", "verified"),
    ("lost", "lost"),
    ("unsigned at the kill", "unsigned"),
    ("late answers refused", "late"),
    ("doubled", "doubled"),
    ("forged rejected", "forged_rejected"),
    ("replay ignored", "replay_ignored"),
    ("wrong values", "wrong"),
)

LEGEND = """
served: answers of instruments, one or more for each record but those of the gateway itself.
signed: records in the station's own ledger.
received: envelopes that came to the centre, repeats and forgeries counted. verified: records that it proved and keeps.
unsigned at the kill: served in the moment of the kill and in no record; the boot record speaks of the unclean stop."""


def table(outcomes: Sequence[Outcome]) -> str:
    """For people: one row a station, the numbers under their names."""
    head = [name for name, _ in _COLUMNS]
    rows = [[_cell(getattr(outcome, attribute)) for _, attribute in _COLUMNS] for outcome in outcomes]
    words = [name.split(" ") for name in head]
    tall = max(len(parts) for parts in words)
    lines = [[*[""] * (tall - len(parts)), *parts] for parts in words]
    widths = [
        max(len(cell) for cell in [*column, *(row[place] for row in rows)])
        for place, column in enumerate(lines)
    ]
    heads = [[column[line] for column in lines] for line in range(tall)]
    rule = ["─" * width for width in widths]
    return "\n".join([*(_line(cells, widths) for cells in [*heads, rule, *rows]), LEGEND])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return str(len(value)) if isinstance(value, tuple) else str(value)
