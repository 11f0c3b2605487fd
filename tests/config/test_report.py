"""Places in words."""

import pytest

from config.position import Place
from config.report import Report, at, words

pytestmark = pytest.mark.pure

TREE = {"device": [{"id": "ph", "channel": [{"id": "pH"}, {"id": ""}, 5]}], "list": [1, 2]}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (("device", 0, "channel", 0, "type"), 'device "ph".channel "pH".type'),
        (("device", 0, "channel", 1), 'device "ph".channel 2'),
        (("device", 0, "channel", 2, "x"), 'device "ph".channel 3.x'),
        (("device", 7, "x"), "device 8.x"),
        (("list", 1), "list item 2"),
        ((), ""),
        ((0,), ""),
    ],
)
def test_a_place_is_said_with_ids_and_counted_from_one(place: Place, said: str) -> None:
    assert words(TREE, place) == said


def test_nothing_stands_where_the_file_has_nothing() -> None:
    assert at(TREE, ("device", 0, "id", "x")) is None
    assert at(TREE, ("list", 2)) is None
    assert at(TREE, ("list", 1)) == 2


def test_a_key_without_a_line_has_the_line_of_the_table_around_it() -> None:
    report = Report("f", TREE, "\n\n[[device]]\nid = 'ph'\n")
    assert report.line_of(("device", 0, "channel", 0)) == 3
    assert report.line_of(("elsewhere",)) is None


def test_the_first_mistake_about_a_place_stands() -> None:
    report = Report("f", TREE, "")
    report.add(("list",), "", "first")
    report.add(("list",), "", "its echo")
    assert [problem.message for problem in report.problems] == ["first"]
