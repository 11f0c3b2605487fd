r"""Regular expressions that a technician writes for the lines of an instrument, and that no line can make hang.

Python's `re` tries every way in which a pattern could fit. Ten numbers written `\d+\.?\d*`, with commas between, can
be split in 6^10 ways when each has six digits and the line's end is damaged: no quantifier is nested, the line has 70
characters, and yet the agent stands still for five seconds (measured; each more number makes it six times as long).
Neither a short line nor a rule against nested quantifiers prevents it. Therefore a pattern is a small part of the
language, whose cost can be told before it is used:

- characters, classes like [A-F], escapes like \d, the dot; groups, (?P<name>...), alternatives with |
- * + ? {2,5}, also *? and +?, behind one character or class; behind a group only ?
- {name} in place of a group: a number like -7, 7.85, .5 or 1.2E-03

Where the next character decides whether a repetition goes on, it costs nothing: \d+(?:\.\d+)? before a comma. Where
it does not, as in .*7 or \d+\d*, every length is tried: the cost is multiplied by the line's length, and what may
cost more than MAX_STEPS is refused. The whole line has to fit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Final, NamedTuple

MAX_STEPS: Final = 20_000_000
"""Characters looked at in the worst line: a fifth of a second. Two open choices in 256 characters are allowed."""
MAX_PATTERN_CHARACTERS: Final = 1_000
ALPHABET: Final = (*map(chr, range(0x20, 0x7F)), "\t")
_END: Final = frozenset({""})
_SHORTHAND: Final = re.compile(r"(?<!\\)\{([A-Za-z_]\w*)\}", re.ASCII)
_ATOM: Final = re.compile(
    r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\x[\da-fA-F]{2}|\\.|[^()|*+?{}\[\]^$\\]|\{(?!\d*,?\d*\})|\}"
)
_OPEN: Final = re.compile(r"\((?:\?:|\?P<(\w+)>|(?!\?))", re.ASCII)
_QUANTIFIER: Final = re.compile(r"(?:([*+?])|\{(?!\})(\d*)(?:(,)(\d*))?\})\??", re.ASCII)
_BOUNDS: Final[dict[str, tuple[int, int | None]]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class Characters(NamedTuple):
    """One character of these."""

    allowed: frozenset[str]


class Series(NamedTuple):
    """One behind the other."""

    parts: tuple["Node", ...]


class Choice(NamedTuple):
    """One of these."""

    alternatives: tuple["Node", ...]


class Repeat(NamedTuple):
    """`least` to `most` times; None: without end."""

    what: "Node"
    least: int
    most: int | None


class Group(NamedTuple):
    """Its name, None where it has none."""

    name: str | None
    what: "Node"


Node = Characters | Series | Choice | Repeat | Group


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was found harmless. `names` are its groups, in the order of the pattern."""

    expression: re.Pattern[str]
    tree: Node
    names: tuple[str, ...]

    def read(self, line: str) -> dict[str, str | None] | None:
        """What each named group found; None inside: a group that was left out. None: the line does not fit."""
        match = self.expression.fullmatch(line)
        return None if match is None else match.groupdict()

    def write(self, words: Mapping[str, str | None]) -> str:
        """The shortest line with these words in its groups; it fits only if each word fits its group."""
        return _written(self.tree, words)


