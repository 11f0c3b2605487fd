"""Teledyne's words on a line: tests by name, warnings that make values doubtful, and whose answer it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.station import load_station
from agent.tables import settings_of, wire_of
from config.errors import StationFileError
from drivers.driver import Cycle
from drivers.errors import Garbled, NoAnswer, Refused, Unreachable
from drivers.lines import bus_for, on
from drivers.teledyne import Settings, TeledyneDriver
from sim.rehearsal import Rehearsal, rewrite
from sim.served import ServedLog
from sim.talk import TalkFace
from sim.talkers.teledyne import TeledyneTalker
from sim.twin import Wishes, serve, wires
from telemetry.reading import Flag, Reading
from tests.drivers.simulated_talk import SimulatedLine, TalkingLine, moment
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
    line = SimulatedLine(lambda request: [(0.05, answers[request])] if request in answers else [], **more)
    async with line.bus:
        cycle = await TeledyneDriver(asked, line.bus).read()
    return cycle, [request for _, request in line.requests]


def readings(cycle: Cycle) -> tuple[Reading, ...]:
    return tuple(reading for block in cycle.blocks for reading in block.readings)


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


STATION = """\
[station]
id = "AIR"

[[line]]
id = "rs485"
url = "serial:///dev/ttyS77?baudrate=9600&parity=N"
timeout = "300ms"
guard = "50ms"

[[line]]
id = "server"
url = "tcp://10.0.0.6:3000"
timeout = "300ms"
guard = "50ms"

[[device]]
id = "o3"
line = "rs485"
driver = "teledyne"
unit = 400
list_wait = "100ms"
every = "5s"
channel = [
  { id = "O3", unit = "ppb" },
  { id = "flow", field = "SAMPFLOW", label = "SAMP FL", unit = "L/min", instrument_unit = "CC/M" },
  { id = "box", field = "BOX TEMP", unit = "°C", instrument_unit = "C" },
]

[[device]]
id = "so2"
line = "rs485"
driver = "teledyne"
unit = 0
warnings = false
every = "5s"
channel = [ { id = "SO2", unit = "ug/m3", instrument_unit = "ppb", scale = 2.62 } ]

[[device]]
id = "co"
line = "server"
driver = "teledyne"
mode = "computer"
list_wait = "100ms"
every = "5s"
channel = [ { id = "CO", unit = "ppm" } ]
"""


def written(folder: Path, text: str = STATION) -> Path:
    file = folder / "station.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.system
async def test_the_twin_is_read_on_a_pseudo_terminal_and_over_tcp(tmp_path: Path) -> None:
    file = written(tmp_path)
    served = ServedLog()
    read: dict[tuple[str, str], Any] = {}
    async with serve(load_station(file, elsewhere=True), Wishes(links=tmp_path), served) as (urls, _):
        copy = tmp_path / "rehearsal.toml"
        copy.write_text(rewrite(STATION, "station.toml", Rehearsal(urls, "k.pem", "l.db")), encoding="utf-8")
        station = load_station(copy, elsewhere=True)
        for line in station.lines:
            devices = [device for device in station.devices if device.line == line.id]
            async with bus_for(wire_of(line), [settings_of(device) for device in devices], lambda: 0) as bus:
                for device in devices:
                    cycle = await on(bus, TeledyneDriver, settings_of(device)).read()
                    assert cycle.errors == (), device.id
                    assert all(reading.flags == 0 for reading in readings(cycle))
                    read |= {(device.id, name): value for name, value, _ in readings(cycle)}
    last = {(answer.device, name): value for answer in served.kept for name, value in answer.values.items()}
    assert read == last
    assert len(read) == 5


def talking(folder: Path, *faults: str, **more: Any) -> tuple[TalkingLine, dict[str, TeledyneDriver]]:
    """The twin of the line rs485 in virtual time, and the drivers of its devices."""
    station = load_station(written(folder), elsewhere=True)
    face = wires(station, Wishes(), ServedLog(), moment)["rs485"].face
    assert isinstance(face, TalkFace)
    line = TalkingLine(face, faults=faults, timeout="1s", guard="1s", **more)
    devices = [device for device in station.devices if device.line == "rs485"]
    return line, {device.id: TeledyneDriver(settings_of(device), line.bus) for device in devices}


# A flipped digit is another value in this protocol, which has no check: that fault is told apart below.
FAULTS = ("silent", "late=1.2", "truncated", "noise", "close", "reboot=3", "slow=0.5")


@pytest.mark.parametrize("fault", FAULTS)
@in_virtual_time
async def test_every_fault_gives_the_right_value_or_none(tmp_path: Path, fault: str) -> None:
    line, drivers = talking(tmp_path, f"{fault}%20/o3", retries=1)
    whole = 0
    async with line.bus:
        for _ in range(40):
            before = len(line.wire.served.kept)
            for device, driver in drivers.items():
                got = await polled(driver)
                served = [
                    answer for answer in list(line.wire.served.kept)[before:] if answer.device == device
                ]
                shown = {(name, value) for answer in served for name, value in answer.values.items()}
                assert set(got.items()) <= shown, "nothing but what this instrument said in this poll"
                whole += len(got) == len(driver._settings.channel)
    assert whole >= 45
    assert sum(bool(answer.faults) for answer in line.wire.served.kept) > 5


@in_virtual_time
async def test_a_flipped_bit_never_gives_another_instruments_value_and_no_hang(tmp_path: Path) -> None:
    line, drivers = talking(tmp_path, "flip%30/o3", retries=1)
    async with line.bus:
        for _ in range(100):
            got = await polled(drivers["o3"])
            assert set(got) <= {"O3", "flow", "box"}
            assert await polled(drivers["so2"]), "its neighbour is never hit"


async def polled(driver: TeledyneDriver) -> dict[str, Any]:
    """The values of one poll; what has none has a reason."""
    try:
        cycle = await driver.read()
    except (NoAnswer, Garbled, Refused, Unreachable):
        return {}
    assert sorted(name for name, _, _ in readings(cycle)) == sorted(c.id for c in driver._settings.channel)
    assert all(value is not None or flags for _, value, flags in readings(cycle))
    return {name: value for name, value, _ in readings(cycle) if value is not None}


@in_virtual_time
async def test_warnings_come_and_go_with_the_instrument(tmp_path: Path) -> None:
    line, drivers = talking(tmp_path)
    talker = line.wire.face.talker  # type: ignore[union-attr]
    assert isinstance(talker, TeledyneTalker)
    async with line.bus:
        assert {flags for _, _, flags in readings(await drivers["o3"].read())} == {0}
        talker.warnings[400] = ["SAMPLE FLOW WARN", "SYSTEM RESET"]
        talker.warnings[0] = ["SYSTEM RESET"]
        cycle = await drivers["o3"].read()
        assert {flags for _, _, flags in readings(cycle)} == {FAULT}
        assert [str(error) for error in cycle.errors] == ["the instrument warns: SAMPLE FLOW WARN"]
        assert {flags for _, _, flags in readings(await drivers["so2"].read())} == {0}
        talker.warnings[400] = []
        assert {flags for _, _, flags in readings(await drivers["o3"].read())} == {0}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("unit = 0\n", "unit = 400\n", 'is the address of device "o3" too'),
        ("unit = 0\n", "", "asked without its address"),
    ],
)
def test_two_instruments_whose_answers_could_be_mixed_up_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(StationFileError) as told:
        load_station(written(tmp_path, STATION.replace(old, new)), elsewhere=True)
    assert message in str(told.value)
