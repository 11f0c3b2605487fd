"""On which line of a TOML file each table, key and list item stands. For text that tomllib has accepted."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

Place = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_.-]+")
_OPENING = frozenset("[{")
_CLOSING = frozenset("]}")

_WORD = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|\n|[\[\]{},=]|[^\s"'#\[\]{},=]+|[^\S\n]+''',
    re.DOTALL,
)


class _Word(NamedTuple):
    line: int
    text: str

    @property
    def deeper(self) -> int:
        """+1 for an opening bracket, -1 for a closing one."""
        return (self.text in _OPENING) - (self.text in _CLOSING)


def positions(text: str) -> dict[Place, int]:
    """Line (1-based) of every table, key and item: ("device", 0, "channel", 2, "type") -> 31.

    Keys of an inline table get no entry of their own: their nearest parent's line is theirs.
    """
    found: dict[Place, int] = {}
    sizes: dict[Place, int] = {}
    table: Place = ()
    for words in _statements(text):
        if words[0].text == "[":
            place = table = _table(words, sizes)
        else:
            equals = next(i for i, word in enumerate(words) if word.text == "=")
            place = table + _names("".join(word.text for word in words[:equals]))
            found.update(_items(place, words[equals + 1 :]))
        for end in range(1, len(place) + 1):
            found.setdefault(place[:end], words[0].line)
    return found


def _statements(text: str) -> Iterator[list[_Word]]:
    """The words of each [header] and each key = value, without blanks and comments."""
    line, depth = 1, 0
    statement: list[_Word] = []
    for match in _WORD.finditer(text):
        word = _Word(line, match[0])
        depth += word.deeper
        if word.text == "\n" and depth == 0 and statement:
            yield statement
            statement = []
        elif not word.text.isspace() and not word.text.startswith("#"):
            statement.append(word)
        line += word.text.count("\n")
    if statement:
        yield statement


def _table(words: list[_Word], sizes: dict[Place, int]) -> Place:
    """The place that a header opens; a [[header]] opens the next item of its list."""
    is_list = words[1].text == "["
    place: Place = ()
    names = _names("".join(word.text for word in words if word.deeper == 0))
    for depth, name in enumerate(names, start=1):
        place += (name,)
        if is_list and depth == len(names):
            sizes[place] = sizes.get(place, 0) + 1
        if place in sizes:
            place += (sizes[place] - 1,)
    return place


def _names(dotted: str) -> Place:
    """The parts of a key as tomllib reads them: a."b.c" is two."""
    if _BARE.fullmatch(dotted):
        return tuple(dotted.split("."))
    names: Place = ()
    tree: object = tomllib.loads(f"{dotted} = 0")
    while isinstance(tree, Mapping):
        name, tree = next(iter(tree.items()))
        names += (name,)
    return names


def _items(key: Place, value: list[_Word]) -> Iterator[tuple[Place, int]]:
    """The first line of each item of a list, one level deep."""
    if value[0].text != "[":
        return
    depth, index, fresh = 0, 0, True
    for word in value:
        if depth == 1 and word.text == ",":
            index, fresh = index + 1, True
        elif depth == 1 and fresh and word.text != "]":
            yield (*key, index), word.line
            fresh = False
        depth += word.deeper
