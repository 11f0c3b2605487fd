"""How a mistake is said."""

from pathlib import Path

import pytest

from config.errors import Problem, StationFileError, did_you_mean, shown, suggestion

pytestmark = pytest.mark.pure


def test_a_problem_is_one_line_with_file_line_place_and_sentence() -> None:
    assert str(Problem("station.toml", 16, 'device "ph".port', "is too large")) == (
        'station.toml:16: device "ph".port: is too large'
    )


def test_what_concerns_the_whole_file_has_no_line_and_no_place() -> None:
    error = StationFileError.single(Path("station.toml"), "cannot be read")
    assert str(error) == "station.toml: cannot be read"


def test_problems_come_in_the_order_of_the_file() -> None:
    error = StationFileError(
        [Problem("f", 9, "", "b"), Problem("f", None, "", "whole"), Problem("f", 3, "", "a")]
    )
    assert str(error) == "f: whole\nf:3: a\nf:9: b"


def test_the_nearest_word_is_suggested_and_case_does_not_matter() -> None:
    assert suggestion("HOLDNG", ["holding", "input"]) == "holding"
    assert suggestion("xyz", ["holding", "input"]) is None
    assert suggestion("xyz", []) is None


def test_of_two_words_equally_near_the_first_is_suggested() -> None:
    assert suggestion("float", ["float32", "float64"]) == "float32"


def test_without_a_near_word_all_are_listed() -> None:
    assert did_you_mean("xyz", ["b", "a"], "lines") == "lines: a, b"
    assert did_you_mean("xyz", [], "lines") == "there are no lines"
    assert did_you_mean(5, ["b", "a"], "lines") == "lines: a, b"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        (True, "true"),
        (False, "false"),
        (1.5, "1.5"),
        ({}, "a table"),
        ([1, "x"], '[1, "x"]'),
        ("x" * 100, '"' + "x" * 59 + '…"'),
        (None, "None"),
    ],
)
def test_a_value_is_shown_as_it_was_written(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_password_in_a_url_is_never_shown() -> None:
    assert shown("mqtt://user:secret@host:1883") == '"mqtt://…@host:1883"'
    assert shown("someone@example.org") == '"someone@example.org"'
