"""The demo's table must be able to say no."""

import pytest

from agent.outcome import Outcome, table

pytestmark = pytest.mark.pure

GOOD = Outcome(
    station="BD_1",
    served=400,
    late=1,
    late_expected=True,
    unsigned=1,
    unsigned_explained=True,
    signed=380,
    received=390,
    verified=380,
    doubled=0,
    forged_rejected=1,
    replay_ignored=3,
    wrong=(),
    proven=True,
)


def test_a_run_in_which_all_is_as_promised_has_no_failures() -> None:
    assert list(GOOD.failures()) == []
    assert (
        list(GOOD._replace(forged_rejected=None, replay_ignored=None, late=0, late_expected=False).failures())
        == []
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"served": 0}, "did not happen"),
        ({"late": 0}, "did not happen"),
        ({"verified": 379}, "1 signed records are not verified"),
        ({"unsigned_explained": False}, "no boot record explains"),
        ({"doubled": 2}, "2 answers are in two records"),
        ({"forged_rejected": 0}, "0 were rejected"),
        ({"replay_ignored": 0}, "nobody noticed"),
        ({"proven": False}, "not proven"),
        ({"wrong": ("record 7 of ph: pH is 9, 7 was served",)}, "record 7 of ph"),
    ],
)
def test_every_broken_promise_is_named(change: dict[str, object], words: str) -> None:
    (failure,) = GOOD._replace(**change).failures()  # type: ignore[arg-type]
    assert words in failure


def test_the_table_has_a_row_for_each_station_and_a_dash_where_nobody_tried() -> None:
    text = table([GOOD, GOOD._replace(station="BD_2", forged_rejected=None)])
    first, second = (line for line in text.splitlines() if line.startswith("BD_"))
    assert first.startswith("BD_1")
    assert first.split()[1:] == ["400", "380", "390", "380", "0", "1", "1", "0", "1", "3", "0"]
    assert "–" in second
