"""On which line a key stands."""

import tomllib
from collections.abc import Iterator

import pytest

from config.position import Place, positions

pytestmark = pytest.mark.pure

NASTY = '''\
# [not] = a header
top = 1   # "quote in a comment

[station]
"quoted key" = 'a # b'
dotted.inside = 3

[[line]]
id = "a=b"
[[ line ]]
id = """
[[device]]
id = "no"
"""
[[device]]
id = '\\'
inline = { x = 1, y = [1, 2] }
[[device.channel]]   # [brackets]
id = "c0"
range = [
  0,   # ] not the end
  14,
]
[[device.channel]]
id = "c1"
[device.extra]
deep = "x"
[[device]]
id = "second"
channel = [
  { id = "c0", range = [1, 2] },

  { id = "c1" },
]
text = \'\'\'
]]"""
\'\'\'
[[device.sub.list]]
when = 2026-11-22T10:00:00Z
'''


def test_each_key_has_the_line_that_it_stands_on() -> None:
    lines = NASTY.splitlines()
    found = positions(NASTY)
    for place, key in _keys(tomllib.loads(NASTY)):
        if place in found:
            assert key in lines[found[place] - 1], place


def test_no_key_outside_inline_tables_is_forgotten() -> None:
    found = positions(NASTY)
    missing = {place for place, _ in _keys(tomllib.loads(NASTY)) if place not in found}
    assert missing == {
        ("device", 0, "inline", "x"),
        ("device", 0, "inline", "y"),
        ("device", 1, "channel", 0, "id"),
        ("device", 1, "channel", 0, "range"),
        ("device", 1, "channel", 1, "id"),
    }


def test_items_of_a_list_over_several_lines_have_their_own_lines() -> None:
    found = positions(NASTY)
    assert [found["device", 0, "channel", 0, "range", item] for item in (0, 1)] == [21, 22]
    assert [found["device", 1, "channel", item] for item in (0, 1)] == [31, 33]


def test_tables_of_a_list_are_counted() -> None:
    found = positions(NASTY)
    assert [found["line", 0], found["line", 1]] == [8, 10]
    assert [found["device", 0, "channel", 0], found["device", 0, "channel", 1]] == [18, 24]
    assert found["device", 1, "sub", "list", 0, "when"] == 39


def test_an_empty_file_has_no_places() -> None:
    assert positions("") == {}
    assert positions("# only a comment") == {}


def test_a_file_may_end_without_a_newline() -> None:
    assert positions("a = 1\nb = 2") == {("a",): 1, ("b",): 2}


def test_windows_line_ends_count_once() -> None:
    assert positions("a = 1\r\n\r\nb = 2\r\n") == {("a",): 1, ("b",): 3}


def _keys(tree: object, place: Place = ()) -> Iterator[tuple[Place, str]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield (*place, key), key
            yield from _keys(value, (*place, key))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from _keys(item, (*place, index))
