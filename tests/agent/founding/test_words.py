"""Two languages that ask the same."""

import re

import pytest

from agent.founding.words import ENGLISH, KINDS, LANGUAGES, VIETNAMESE, WORDS, Words, language_of

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("field", Words._fields)
def test_every_sentence_has_its_places_in_both_languages(field: str) -> None:
    places = [re.findall(r"\{\w+\}", str(getattr(words, field))) for words in (ENGLISH, VIETNAMESE)]
    assert sorted(places[0]) == sorted(places[1])
    assert getattr(ENGLISH, field) != getattr(VIETNAMESE, field)


def test_every_kind_of_station_has_a_word_in_every_language() -> None:
    assert set(WORDS) == set(LANGUAGES)
    assert {len(words.kinds) for words in WORDS.values()} == {len(KINDS)}


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "vi_VN"}, "vi"),
        ({"LANG": "vi_VN", "LC_ALL": ""}, "vi"),
    ],
)
def test_the_language_is_that_of_the_environment(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language
