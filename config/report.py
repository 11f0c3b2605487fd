"""Collects what is wrong with one station file, each mistake with its line and in the technician's words."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from config.errors import Problem, one_line
from config.position import Place, positions

LISTS = frozenset({"line", "device", "destination", "channel", "status_from"})
"""Lists of tables whose items are named by their id."""
MISSING = "is missing"
"""How the message about a missing key begins."""


class Report:
    """The mistakes and warnings of one file. `tree` is what TOML makes of its `text`."""

    def __init__(self, file: str, tree: Mapping[str, object], text: str) -> None:
        self.file = file
        self.tree = tree
        self.warnings: list[Problem] = []
        self._text = text
        self._said: dict[tuple[Place, str], Problem] = {}
        self._excused: set[Place] = set()

    @property
    def problems(self) -> list[Problem]:
        """The mistakes so far."""
        return [
            problem
            for (place, _), problem in self._said.items()
            if place not in self._excused or not problem.message.startswith(MISSING)
        ]

    def add(self, place: Place, inside: str, message: str) -> None:
        """A mistake; `inside` a profile, in words, or "". The first one about a place stands, later ones echo it."""
        said = f"{inside}: {message}" if inside else message
        self._said.setdefault((place, inside), self._problem(place, said))

    def excuse(self, place: Place) -> None:
        """What is missing there is there under a wrong name, and that is said already."""
        self._excused.add(place)

    def warn(self, place: Place, message: str) -> None:
        """Something that someone should know, and that keeps nothing from running."""
        self.warnings.append(self._problem(place, message))

    def line_of(self, place: Place) -> int | None:
        """The line of this place or of the nearest table around it; None when no such table is there."""
        for end in range(len(place), 0, -1):
            if place[:end] in self._lines:
                return self._lines[place[:end]]
        return None

    @cached_property
    def _lines(self) -> Mapping[Place, int]:
        """Looked for when there is something to say: it takes as long as all the rest."""
        return positions(self._text)

    def _problem(self, place: Place, message: str) -> Problem:
        return Problem(self.file, self.line_of(place), one_line(words(self.tree, place)), one_line(message))


def words(tree: object, place: Place) -> str:
    """A place in words: ("device", 0, "channel", 1, "type") is `device "ph".channel "pH".type`."""
    said: list[str] = []
    for part in place:
        tree = at(tree, (part,))
        if isinstance(part, str):
            said.append(part)
        elif said and said[-1] in LISTS:
            said[-1] = f"{said[-1]} {_name(tree, part)}"
        elif said:
            said[-1] = f"{said[-1]} item {part + 1}"
    return ".".join(said)


def _name(table: object, index: int) -> str:
    named = table.get("id") if isinstance(table, Mapping) else None
    return f'"{named}"' if isinstance(named, str) and named else str(index + 1)


def at(tree: object, place: Place) -> object:
    """What stands there; None when nothing does."""
    for part in place:
        if isinstance(part, str) and isinstance(tree, Mapping):
            tree = tree.get(part)
        elif isinstance(part, int) and isinstance(tree, Sequence) and not isinstance(tree, str):
            tree = tree[part] if part < len(tree) else None
        else:
            return None
    return tree
