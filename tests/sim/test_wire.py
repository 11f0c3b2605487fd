"""The account of what was served, with faults on the way."""

import json
from pathlib import Path

import pytest

from drivers.protocols.modbus_pdu import ReadRequest, encode_request
from sim.face import Face
from sim.faults import Closed, Reboot, Silent, Slow
from sim.script import Script
from sim.served import ServedLog, log_to, read
from sim.wire import Wire
from tests.sim.bench import NOON, ph_meter, ticking

READ_PH = encode_request(ReadRequest(3, 0, 3))


def _wire(log: ServedLog | None = None, script: Script | None = None) -> Wire:
    return Wire("rs485", Face({3: ph_meter()}), script or Script(), log or ServedLog(), lambda: NOON)


@pytest.mark.pure
def test_an_answer_is_written_down_when_it_lands_and_not_when_it_is_made() -> None:
    now, move = ticking()
    wire = Wire("rs485", Face({3: ph_meter()}), now=now)
    due = wire.ask(3, READ_PH)
    assert due is not None
    assert wire.served.count == 0
    move(1.25)
    wire.landed(due)
    (served,) = wire.served.kept
    assert served.sent
    assert served.number == 1
    assert (served.asked_mono_ms, served.mono_ms) == (NOON.mono_ms, NOON.mono_ms + 1250)
    assert (served.wire, served.device, served.unit) == ("rs485", "ph", 3)
    assert (served.function, served.address, served.words) == (3, 0, (0x40F0, 0, 284))
    assert served.values == {"pH": 7.5, "temperature": 28.4}


@pytest.mark.pure
def test_a_swallowed_answer_is_written_down_as_not_sent() -> None:
    script = Script()
    script.add(Silent(), 3)
    wire = _wire(script=script)
    assert wire.ask(3, READ_PH) is None
    (served,) = wire.served.kept
    assert (served.sent, served.faults) == (False, ("silent",))


@pytest.mark.pure
def test_a_late_answer_carries_its_fault_into_the_account() -> None:
    script = Script()
    script.add(Slow(1.5, name="late"), 3)
    wire = _wire(script=script)
    due = wire.ask(3, READ_PH)
    assert due is not None
    assert due.reply.after_s == 1.5
    wire.landed(due)
    assert wire.served.kept[0].faults == ("late",)


@pytest.mark.pure
def test_a_reboot_silences_the_instrument_for_the_requests_that_follow() -> None:
    now, move = ticking()
    script = Script()
    script.add(Reboot(10), 3)
    wire = Wire("rs485", Face({3: ph_meter()}), script, now=now)
    assert wire.ask(3, READ_PH) is None
    move(9)
    assert wire.ask(3, READ_PH) is None
    assert wire.served.count == 1
    move(1)
    assert wire.ask(3, READ_PH) is not None


@pytest.mark.pure
def test_a_closed_connection_is_due_but_nothing_was_sent() -> None:
    script = Script()
    script.add(Closed(), 3)
    wire = _wire(script=script)
    due = wire.ask(3, READ_PH)
    assert due is not None
    wire.landed(due)
    assert not wire.served.kept[0].sent


@pytest.mark.pure
def test_a_unit_that_nobody_has_is_not_in_the_account_of_a_line() -> None:
    wire = _wire()
    assert wire.ask(9, READ_PH) is None
    assert wire.served.count == 0


@pytest.mark.pure
def test_memory_keeps_the_last_answers_only() -> None:
    wire = _wire(ServedLog(keep=2))
    for _ in range(5):
        due = wire.ask(3, READ_PH)
        assert due is not None
        wire.landed(due)
    assert [served.number for served in wire.served.kept] == [4, 5]


def test_the_account_is_a_file_of_lines_that_another_process_reads_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "served.jsonl"
    with log_to(path, keep=1) as log:
        wire = _wire(log)
        for pdu in (READ_PH, b"\x03\x00\x50\x00\x01"):
            due = wire.ask(3, pdu)
            assert due is not None
            wire.landed(due)
        with path.open("a") as half:
            half.write('{"number": 3, "asked')
        first, second = read(path)
    assert first.values == {"pH": 7.5, "temperature": 28.4}
    assert first.words == (0x40F0, 0, 284)
    assert (second.exception, second.words) == (2, ())
    assert second == log.kept[-1]
    assert json.loads(path.read_text().splitlines()[0])["device"] == "ph"
