"""What counts as growth, and what does not."""

import pytest

from tests.soak.watch import Sample, growth, health, slope_mb_h, stretches

pytestmark = pytest.mark.pure

MB = 1_000_000


def sample(
    at_s: float, *, pid: int = 7, descriptors: int = 23, rss: int = 57 * MB, well: bool = True
) -> Sample:
    """One look at an agent."""
    return Sample(at_s, pid, rss, descriptors, 2, 17, 0, well)


def test_a_megabyte_a_minute_is_sixty_an_hour() -> None:
    assert slope_mb_h([(at_s, 57 * MB + at_s / 60 * MB) for at_s in range(0, 600, 2)]) == pytest.approx(60)


def test_a_slope_is_not_told_from_a_few_looks() -> None:
    assert slope_mb_h([(at_s, at_s * MB) for at_s in range(7)]) is None


def test_a_descriptor_more_with_every_minute_is_growth() -> None:
    (stretch,) = stretches([sample(at_s, descriptors=23 + at_s // 60) for at_s in range(0, 600, 2)], 0)
    assert stretch.grown == ["descriptors +7"]


def test_what_goes_up_and_down_is_none() -> None:
    (stretch,) = stretches([sample(at_s, descriptors=23 + at_s % 6) for at_s in range(0, 600, 2)], 0)
    assert stretch.grown == []


def test_each_process_is_a_stretch_of_its_own_after_its_warm_up() -> None:
    looks = [sample(at_s, pid=at_s // 100, rss=(57 + at_s % 100 // 20) * MB) for at_s in range(200)]
    first, second = stretches(looks, 40)
    assert (first.pid, first.seconds, second.pid, second.seconds) == (0, 59, 1, 59)
    assert first.slope_mb_h == second.slope_mb_h


def test_moments_in_which_something_is_broken_do_not_count() -> None:
    looks = [sample(at_s, descriptors=12 if at_s < 50 else 23, well=at_s >= 50) for at_s in range(100)]
    (stretch,) = stretches(looks, 0)
    assert stretch.grown == []
    assert growth([12] * 50 + [23] * 50) == 11


def test_a_station_is_well_when_every_device_answers_and_what_is_owed_is_on_its_way() -> None:
    device = {"device": "cod", "silent": False, "age_s": 0.4}
    centre = {"connected": True, "owed": 20}
    said = {"tasks": 17, "devices": [device], "destinations": [centre], "ledger": {"trouble": None}}
    assert health(said, 1.0) == (17, "")
    assert health(said, 0.3).trouble == "cod answered 0.4 s ago"
    assert health({**said, "devices": [{**device, "silent": True}]}, 1.0).trouble == "cod is silent"
    assert health({**said, "destinations": [{**centre, "owed": 2_000}]}, 1.0).trouble
    assert health({**said, "destinations": [{**centre, "connected": False}]}, 1.0).trouble
    assert health({**said, "ledger": {"trouble": "the disk is full"}}, 1.0).trouble == "the disk is full"
    assert health({}, 1.0).tasks is None
