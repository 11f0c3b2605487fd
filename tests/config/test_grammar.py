"""A file that is not TOML."""

import tomllib

import pytest

from config.grammar import not_toml
from tests.config.stand_ins import TEXT, changed, said

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "\nid = ph\n",
            (
                '2: the value cannot be read (got id = ph), text stands in "straight quotes", '
                "a number has a point and no comma"
            ),
        ),
        (
            "scale = 0,1\n",
            (
                '1: the value goes on after its end (got scale = 0,1), text stands in "straight quotes", '
                "a number has a point and no comma"
            ),
        ),
        ('id = "ph\n', '1: a text has no end (got id = "ph), close it with "'),
        (
            'p = "C:\\dev"\n',
            "1: a backslash in a text (got p = \"C:\\dev\"), write it twice or put the text in 'single quotes'",
        ),
        ("a = 1\na = 2\n", "2: the key is there twice in this table (got a = 2), remove one"),
        (
            "[line]\n[line]\n",
            (
                "2: the table is there twice (got [line]), remove one; of [[line]], [[device]] and [[destination]] "
                "there can be several, in double brackets"
            ),
        ),
        (
            "station\n",
            "1: neither a [table] nor a setting (got station), write key = value, keys without accents",
        ),
        (
            "line = []\n[[line]]\n",
            "2: this is there on one line already (got [[line]]), write it in one of the two ways",
        ),
        ("[station\n", "1: the brackets of the table's name are not closed (got [station)"),
        (
            "trạm = 1\n",
            "1: neither a [table] nor a setting (got trạm = 1), write key = value, keys without accents",
        ),
        ('a = """x\n\n', '2: a text has no end, close it with """ (got to the end of the file)'),
        (
            "a = {b = 1,\nc = 2}\n",
            (
                "1: the name of a key is missing or cannot be read; an inline table {…} stands on one line "
                "(got a = {b = 1,)"
            ),
        ),
    ],
)
def test_what_is_not_toml_is_said_with_its_line_and_what_stands_there(text: str, sentence: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert str(not_toml("f", text, str(caught.value))) == f"f:{sentence}"


def test_it_is_the_one_problem_of_the_file() -> None:
    assert said(changed("every = ", "every ", TEXT)) == [
        'station.toml:21: neither a [table] nor a setting (got every "5s"), write key = value, keys without accents'
    ]


def test_a_finding_that_is_not_known_is_passed_on() -> None:
    assert str(not_toml("f", "x", "Something new (at line 1, column 1)")) == "f:1: Something new (got x)"
    assert str(not_toml("f", "x", "Something else")) == "f:1: Something else (got to the end of the file)"
