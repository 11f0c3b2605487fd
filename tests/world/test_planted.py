"""Bugs that somebody has made before are found: each is planted, and a world breaks a promise."""

import pytest

from tests.world.planted import BUGS
from tests.world.run import run

FOUND_BY: dict[str, int] = {
    "receipt for the highest": 2,
    "deleted before its receipt": 16,
    "a PUBACK is a delivery": 7,
    "a late answer is used": 10,
    "no gap is recorded": 1,
    "signed anew after a failed commit": 30,
}
"""A seed whose world meets what the bug gets wrong."""


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a broken station leaves loose ends
@pytest.mark.parametrize("name", FOUND_BY)
def test_a_planted_bug_breaks_a_promise(name: str) -> None:
    seed = FOUND_BY[name]
    assert not run(seed).violations
    with BUGS[name].planted():
        assert run(seed).violations
