"""What is wrong with a station file, in one line per mistake.

StationFileError: the file cannot be used; `problems` holds every mistake, in the file's order.
"""

import re
from collections.abc import Collection, Iterable
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

MAX_SHOWN = 60
NEAR = 0.6
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Problem(NamedTuple):
    """One mistake or warning. `line` is 1-based, None when the whole file is meant; `where` may be empty."""

    file: str
    line: int | None
    where: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.where, self.message) if part)


class StationFileError(Exception):
    """The station file cannot be used. Its text is one line per problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: p.line or 0))
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def single(cls, file: Path, message: str, line: int | None = None) -> "StationFileError":
        """One mistake that stands for the whole file."""
        return cls([Problem(str(file), line, "", message)])


def suggestion(word: str, known: Collection[str]) -> str | None:
    """The known word that was probably meant, the first of equally near ones; None when nothing is near."""
    likeness = {name: SequenceMatcher(None, word.lower(), name.lower()).ratio() for name in known}
    nearest = max(likeness, key=lambda name: likeness[name], default=None)
    return nearest if nearest is not None and likeness[nearest] >= NEAR else None


def did_you_mean(word: object, known: Collection[str], kind: str) -> str:
    """What would be right: the nearest known word, or the list of them (`kind` names them, in the plural)."""
    near = suggestion(word, known) if isinstance(word, str) else None
    if near is not None:
        return f'did you mean "{near}"?'
    if not known:
        return f"there are no {kind}"
    return f"{kind}: " + ", ".join(sorted(known))


def shown(value: object) -> str:
    """A value as the technician wrote it, shortened, and without the password of a URL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{excerpt(value)}"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return excerpt("[" + ", ".join(shown(item) for item in value) + "]")
    return excerpt(str(value))


def shown_with_type(value: object) -> str:
    """The same, where the kind of value is what is wrong."""
    return f"the text {shown(value)}" if isinstance(value, str) else shown(value)


def excerpt(text: str) -> str:
    """Its beginning on one line, without the password of a URL."""
    text = one_line(_without_password(text))
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def one_line(text: str) -> str:
    """Line ends and other controls as TOML writes them: a mistake is one line."""
    return _CONTROL.sub(lambda control: control[0].encode("unicode_escape").decode(), text)


def _without_password(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    secret, at, host = rest.rpartition("@")
    return f"{scheme}{mark}…@{host}" if mark and at and secret else text
