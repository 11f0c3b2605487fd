"""The comparison that the demo's table rests on must itself be able to say no."""

import pytest

from drivers.protocols.modbus import Value
from sim.reconcile import Stored, Verdict, reconcile
from sim.served import Served

pytestmark = pytest.mark.pure


def answer(
    number: int,
    mono_ms: int,
    values: dict[str, Value],
    *,
    asked_mono_ms: int | None = None,
    faults: tuple[str, ...] = (),
    sent: bool = True,
) -> Served:
    asked_ms = mono_ms if asked_mono_ms is None else asked_mono_ms
    return Served(number, asked_ms, mono_ms, "line", "ph", 3, 3, 0, 0, (1,), values, faults, sent)


def cycle(seq: int, mono_ms: int, **values: Value) -> Stored:
    return Stored("ph", seq, mono_ms, values)


GOOD = [answer(1, 1_000, {"pH": 7.1}), answer(2, 2_000, {"pH": 7.2}), answer(3, 3_000, {"pH": 7.3})]


def test_what_was_served_is_what_arrived() -> None:
    stored = [cycle(5, 1_002, pH=7.1), cycle(6, 2_002, pH=7.2), cycle(7, 3_001, pH=7.3)]
    assert reconcile(GOOD, stored) == Verdict(3, 0, (), 0, ())


def test_records_may_arrive_in_any_order() -> None:
    stored = [cycle(7, 3_001, pH=7.3), cycle(5, 1_002, pH=7.1), cycle(6, 2_002, pH=7.2)]
    assert reconcile(GOOD, stored).wrong == ()


def test_a_wrong_value_is_named() -> None:
    stored = [cycle(5, 1_002, pH=7.1), cycle(6, 2_002, pH=7.1), cycle(7, 3_001, pH=7.3)]
    verdict = reconcile(GOOD, stored)
    assert verdict.wrong == ("record 6 of ph: pH is 7.1, 7.2 was served",)


def test_the_answer_of_another_request_is_a_wrong_value() -> None:
    shifted = [cycle(5, 2_002, pH=7.1), cycle(6, 3_002, pH=7.2)]
    assert len(reconcile(GOOD, shifted).wrong) == 2


def test_a_value_that_nobody_served_is_wrong() -> None:
    assert "nothing was served" in reconcile([], [cycle(5, 1_002, pH=7.1)]).wrong[0]


def test_an_answer_that_was_never_signed_is_shown() -> None:
    verdict = reconcile(GOOD, [cycle(5, 1_002, pH=7.1), cycle(7, 3_001, pH=7.3)])
    assert [a.number for a in verdict.unsigned] == [2]


def test_one_answer_in_two_records_is_doubled() -> None:
    stored = [
        cycle(5, 1_002, pH=7.1),
        cycle(6, 1_003, pH=7.1),
        cycle(7, 2_001, pH=7.2),
        cycle(8, 3_001, pH=7.3),
    ]
    assert reconcile(GOOD, stored).doubled == 1


def test_a_late_answer_that_nobody_signed_counts_apart() -> None:
    late = answer(4, 2_500, {"pH": 9.9}, asked_mono_ms=2_200, faults=("late",))
    stored = [cycle(5, 1_002, pH=7.1), cycle(6, 2_001, pH=7.2), cycle(7, 3_001, pH=7.3)]
    assert reconcile([*GOOD, late], stored) == Verdict(3, 1, (), 0, ())


def test_the_late_answer_of_an_earlier_request_is_a_wrong_value_although_it_landed_last() -> None:
    late = answer(4, 3_001, {"pH": 9.9}, asked_mono_ms=2_500, faults=("late",))
    verdict = reconcile([*GOOD, late], [cycle(7, 3_002, pH=9.9)])
    assert verdict.wrong == ("record 7 of ph: pH is 9.9, 7.3 was served",)


def test_an_answer_meant_to_be_late_that_came_in_time_for_its_own_request_is_right() -> None:
    slow = answer(4, 3_900, {"pH": 7.4}, asked_mono_ms=3_500, faults=("late",))
    verdict = reconcile([*GOOD, slow], [cycle(7, 3_001, pH=7.3), cycle(8, 3_901, pH=7.4)])
    assert (verdict.late, verdict.wrong) == (0, ())


def test_an_answer_that_a_fault_swallowed_was_not_served() -> None:
    silent = answer(4, 3_500, {"pH": 7.4}, faults=("silent",), sent=False)
    verdict = reconcile(
        [*GOOD, silent], [cycle(5, 1_002, pH=7.1), cycle(6, 2_001, pH=7.2), cycle(7, 3_001, pH=7.3)]
    )
    assert verdict == Verdict(3, 0, (), 0, ())


def test_a_device_with_two_blocks_takes_each_channel_from_its_own_answer() -> None:
    served = [
        answer(1, 1_000, {"pH": 7.1}),
        answer(2, 1_001, {"Temp": 21}),
        answer(3, 2_000, {"pH": 7.2}),
        answer(4, 2_001, {"Temp": 22}),
    ]
    stored = [cycle(1, 1_005, pH=7.1, Temp=21), cycle(2, 2_005, pH=7.2, Temp=22)]
    assert reconcile(served, stored) == Verdict(4, 0, (), 0, ())
