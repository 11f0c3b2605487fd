"""What others say, on a terminal: it is read, and does nothing there."""

import logging
from io import StringIO

import pytest

from agent.log import report, set_up
from agent.scan_report import unit_text
from agent.shown import harmless, say, shown
from drivers.interview import Known
from drivers.scan import Found

HOSTILE = "\x1b[2J\x1b]0;all is well\x07\x9b31mok\r"


def test_only_line_ends_act_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    said = r"\x1b[2J\x1b]0;all is well\x07\x9b31mok\r"
    assert harmless(f"độ đục\n{HOSTILE}\n") == f"độ đục\n{said}\n"
    say(HOSTILE)
    say(HOSTILE, err=True)
    assert capsys.readouterr() == (f"{said}\n", f"{said}\n")


def test_a_value_that_is_a_text_is_one_line() -> None:
    assert shown("ok\n! ph  broken") == r"ok\n! ph  broken"
    assert shown(1.5) == "1.5"


def test_a_name_plate_makes_no_lines_of_its_own() -> None:
    rows = unit_text(Found(None, 7, known=Known(("Maker", f"pH\nunit 9  answers{HOSTILE}"))))
    assert not any("\n" in row or "\x1b" in row for row in rows)
    assert r"pH\nunit 9  answers\x1b[2J" in rows[1]


@pytest.mark.parametrize("why", [HOSTILE, HOSTILE.replace(" ", "")])
def test_the_log_for_people_is_for_terminals_too(why: str) -> None:
    stream, before = StringIO(), logging.getLogger("tram").handlers[:]
    try:
        set_up("people", stream)
        report("device.silent", {"device": "ph", "why": why})
    finally:
        logging.getLogger("tram").handlers[:] = before
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert line[:-1].isprintable()
