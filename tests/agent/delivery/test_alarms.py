"""Alarms: said once when they begin, once when they end."""

import pytest

from agent.delivery.alarms import Alarms

pytestmark = pytest.mark.pure


def test_an_alarm_is_said_when_it_begins_when_its_words_change_and_when_it_ends() -> None:
    said: list[tuple[str, dict[str, object]]] = []
    alarms = Alarms("so-tnmt", lambda name, detail: said.append((name, detail)))
    alarms.begin("refused", "not authorized")
    alarms.begin("refused", "not authorized")
    alarms.begin("refused", "quota exceeded")
    alarms.end("refused", "no-receipt")
    alarms.end("refused")
    where = {"destination": "so-tnmt", "alarm": "refused"}
    assert said == [
        ("destination.alarm", {**where, "text": "not authorized"}),
        ("destination.alarm", {**where, "text": "quota exceeded"}),
        ("destination.alarm-over", where),
    ]


def test_several_alarms_are_one_line_the_oldest_first() -> None:
    alarms = Alarms("so-tnmt", lambda *_: None)
    texts = [alarms.text]
    alarms.begin("no-receipt", "no receipt for 3 minutes")
    alarms.begin("stopped", "record 6 is thrown out")
    texts.append(alarms.text)
    alarms.end("no-receipt", "stopped")
    texts.append(alarms.text)
    assert texts == [None, "no receipt for 3 minutes; record 6 is thrown out", None]
