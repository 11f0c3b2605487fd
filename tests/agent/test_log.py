"""One line for each event, for people or for programs."""

import io
import json

import pytest

from agent import log


def said(style: str, event: str, fields: dict[str, object]) -> str:
    stream = io.StringIO()
    log.set_up("json" if style == "json" else "people", stream)
    log.report(event, fields)
    return stream.getvalue()


def test_a_program_gets_one_json_object_per_line() -> None:
    line = json.loads(said("json", "device.back", {"device": "ph", "silent_for_s": 12}))
    assert line["event"] == "device.back"
    assert (line["device"], line["silent_for_s"], line["level"]) == ("ph", 12, "info")
    assert line["time"].endswith("Z")


def test_a_person_gets_one_line_with_a_mark_on_alarms() -> None:
    text = said("people", "device.silent", {"device": "ph", "error": "no answer in 1 s; check the cable"})
    assert text.count("\n") == 1
    assert " ! device.silent device=ph" in text
    assert 'error="no answer in 1 s; check the cable"' in text


@pytest.mark.parametrize(("fields", "level"), [({"alarm": True}, "warning"), ({}, "info")])
def test_an_event_may_say_that_it_is_an_alarm(fields: dict[str, object], level: str) -> None:
    assert json.loads(said("json", "destination.connected", fields))["level"] == level


def test_what_is_for_programs_is_not_in_a_persons_line() -> None:
    fields = {"device": "ph", "why": "no answer", "fault": "Lost", "alarm": True}
    assert said("people", "device.silent", fields).endswith(' ! device.silent device=ph why="no answer"\n')
    line = json.loads(said("json", "device.silent", fields))
    assert (line["alarm"], line["fault"]) == (True, "Lost")


def test_a_person_is_told_which_alarm_is_over() -> None:
    text = said("people", "destination.alarm-over", {"destination": "so-tnmt", "alarm": "no-receipt"})
    assert text.endswith("destination=so-tnmt alarm=no-receipt\n")


def test_vietnamese_stays_readable() -> None:
    assert "Trạm" in said("json", "station.polling", {"name": "Trạm quan trắc"})
