"""The comparison that the demo's table rests on must itself be able to say no."""

import pytest

from drivers.protocols.modbus import Value
from sim.reconcile import ON_ITS_WAY_MS, Stored, Verdict, absent, flagged, is_one_poll, reconcile
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
    told: bool = False,
) -> Served:
    asked_ms = mono_ms if asked_mono_ms is None else asked_mono_ms
    return Served(number, asked_ms, mono_ms, "line", "ph", 3, 3, 0, 0, (1,), values, faults, sent, told)


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


TOLD = [
    answer(number, 1_000 * number, {"wind": 2.0 + number / 10, "rain": 0.5}, told=True)
    for number in range(1, 7)
]
"""An instrument that talks by itself, every second."""


def test_what_an_instrument_says_between_two_records_is_not_lost() -> None:
    stored = [cycle(1, 2_010, wind=2.2, rain=0.5), cycle(2, 4_900, wind=2.4, rain=0.5)]
    assert reconcile(TOLD, stored) == Verdict(6, 0, (), 0, ())


def test_a_message_that_is_just_being_said_need_not_be_in_the_record_yet() -> None:
    early = cycle(1, 3_000 + ON_ITS_WAY_MS, wind=2.2, rain=0.5)
    assert reconcile(TOLD, [early]).wrong == ()
    late = early._replace(mono_ms=3_001 + ON_ITS_WAY_MS)
    assert reconcile(TOLD, [late]).wrong == ("record 1 of ph: wind is 2.2, 2.3 was served",)


def test_a_message_counts_from_when_it_was_said_and_not_from_when_it_was_thought() -> None:
    slow = [TOLD[0], TOLD[1]._replace(mono_ms=2_900)]
    assert reconcile(slow, [cycle(1, 2_800, wind=2.1, rain=0.5)]).wrong == ()
    assert len(reconcile(slow, [cycle(1, 2_800, wind=2.2, rain=0.5)]).wrong) == 1


def test_a_message_older_than_the_one_before_is_a_wrong_value() -> None:
    assert reconcile(TOLD, [cycle(1, 3_010, wind=2.1, rain=0.5)]).wrong == (
        "record 1 of ph: wind is 2.1, 2.3 was served",
    )


def test_an_instrument_that_is_asked_has_no_answer_on_its_way() -> None:
    asked = [each._replace(told=False) for each in TOLD]
    assert len(reconcile(asked, [cycle(1, 3_010, wind=2.2, rain=0.5)]).wrong) == 1


def test_one_message_in_two_records_is_doubled_although_nobody_asked() -> None:
    stored = [cycle(1, 2_010, wind=2.2, rain=0.5), cycle(2, 2_020, wind=2.2, rain=0.5)]
    assert reconcile(TOLD, stored).doubled == 2


def test_values_that_the_station_file_has_no_channel_for_are_not_missed() -> None:
    status = answer(4, 3_100, {"pH-status": 0})
    stored = [cycle(5, 1_002, pH=7.1), cycle(6, 2_002, pH=7.2), cycle(7, 3_001, pH=7.3)]
    assert [a.number for a in reconcile([*GOOD, status], stored).unsigned] == [4]
    assert reconcile([*GOOD, status], stored, {"ph": ["pH"]}) == Verdict(3, 0, (), 0, ())
    # A device that the file does not have served nothing, so what is stored of it is wrong.
    assert len(reconcile(GOOD, stored, {"cod": ["COD"]}).wrong) == 3


def test_flags_of_healthy_instruments_and_channels_that_never_came_are_named() -> None:
    stored = [cycle(5, 1_002, pH=7.1)._replace(flags={"pH": 4}), cycle(6, 2_002, pH=7.2)]
    assert list(flagged(stored)) == ["record 5 of ph: pH is flagged 0x0004"]
    assert list(absent(stored, {"ph": ["pH", "T"], "cod": ["COD"]})) == [
        "T of ph never came with a value",
        "COD of cod never came with a value",
    ]


def test_several_answers_are_one_poll_as_long_as_no_channel_comes_twice() -> None:
    parts = [answer(1, 1_000, {"co": 1.4}), answer(2, 1_001, {"pres": 753.4})]
    assert is_one_poll(parts)
    assert is_one_poll([*parts, answer(3, 1_002, {"co": 1.4})._replace(device="other")])
    assert not is_one_poll([*parts, answer(3, 1_002, {"co": 1.5})])
