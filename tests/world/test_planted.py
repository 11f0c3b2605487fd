"""A world that finds none of these bugs proves nothing: each is planted, seen, and taken out."""

import pytest

from tests.world.planted import BUGS
from tests.world.run import run

SEEDS = {
    "seq after the newest row": (3, "OutOfSequence"),
    "receipt for the highest": (8, "deleted: "),
    "deleted before its receipt": (8, "deleted: "),
    "signed anew after a failed commit": (3, "is written, with other bytes"),
    "a PUBACK is a delivery": (8, "durable and lost: "),
    "a late answer is used": (16, "was late"),
    "no gap is recorded": (1, "and no gap says so"),
}
"""By bug, a seed that shows it in a world of LONG records, and what it shows."""

LONG = 220


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_breaks_a_promise(name: str) -> None:
    seed, promise = SEEDS[name]
    with BUGS[name].planted():
        found = run(seed, most_records=LONG).violations
    assert any(promise in violation for violation in found), found


@pytest.mark.parametrize("seed", sorted({seed for seed, _ in SEEDS.values()}))
def test_without_it_the_same_seed_keeps_them_all(seed: int) -> None:
    assert run(seed, most_records=LONG).violations == ()
