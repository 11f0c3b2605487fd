"""When a missing record is late, and when it is lost."""

import pytest

from central.holes import PATIENCE_MS, Suspect, holes, suspects

pytestmark = pytest.mark.pure


def test_what_the_station_still_owes_is_never_a_hole() -> None:
    suspected = suspects((), ((5, 9),), ((1, 20),), head_ms=0)
    assert suspected == ()
    assert holes(suspected, ((5, 9),), 100 * PATIENCE_MS) == ()


def test_a_record_that_the_station_believes_delivered_is_a_hole_after_ten_minutes() -> None:
    suspected = suspects((), ((5, 9),), ((8, 9),), head_ms=1000)
    assert suspected == (Suspect(5, 7, 1000),)
    assert holes(suspected, ((5, 9),), 999 + PATIENCE_MS) == ()
    assert holes(suspected, ((5, 9),), 1000 + PATIENCE_MS) == ((5, 7),)


def test_the_heads_of_every_minute_do_not_start_the_ten_minutes_again() -> None:
    suspected: tuple[Suspect, ...] = ()
    for minute in range(11):
        suspected = suspects(suspected, ((5, 7),), (), head_ms=minute * 60_000)
    assert suspected == (Suspect(5, 7, 0),)
    assert holes(suspected, ((5, 7),), PATIENCE_MS) == ((5, 7),)


def test_a_head_that_owes_it_again_clears_the_suspicion() -> None:
    suspected = suspects((), ((5, 7),), (), head_ms=0)
    suspected = suspects(suspected, ((5, 7),), ((5, 7),), head_ms=60_000)
    assert suspected == ()
    assert suspects(suspected, ((5, 7),), (), head_ms=120_000) == (Suspect(5, 7, 120_000),)


def test_what_arrives_in_the_ten_minutes_is_no_hole_and_the_rest_keeps_its_clock() -> None:
    suspected = suspects((), ((5, 9),), (), head_ms=0)
    assert holes(suspected, ((5, 6), (9, 9)), PATIENCE_MS) == ((5, 6), (9, 9))
    later = suspects(suspected, ((5, 6), (9, 9), (12, 12)), (), head_ms=500)
    assert later == (Suspect(5, 6, 0), Suspect(9, 9, 0), Suspect(12, 12, 500))


def test_neighbours_with_different_clocks_become_one_hole() -> None:
    suspected = (Suspect(5, 6, 0), Suspect(7, 9, 10))
    assert holes(suspected, ((5, 9),), 10 + PATIENCE_MS) == ((5, 9),)
