"""Teledyne's words on a line: tests by name, warnings that make values doubtful, and whose answer it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers.driver import Cycle
from drivers.errors import Garbled, NoAnswer, Refused
from drivers.teledyne import Settings, TeledyneDriver
from sim.talkers.teledyne import TeledyneTalker
from telemetry.reading import Flag, Reading
from tests.drivers.air_analyzers import TELEDYNE, flags, readings, talking
from tests.drivers.air_analyzers import asked as analyzer_asked
from tests.drivers.simulated_talk import SimulatedLine
from tests.virtual_time import in_virtual_time

FAULT, CALIBRATION = int(Flag.INSTRUMENT_FAULT), int(Flag.CALIBRATION)
NO_COMMUNICATION = int(Flag.NO_COMMUNICATION)
O3 = {"id": "O3", "unit": "ppb"}
FLOW = {"id": "flow", "field": "SAMPFLOW", "label": "SAMP FL", "unit": "L/min", "instrument_unit": "CC/M"}
O3_ANSWER = b"T 194:11:29 0400 O3= 41.30 PPB\r\n"
FLOW_ANSWER = b"T 194:11:29 0400 SAMP FL=  751 CC/M\r\n"
FLOW_WARNING = b"W 194:11:29 0400 SAMPLE FLOW WARN\r\n"
ALL = {b"T 400 O3\r": O3_ANSWER, b"T 400 SAMPFLOW\r": FLOW_ANSWER}


def settings(*channels: dict[str, Any], **more: Any) -> Settings:
    table = {"unit": 400, "channel": channels or [O3, FLOW], **more}
    found = Settings.model_validate_json(json.dumps(table))
    assert list(found.problems()) == []
    return found


async def said(asked: Settings, answers: dict[bytes, bytes], **more: Any) -> tuple[Cycle, list[bytes]]:
    """What the driver makes of an instrument that answers so, and what was sent."""
    return await analyzer_asked(TeledyneDriver, asked, answers.get, **more)


@in_virtual_time
async def test_a_t400_is_asked_for_tests_by_name_and_for_its_warnings() -> None:
    cycle, sent = await said(settings(), ALL)
    assert sent == [b"T 400 O3\r", b"W 400 LIST\r", b"T 400 SAMPFLOW\r"]
    assert readings(cycle) == (Reading("O3", 41.30), Reading("flow", 0.751))
    assert cycle.errors == ()
    cycle, sent = await said(settings(warnings=False), ALL)
    assert sent == [b"T 400 O3\r", b"T 400 SAMPFLOW\r"]


@in_virtual_time
async def test_in_computer_mode_line_feeds_end_what_is_said() -> None:
    answers = {b"T 400 O3\n": O3_ANSWER.replace(b"\r", b"")}
    cycle, _ = await said(settings(O3, mode="computer"), answers)
    assert readings(cycle) == (Reading("O3", 41.30),)


@pytest.mark.parametrize(
    ("lines", "flags", "told"),
    [
        (FLOW_WARNING, FAULT, "the instrument warns: SAMPLE FLOW WARN"),
        (b"W 400 LIST\r\n" + FLOW_WARNING, FAULT, "SAMPLE FLOW WARN"),
        (
            FLOW_WARNING + b"W 194:11:30 0400 BOX TEMP WARNING\r\n",
            FAULT,
            "SAMPLE FLOW WARN, BOX TEMP WARNING",
        ),
        (b"W 194:11:29 0400 SYSTEM RESET\r\n", 0, None),
        (b"W 194:11:29 0401 SAMPLE FLOW WARN\r\n", 0, None),
        (b"C 194:11:29 0400 START SPAN\r\n", CALIBRATION, None),
        (b"W 400 LIST\r", 0, None),
        (b"\x00w 400 list\r\n", 0, None),
        (b"W 401 LIST\r", FAULT, "write warnings = false"),
        (b"W 194:11:29 0400 SAMPLE F\xccOW WARN\r\n", FAULT, "write warnings = false"),
        (b"W 194:11:29 0400 SAMPLE FL", FAULT, "write warnings = false"),
    ],
)
@in_virtual_time
async def test_a_warning_holds_for_every_value_of_the_poll(
    lines: bytes, flags: int, told: str | None
) -> None:
    cycle, _ = await said(settings(), {**ALL, b"W 400 LIST\r": lines})
    assert readings(cycle) == (Reading("O3", 41.30, flags), Reading("flow", 0.751, flags))
    assert [bool(told and told in str(error)) for error in cycle.errors] == [True] * bool(told)


@in_virtual_time
async def test_a_warning_in_front_of_an_answer_is_heard() -> None:
    answers = {b"T 400 O3\r": b"T 400 O3\r\n" + FLOW_WARNING + O3_ANSWER}
    cycle, _ = await said(settings(O3, warnings=False), answers)
    assert readings(cycle) == (Reading("O3", 41.30, FAULT),)


@in_virtual_time
async def test_the_unit_is_converted_by_a_power_of_ten_or_refused() -> None:
    for said_unit, value in ((b"PPM", 41300.0), (b"UGM", None), (b"", None)):
        answers = {b"T 400 O3\r": O3_ANSWER.replace(b"PPB", said_unit)}
        cycle, _ = await said(settings(O3), answers)
        assert readings(cycle) == (Reading("O3", value, 0 if value else FAULT),)
        assert len(cycle.errors) == (0 if value else 1)


@in_virtual_time
async def test_a_concentration_that_the_instrument_does_not_have() -> None:
    cycle, _ = await said(settings(), {**ALL, b"T 400 O3\r": b"T 194:11:29 0400 O3= XXXX PPB\r\n"})
    assert readings(cycle) == (Reading("O3", None, FAULT), Reading("flow", 0.751))
    assert "O3 has no value" in str(cycle.errors[0])
    with pytest.raises(Refused):
        await said(settings(O3), {b"T 400 O3\r": b"T 194:11:29 0400 O3= XXXX PPB\r\n"})


@pytest.mark.parametrize(
    "answer",
    [O3_ANSWER.replace(b"0400", b"0401"), O3_ANSWER.replace(b" 0400", b""), FLOW_ANSWER, b"O3= 41.3 PPB\r\n"],
)
@in_virtual_time
async def test_the_answer_of_another_instrument_or_to_another_test_is_not_ours(answer: bytes) -> None:
    with pytest.raises(Garbled):
        await said(settings(O3), {b"T 400 O3\r": answer})


@in_virtual_time
async def test_an_instrument_that_falls_silent_costs_one_timeout() -> None:
    three = settings(O3, FLOW, {**FLOW, "id": "again"})
    cycle, sent = await said(three, {b"T 400 O3\r": O3_ANSWER})
    assert readings(cycle) == (
        Reading("O3", 41.30),
        Reading("flow", None, NO_COMMUNICATION),
        Reading("again", None, NO_COMMUNICATION),
    )
    assert len(sent) == 3
    line = SimulatedLine()
    async with line.bus:
        with pytest.raises(NoAnswer):
            await TeledyneDriver(three, line.bus).read()
    assert len(line.requests) == 1


@in_virtual_time
async def test_without_an_id_any_answer_counts() -> None:
    cycle, _ = await said(settings(O3, unit=None, warnings=False), {b"T O3\r": O3_ANSWER})
    assert readings(cycle) == (Reading("O3", 41.30),)


@pytest.mark.pure
@pytest.mark.parametrize("name", ["LIST", "list", "O3\r", "µ"])
def test_a_field_is_the_name_of_one_test(name: str) -> None:
    table = {"unit": 400, "channel": [{**O3, "field": name}]}
    (problem,) = Settings.model_validate_json(json.dumps(table)).problems()
    assert problem.path == ("channel", 0, "field")


@pytest.mark.pure
def test_what_a_device_says_of_itself() -> None:
    device = settings()
    assert (device.address(), device.alone(), device.speech()) == (400, False, "characters")
    assert settings(unit=None).alone()
    assert device.rows() == [
        ["O3", "T", "O3", "text", "", 1.0, 0.0, "ppb", None],
        ["flow", "T", "SAMPFLOW", "text", "", 0.001, 0.0, "L/min", None],
    ]


@in_virtual_time
async def test_warnings_come_and_go_with_the_instrument(tmp_path: Path) -> None:
    line, drivers = talking(TELEDYNE, tmp_path)
    talker = line.wire.face.talker  # type: ignore[union-attr]
    assert isinstance(talker, TeledyneTalker)
    async with line.bus:
        assert flags(await drivers["o3"].read()) == {0}
        talker.warnings[400] = ["SAMPLE FLOW WARN", "SYSTEM RESET"]
        talker.warnings[0] = ["SYSTEM RESET"]
        cycle = await drivers["o3"].read()
        assert flags(cycle) == {FAULT}
        assert [str(error) for error in cycle.errors] == ["the instrument warns: SAMPLE FLOW WARN"]
        assert flags(await drivers["so2"].read()) == {0}
        talker.warnings[400] = []
        assert flags(await drivers["o3"].read()) == {0}