def compiled(pattern: str, *, longest: int, decimal_comma: bool = False) -> Pattern:
    """The pattern for lines of up to `longest` characters. ValueError: what is wrong with it, for the technician."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise ValueError(f"the pattern is longer than {MAX_PATTERN_CHARACTERS} characters")
    point = "," if decimal_comma else r"\."
    full = _SHORTHAND.sub(lambda name: _number_group(name[1], point), pattern)
    try:
        expression = re.compile(full, re.ASCII)
    except (re.error, OverflowError) as error:
        raise ValueError(f"the pattern is no regular expression: {error}") from error
    tree = _Parser(full, longest).tree()
    steps = longest * _ways(tree, _END, longest)
    if steps > MAX_STEPS:
        raise ValueError(
            f"the pattern could try {steps:.0e} ways to fit one line: let the next character decide where a "
            r"repetition ends, [^,]*, instead of .*, and write {name} or \d+(?:\.\d+)? for a number"
        )
    return Pattern(
        expression, tree, tuple(sorted(expression.groupindex, key=expression.groupindex.__getitem__))
    )


def _number_group(name: str, point: str) -> str:
    return rf"(?P<{name}>[+-]?(?:\d+(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?)"


class _Parser:
    """Reads a pattern that `re` accepts; ValueError for what is not in our part of the language."""

    def __init__(self, pattern: str, longest: int) -> None:
        self._pattern = pattern
        self._longest = longest
        self._at = 0

    def tree(self) -> Node:
        tree = self._choice()
        assert self._at == len(self._pattern), "re accepted what cannot be read to its end"
        return tree

    def _take(self, what: re.Pattern[str]) -> re.Match[str] | None:
        match = what.match(self._pattern, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def _refused(self) -> ValueError:
        rest = self._pattern[self._at : self._at + 10]
        hint = "; the whole line has to fit, ^ and $ are not needed" if rest[:1] in "^$" else ""
        return ValueError(
            f"{rest!r} in the pattern is not in the part of the language that is spoken here{hint}"
        )

    def _choice(self) -> Node:
        alternatives = [self._series()]
        while self._pattern.startswith("|", self._at):
            self._at += 1
            alternatives.append(self._series())
        return Choice(tuple(alternatives)) if len(alternatives) > 1 else alternatives[0]

    def _series(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            parts.append(self._repeated(self._item()))
        return Series(tuple(parts))

    def _item(self) -> Node:
        opened = self._take(_OPEN)
        if opened is not None:
            inside = self._choice()
            self._at += 1
            return Group(opened[1], inside)
        start = self._at
        atom = self._take(_ATOM)
        allowed = frozenset() if atom is None else _allowed(atom[0])
        if not allowed:
            self._at = start
            raise self._refused()
        return Characters(allowed)

    def _repeated(self, item: Node) -> Node:
        quantifier = self._take(_QUANTIFIER)
        if quantifier is None:
            return item
        sign, least, comma, most = quantifier.groups()
        low, high = _BOUNDS.get(sign) or (
            int(least or 0),
            (int(most) if most else None) if comma else int(least or 0),
        )
        if not isinstance(item, Characters) and (low, high) != (0, 1):
            raise ValueError(f"a group may be left out with ?, not repeated with {quantifier[0]}")
        if max(low, high or 0) > self._longest:
            raise ValueError(f"{quantifier[0]} is longer than a line of {self._longest} characters")
        return Repeat(item, low, high)


def _allowed(atom: str) -> frozenset[str]:
    r"""The characters that an atom stands for; none for \b, \A and references to groups."""
    try:
        one = re.compile(atom, re.ASCII)
    except re.error:
        return frozenset()
    return frozenset(character for character in ALPHABET if one.fullmatch(character))


def _first(node: Node) -> frozenset[str]:
    """The characters with which it can begin; the empty one when it can be nothing."""
    match node:
        case Characters(allowed):
            return allowed
        case Group(_, what):
            return _first(what)
        case Repeat(what, least, _):
            return _first(what) | (frozenset() if least else _END)
        case Choice(alternatives):
            return frozenset().union(*map(_first, alternatives))
        case Series(parts):
            return _before(parts, _END)


def _before(parts: tuple[Node, ...], behind: frozenset[str]) -> frozenset[str]:
    """The characters with which these parts can begin, with `behind` what can follow them."""
    for part in reversed(parts):
        first = _first(part)
        behind = (first - _END) | behind if "" in first else first
    return behind


def _ways(node: Node, behind: frozenset[str], longest: int) -> int:
    """How many ways through it `re` may have to try, `behind` being the characters that can follow.

    A way that dies at its next character is not counted: it costs one look, and that is in the line's length.
    """
    match node:
        case Characters():
            return 1
        case Group(_, what):
            return _ways(what, behind, longest)
        case Series(parts):
            followers = (_before(parts[place + 1 :], behind) for place in range(len(parts)))
            return prod(_ways(part, after, longest) for part, after in zip(parts, followers, strict=True))
        case Choice(alternatives):
            starts = [_before((alternative,), behind) for alternative in alternatives]
            ways = [_ways(alternative, behind, longest) for alternative in alternatives]
            return sum(ways) if any(a & b for a, b in combinations(starts, 2)) else max(ways)
        case Repeat(what, least, most):
            lengths = (longest if most is None else most) - least + 1
            open_ = bool(_first(what) & (behind | _END))
            return _ways(what, behind, longest) * (lengths if open_ else 1)


def _written(node: Node, words: Mapping[str, str | None]) -> str:
    match node:
        case Characters(allowed):
            return " " if " " in allowed else min(allowed)
        case Group(name, what):
            word = None if name is None else words.get(name)
            return _written(what, words) if word is None else word
        case Series(parts):
            return "".join(_written(part, words) for part in parts)
        case Choice(alternatives):
            told = [alternative for alternative in alternatives if _tells(alternative, words)]
            return _written((told or alternatives)[0], words)
        case Repeat(what, least, _):
            return _written(what, words) * max(least, _tells(what, words))


def _tells(node: Node, words: Mapping[str, str | None]) -> bool:
    """Whether one of the words is in it."""
    match node:
        case Characters():
            return False
        case Group(name, what):
            return (name is not None and words.get(name) is not None) or _tells(what, words)
        case Series(parts) | Choice(parts):
            return any(_tells(part, words) for part in parts)
        case Repeat(what, _, _):
            return _tells(what, words)
