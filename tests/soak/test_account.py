"""Which answers may be without a record, and which may not."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

import pytest

from sim.reconcile import Verdict
from sim.served import Served
from telemetry import cbor
from telemetry.pack import PackEncoder
from telemetry.reading import Flag, Reading
from telemetry.record import Kind, Record
from tests.soak.account import Account
from tests.soak.world import Death
from tests.system.station import Station

pytestmark = pytest.mark.pure

CHANNELS = ("COD", "T")
PACK = PackEncoder("TEST_1", "cod", [(channel, "mg/L") for channel in CHANNELS])


def answer(number: int, asked_mono_ms: int, **values: float) -> Served:
    """Of the COD analyzer."""
    landed_ms = asked_mono_ms + 5
    return Served(number, asked_mono_ms, landed_ms, "rs485", "cod", 4, 3, 0, 0, (), values, (), sent=True)


def record(seq: int, mono_ms: int, **values: float) -> Record:
    """The record of one poll; a channel that is not among the values failed."""
    failed = int(Flag.NO_COMMUNICATION)
    readings = [Reading(c, values[c], 0) if c in values else Reading(c, None, failed) for c in CHANNELS]
    body = cbor.decode(PACK.encode([(None, readings)]))
    moment = SimpleNamespace(mono_ms=mono_ms)
    return cast("Record", SimpleNamespace(kind=Kind.READINGS, seq=seq, body=body, moment=moment))


def reckoned(answers: list[Served], records: list[Record], *deaths: Death) -> tuple[Verdict, Account]:
    """The verdict on the values."""
    station = SimpleNamespace(plant=SimpleNamespace(answers=lambda: answers))
    account = Account(cast("Station", station), deaths=list(deaths))
    return account._values({(b"", r.seq): r for r in records}, frozenset()), account


def both(value: float) -> Mapping[str, float]:
    """An answer with both channels."""
    return dict.fromkeys(CHANNELS, value)


def test_a_poll_that_vanished_is_missed() -> None:
    answers = [answer(n, 1_000 * n, **both(float(n))) for n in (1, 2, 3)]
    verdict, _ = reckoned(answers, [record(1, 1_010, **both(1.0)), record(2, 3_010, **both(3.0))])
    assert [answer.number for answer in verdict.unsigned] == [2]
    assert verdict.wrong == ()


def test_a_kill_takes_the_newest_answers_along_and_no_older_ones() -> None:
    answers = [answer(n, 1_000 * n, **both(float(n))) for n in (1, 2, 3)]
    verdict, account = reckoned(answers, [record(1, 3_010, **both(3.0))], Death(1_500, 2_500))
    assert [answer.number for answer in verdict.unsigned] == [1]
    assert account.taken_along == 1


def test_an_answer_that_never_arrived_is_explained_by_the_record_of_its_poll() -> None:
    answers = [answer(n, 1_000 * n, **both(float(n))) for n in (1, 2)]
    verdict, account = reckoned(answers, [record(1, 1_600), record(2, 2_010, **both(2.0))])
    assert verdict.unsigned == ()
    assert account.failed == 1


def test_of_a_poll_in_two_requests_the_half_that_failed_is_explained() -> None:
    answers = [answer(1, 1_000, COD=1.0), answer(2, 1_010, T=1.5)]
    verdict, account = reckoned(answers, [record(1, 1_600, COD=1.0)])
    assert verdict.unsigned == ()
    assert account.failed == 1


def test_a_value_that_nobody_served_is_wrong_and_one_that_comes_twice_is_doubled() -> None:
    answers = [answer(1, 1_000, **both(1.0))]
    verdict, _ = reckoned(answers, [record(1, 1_010, **both(1.0)), record(2, 1_020, COD=1.0, T=7.0)])
    assert len(verdict.wrong) == 1
    assert verdict.doubled == 1
