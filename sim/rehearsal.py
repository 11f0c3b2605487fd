"""The copy of a station file with which its twin is polled.

Simulated values must never look like measured ones: the copy has a key and a database of its own, and no
destination unless that is asked for. Everything else, comments too, stays as the technician wrote it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.position import Place, positions

NOTE = "# Rehearsal of {source}: every instrument is simulated. Not for the station.\n"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the copy says otherwise: `urls` by line id, the key's and the database's path, and how often is asked.

    `ca`: the certificate that the twin shows on lines with TLS. `every` None: as in the file.
    """

    urls: Mapping[str, str]
    key: str
    database: str
    ca: str = ""
    keeps_destinations: bool = False
    every: str | None = None


class CannotRewrite(ValueError):
    """The file is written in a way that this module does not follow; the message says what to write."""


def rewrite(text: str, source: str, rehearsal: Rehearsal) -> str:
    """The copy's text. `source` is the original's name, for the note on top. CannotRewrite."""
    tree = tomllib.loads(text)
    found = positions(text)
    lines = text.splitlines()
    for place, value in _changes(tree, rehearsal):
        _set(lines, found, place, value)
    if not rehearsal.keeps_destinations:
        _comment_out(lines, found, "destination")
    for place in _of_no_use(tree):
        _comment_out_key(lines, found, place)
    for place, value in _additions(tree, found, rehearsal):
        _add(lines, found, place, value)
    copy = NOTE.format(source=source) + "\n".join(lines) + "\n"
    _check(copy, tree, rehearsal)
    return copy


def is_rehearsal(text: str) -> bool:
    """Whether this module wrote it: such a file may be written again."""
    return text.startswith(NOTE.split("{", 1)[0])


def _changes(tree: Mapping[str, Any], rehearsal: Rehearsal) -> Iterator[tuple[Place, str]]:
    for number, line in enumerate(tree.get("line", ())):
        yield ("line", number, "url"), rehearsal.urls[line["id"]]
        if _has_tls(line) and "ca" in line:
            yield ("line", number, "ca"), rehearsal.ca
    if rehearsal.every is not None:
        for number, _ in enumerate(tree.get("device", ())):
            yield ("device", number, "every"), rehearsal.every
    for table, key, value in _own(rehearsal):
        if key in tree.get(table, {}):
            yield (table, key), value


def _has_tls(line: Mapping[str, Any]) -> bool:
    return str(line.get("url", "")).startswith("tls:")


def _of_no_use(tree: Mapping[str, Any]) -> Iterator[Place]:
    """The station's own certificates: the twin does not ask for them, and they may be on another machine."""
    for number, line in enumerate(tree.get("line", ())):
        for key in ("cert", "cert_key"):
            if key in line:
                yield "line", number, key


def _additions(
    tree: Mapping[str, Any], found: Mapping[Place, int], rehearsal: Rehearsal
) -> Iterator[tuple[Place, str]]:
    for number, line in enumerate(tree.get("line", ())):
        if _has_tls(line) and "ca" not in line:
            yield ("line", number, "ca"), rehearsal.ca
    for table, key, value in _own(rehearsal):
        if (table, key) not in found:
            yield (table, key), value


def _own(rehearsal: Rehearsal) -> tuple[tuple[str, str, str], ...]:
    return (("identity", "key", rehearsal.key), ("buffer", "path", rehearsal.database))


def _set(lines: list[str], found: Mapping[Place, int], place: Place, value: str) -> None:
    if place not in found:
        raise CannotRewrite(
            f"write {place[0]!r} as a table of its own, with {place[-1]!r} on a line of its own"
        )
    before = lines[found[place] - 1]
    indent = before[: len(before) - len(before.lstrip())]
    lines[found[place] - 1] = f'{indent}{place[-1]} = "{_escaped(value)}"'


def _add(lines: list[str], found: Mapping[Place, int], place: Place, value: str) -> None:
    *table, key = place
    added = f'{key} = "{_escaped(value)}"'
    if tuple(table) in found:
        # On the header's own line: all other lines keep their numbers.
        lines[found[tuple(table)] - 1] += f"\n{added}"
    else:
        lines += ["", f"[{table[0]}]", added]


def _comment_out_key(lines: list[str], found: Mapping[Place, int], place: Place) -> None:
    if place in found:
        lines[found[place] - 1] = f"# {lines[found[place] - 1]}"


def _comment_out(lines: list[str], found: Mapping[Place, int], table: str) -> None:
    others = sorted(line for place, line in found.items() if place[0] != table)
    for start in [line for place, line in found.items() if len(place) == 2 and place[0] == table]:
        end = next((line for line in others if line > start), len(lines) + 1)
        for number in range(start - 1, end - 1):
            if lines[number].strip() and not lines[number].lstrip().startswith("#"):
                lines[number] = f"# {lines[number]}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _check(copy: str, tree: dict[str, Any], rehearsal: Rehearsal) -> None:
    """The copy says what was meant and nothing else; a value over several lines could have broken it."""
    expected = dict(tree)
    if "line" in tree:
        expected["line"] = [_expected_line(line, rehearsal) for line in tree["line"]]
    if "device" in tree and rehearsal.every is not None:
        expected["device"] = [device | {"every": rehearsal.every} for device in tree["device"]]
    for table, key, value in _own(rehearsal):
        expected[table] = tree.get(table, {}) | {key: value}
    if not rehearsal.keeps_destinations:
        expected.pop("destination", None)
    try:
        right = tomllib.loads(copy) == expected
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        raise CannotRewrite(
            "write every url, key, period and path of a database on one line, in [table] form"
        )


def _expected_line(line: Mapping[str, Any], rehearsal: Rehearsal) -> dict[str, Any]:
    ca = {"ca": rehearsal.ca} if _has_tls(line) else {}
    kept = {key: value for key, value in line.items() if key not in {"cert", "cert_key"}}
    return kept | {"url": rehearsal.urls[line["id"]]} | ca
