"""The words of every verdict, in the technician's language: one table, `sentences.toml`."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from textwrap import wrap
from typing import Final, Literal

from agent.doctor.verdict import Line, Mark, counts

TABLE: Final = Path(__file__).with_name("sentences.toml")
NARROWEST: Final = 40
"""Columns for the words: on a narrower screen the terminal breaks them itself."""
Language = Literal["en", "vi"]
Table = Mapping[str, Mapping[str, str]]


@cache
def table() -> Table:
    """Code to sentence; read once."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def said(code: str, language: Language, values: Mapping[str, object] | None = None) -> str:
    """What was seen."""
    return table()[code][language].format(**values or {})


def to_do(code: str, language: Language, values: Mapping[str, object]) -> str:
    """What to do about it; empty when there is nothing to do."""
    return table()[code].get(f"do_{language}", "").format(**values)


def as_text(lines: Iterable[Line], language: Language, *, width: int = 0) -> str:
    """For eyes: mark, subject, what was seen, and below it what to do. `width`: of the screen; 0: lines stay whole."""
    rows = [(_mark(line, language), _subject(line, language), line) for line in lines]
    marks = max((len(mark) for mark, _, _ in rows), default=0)
    subjects = max((len(subject) for _, subject, _ in rows), default=0)
    told: list[str] = []
    for mark, subject, line in rows:
        verdict = line.verdict
        seen, do = (words(verdict.code, language, verdict.values) for words in (said, to_do))
        head = f"{mark:<{marks}}  {subject:<{subjects}}  "
        told += _wrapped(head, seen, width)
        told += _wrapped(" " * len(head) + "→ ", do, width) if do else []
    found = {mark.value: count for mark, count in counts([line for _, _, line in rows]).items()}
    return "\n".join([*told, "", said("frame-counts", language, found)])


def as_table(lines: Iterable[Line], language: Language) -> list[dict[str, object]]:
    """For programs. `code` and `values` are the same in every language."""
    return [
        {
            "subject": line.subject,
            "name": line.name,
            "mark": line.verdict.mark.value,
            "code": line.verdict.code,
            "said": said(line.verdict.code, language, line.verdict.values),
            "do": to_do(line.verdict.code, language, line.verdict.values),
            "values": {name: str(value) for name, value in line.verdict.values.items()},
        }
        for line in lines
    ]


def _wrapped(head: str, text: str, width: int) -> list[str]:
    """What can be copied, such as a path, stays in one piece."""
    room = max(width - len(head), NARROWEST) if width else len(text) + 1
    pieces = wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    return [head + pieces[0], *(" " * len(head) + piece for piece in pieces[1:])]


def _mark(line: Line, language: Language) -> str:
    return said(f"mark-{Mark(line.verdict.mark).value}", language)


def _subject(line: Line, language: Language) -> str:
    subject = said(f"subject-{line.subject}", language)
    return f"{subject} ({line.name})" if line.name else subject
