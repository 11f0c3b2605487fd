"""What `tram status` shows a person."""

import pytest

from agent.commands.status import as_text

pytestmark = pytest.mark.pure


def answer(**destination: object) -> dict[str, object]:
    """A station without lines and devices that has one destination."""
    there = {"destination": "centre", "connected": False, "owed": 7, "trouble": None, "alarm": None}
    return {
        "station": "BD_1",
        "name": "Trạm",
        "software": "tram",
        "running_for_s": 90,
        "boots": 1,
        "clock": {"state": "synchronised", "max_error_ms": 3},
        "ledger": {"id": "ab" * 16, "newest_seq": 9, "waiting": 0, "trouble": None, "entombed": 0},
        "lines": [],
        "devices": [],
        "destinations": [there | destination],
        "reload_refused": None,
    }


def test_a_destination_that_is_not_connected_says_why() -> None:
    lines = as_text(answer(trouble="10.0.0.9:1883: connection refused")).splitlines()
    assert lines[-2:] == [
        "! centre       not connected, 7 records owed",
        "      10.0.0.9:1883: connection refused",
    ]


def test_a_trouble_that_is_the_alarm_too_is_said_once() -> None:
    text = as_text(answer(trouble="not authorised", alarm="not authorised"))
    assert text.count("not authorised") == 1


def test_a_destination_in_order_has_no_mark() -> None:
    assert (
        as_text(answer(connected=True, owed=0)).splitlines()[-1] == "  centre       connected, 0 records owed"
    )


def test_a_device_whose_kept_records_are_fetched_says_how_many_came() -> None:
    device = {
        "device": "o3",
        "line": "air",
        "age_s": 4.1,
        "silent": False,
        "trouble": None,
        "failures": 6,
        "polls": 22,
        "channels": [],
    }
    said = as_text(answer() | {"devices": [device | {"backfill": 12}]})
    assert "      what it kept meanwhile is fetched: 12 records so far" in said.splitlines()
    assert "what it kept" not in as_text(answer() | {"devices": [device | {"backfill": None}]})
