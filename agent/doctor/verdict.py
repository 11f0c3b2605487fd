"""What a check has to say: a mark, what was seen, what to do. Words are in `sentences`, by code. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Mark(StrEnum):
    """How it stands. WARNING: it works, and somebody should know. SKIPPED: it could not be looked at, or need not."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code` names the sentence of what was seen and what to do; `values` fill its places."""

    mark: Mark
    code: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the examination. `subject`: what was looked at; `name`: which one, "" when there is only one."""

    subject: str
    name: str
    verdict: Verdict


def ok(code: str, **values: object) -> Verdict:
    """In order."""
    return Verdict(Mark.OK, code, values)


def warning(code: str, **values: object) -> Verdict:
    """It works today."""
    return Verdict(Mark.WARNING, code, values)


def wrong(code: str, **values: object) -> Verdict:
    """It does not work, or will not for long."""
    return Verdict(Mark.WRONG, code, values)


def skipped(code: str, **values: object) -> Verdict:
    """Not looked at."""
    return Verdict(Mark.SKIPPED, code, values)


def lines(subject: str, name: str, verdicts: Iterable[Verdict]) -> list[Line]:
    """Each verdict as a line about the same thing."""
    return [Line(subject, name, verdict) for verdict in verdicts]


def exit_code(said: Iterable[Line]) -> int:
    """1 when something is wrong. Warnings do not count: a timer that calls this must not cry every night."""
    return int(any(line.verdict.mark is Mark.WRONG for line in said))


def counts(said: Iterable[Line]) -> dict[Mark, int]:
    """How many lines have each mark."""
    found = Counter(line.verdict.mark for line in said)
    return {mark: found[mark] for mark in Mark}


def span(seconds: float) -> str:
    """A length of time that reads the same in every language: 45 s, 12 min, 3.5 h, 2.1 d."""
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.3g} {unit}"
    return f"{seconds:.0f} s"
