"""A BAM-1020's stand-in: the hour's record, and which of two answers is the one that was served."""

from sim.devices.met_one import bam1020
from sim.moment import Moment
from sim.signals import Constant
from sim.talk import Asked, Said, on_one_line
from sim.talkers.bam1020 import Bam1020Talker
from tests.sim.bench import NOON

HEADER, RECORD = Asked(1, b"\x1bQH\r"), Asked(1, b"\x1bQ\r")


def talker() -> Bam1020Talker:
    voice = bam1020("dust", ("PM10", Constant(42.0)), {}, pressure_hpa=Constant(1009.25))
    return Bam1020Talker(*on_one_line({1: voice}))


def said(talker: Bam1020Talker, asked: Asked, now: Moment = NOON) -> Said:
    answer = talker.answer(asked, now)
    assert answer is not None
    return answer


def test_a_record_is_served_with_its_second_answer_and_both_are_the_same() -> None:
    bam = talker()
    assert said(bam, HEADER).values == {}
    once, twice = said(bam, RECORD), said(bam, RECORD)
    assert once.message == twice.message
    assert once.values == {}
    assert (twice.values["PM10"], twice.values["Time"]) == (42.0, "2026-11-18T11:00:00")


def test_a_header_begins_a_new_pair() -> None:
    bam = talker()
    said(bam, HEADER)
    said(bam, RECORD)
    said(bam, HEADER)
    assert said(bam, RECORD).values == {}
    assert said(bam, RECORD).values != {}


def test_the_value_stands_for_the_hour_that_ended() -> None:
    bam = talker()
    early, late = Moment(1_794_999_600.0, 1), Moment(1_795_003_199.0, 2)
    assert said(bam, RECORD, early).message == said(bam, RECORD, late).message
    assert said(bam, RECORD, Moment(1_795_003_200.0, 3)).message != said(bam, RECORD, late).message
