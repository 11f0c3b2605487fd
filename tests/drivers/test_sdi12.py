"""Probes in a river on one SDI-12 wire, each asked to measure and then for its values."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from config.errors import StationFileError
from drivers.driver import Cycle
from drivers.errors import Garbled, NoAnswer, Refused
from drivers.protocols.sdi12_crc import crc_of
from drivers.sdi12 import Sdi12Driver, Settings
from sim.talkers.sdi12 import Probe, Sdi12Talker
from telemetry.reading import Flag, Reading
from tests.drivers.simulated_talk import SimulatedLine, TalkingLine
from tests.drivers.talker_bench import (
    ALL_FAULTS,
    SERIAL,
    TCP,
    assert_honest,
    assert_read_what_was_served,
    polled,
    read_on_a_real_wire,
    station_of,
    twin_line,
)
from tests.virtual_time import in_virtual_time

FAULT = int(Flag.INSTRUMENT_FAULT)
LEVEL = {"id": "level", "field": "1", "unit": "m"}
TEMPERATURE = {"id": "T", "field": "2", "unit": "degC"}
STATION = """\
driver = "sdi12"
unit = {unit}
measurement = "{measurement}"
channel = [
  {{ id = "level", field = "1", unit = "m", range = [0, 10] }},
  {{ id = "T", field = "2", unit = "degC" }},
  {{ id = "EC", field = "3", unit = "uS/cm" }},
  {{ id = "DO", field = "5", unit = "mg/L" }},
  {{ id = "p", field = "6", unit = "hPa", scale = 10.0 }},
  {{ id = "battery", field = "7", unit = "V" }},
]
"""
Script = Mapping[bytes, Iterable[tuple[float, bytes]]]


def table(unit: object = '"0"', measurement: str = "MC") -> str:
    return STATION.format(unit=unit, measurement=measurement)


def settings(*channels: Mapping[str, object], **others: object) -> Settings:
    return Settings.model_validate({"channel": channels, **others})


def answering(script: Script) -> Callable[[bytes], Iterable[tuple[float, bytes]]]:
    return lambda request: script.get(request, ())


def proven(line: bytes) -> bytes:
    return line + crc_of(line) + b"\r\n"


def readings(cycle: Cycle) -> dict[str, Reading]:
    return {reading.channel: reading for block in cycle.blocks for reading in block.readings}


async def poll(
    script: Script, *channels: Mapping[str, object], **others: object
) -> tuple[Cycle, list[tuple[float, bytes]]]:
    """One poll, and what was asked when, from the first command."""
    line = SimulatedLine(answering(script))
    async with line.bus:
        cycle = await Sdi12Driver(settings(*channels, **others), line.bus).read()
    began = line.requests[0][0]
    return cycle, [(round(at - began, 3), request) for at, request in line.requests if request]


@in_virtual_time
async def test_the_values_are_fetched_at_the_service_request() -> None:
    script = {
        b"0M!": [(0.05, b"00052\r\n"), (2.0, b"0\r\n")],
        b"0D0!": [(0.05, b"0+3.14-2.7\r\n")],
    }
    cycle, asked = await poll(script, LEVEL, TEMPERATURE)
    assert asked == [(0.0, b"0M!"), (2.0, b"0D0!")]
    assert readings(cycle) == {"level": Reading("level", 3.14), "T": Reading("T", -2.7)}
    assert cycle.errors == ()


@in_virtual_time
async def test_without_a_service_request_they_are_fetched_when_the_announced_time_is_over() -> None:
    script = {b"0M!": [(0.05, b"00052\r\n")], b"0D0!": [(0.05, b"0+3.14-2.7\r\n")]}
    cycle, asked = await poll(script, LEVEL)
    assert asked == [(0.0, b"0M!"), (5.55, b"0D0!")]
    assert readings(cycle)["level"].value == 3.14


@in_virtual_time
async def test_a_service_request_after_its_time_is_not_an_answer_without_data() -> None:
    script = {
        b"0M!": [(0.05, b"00012\r\n"), (1.6, b"0\r\n")],
        b"0D0!": [(0.2, b"0+3.14-2.7\r\n")],
    }
    cycle, _ = await poll(script, LEVEL)
    assert readings(cycle)["level"].value == 3.14


@in_virtual_time
async def test_data_that_are_there_at_once_are_not_waited_for() -> None:
    script = {b"0M!": [(0.05, b"00001\r\n")], b"0D0!": [(0.05, b"0+3.14\r\n")]}
    _, asked = await poll(script, LEVEL)
    assert asked == [(0.0, b"0M!"), (0.05, b"0D0!")]


@in_virtual_time
async def test_a_concurrent_measurement_has_no_service_request_and_two_digits_of_values() -> None:
    script = {
        b"aCC1!": [(0.05, b"a00212\r\n")],
        b"aD0!": [(0.05, proven(b"a+1+2+3+4+5+6+7+8+9"))],
        b"aD1!": [(0.05, proven(b"a+10+11+12"))],
    }
    last = {"id": "x", "field": "12", "unit": "1"}
    cycle, asked = await poll(script, LEVEL, last, unit="a", measurement="CC1")
    assert asked == [(0.0, b"aCC1!"), (2.55, b"aD0!"), (2.6, b"aD1!")]
    assert readings(cycle) == {"level": Reading("level", 1), "x": Reading("x", 12)}


@in_virtual_time
async def test_values_that_are_read_at_once_need_no_measurement() -> None:
    cycle, asked = await poll({b"3RC0!": [(0.05, proven(b"3+3.14"))]}, LEVEL, unit=3, measurement="RC0")
    assert asked == [(0.0, b"3RC0!")]
    assert readings(cycle)["level"].value == 3.14


@in_virtual_time
async def test_the_echo_of_a_transparent_adapter_is_not_an_answer() -> None:
    script = {
        b"0M!": [(0.0, b"0M!"), (0.05, b"00001\r\n")],
        b"0D0!": [(0.0, b"0D0!"), (0.05, b"0+3.14\r\n")],
    }
    cycle, _ = await poll(script, LEVEL)
    assert readings(cycle)["level"].value == 3.14


@in_virtual_time
async def test_a_number_that_stands_for_no_value_is_none() -> None:
    script = {b"0M!": [(0.05, b"00002\r\n")], b"0D0!": [(0.05, b"0-9999.00+21\r\n")]}
    cycle, _ = await poll(script, LEVEL, TEMPERATURE, no_value=(-9999,))
    assert readings(cycle) == {"level": Reading("level", None, FAULT), "T": Reading("T", 21)}
    assert "value 1 is -9999.00, which stands for none" in str(cycle.errors[0])


@in_virtual_time
async def test_a_probe_that_announces_fewer_values_leaves_the_others_out() -> None:
    script = {b"0M!": [(0.05, b"00001\r\n")], b"0D0!": [(0.05, b"0+3.14\r\n")]}
    cycle, _ = await poll(script, LEVEL, TEMPERATURE)
    assert readings(cycle) == {"level": Reading("level", 3.14), "T": Reading("T", None, FAULT)}


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ({}, NoAnswer, "0MC!"),
        ({b"0MC!": [(0.05, b"00000\r\n")]}, Refused, "announces no values"),
        ({b"0MC!": [(0.05, b"01202\r\n")]}, Refused, 'in 120 s; the file has longest_wait = "30s"'),
        ({b"0MC!": [(0.05, b"00002\r\n")], b"0D0!": [(0.05, b"0\r\n")]}, Refused, "no data"),
        ({b"0MC!": [(0.05, b"00002\r\n")], b"0D0!": [(0.05, proven(b"1+3.14+2"))]}, Garbled, "0D0!"),
        ({b"0MC!": [(0.05, b"00002\r\n")], b"0D0!": [(0.05, b"0+3.14+2OqZ\r\n")]}, Garbled, "0D0!"),
        (
            {b"0MC!": [(0.05, b"00002\r\n")], b"0D0!": [(0.05, proven(b"0+1+2+3"))]},
            Garbled,
            "announced 2 values and 3",
        ),
        ({b"0MC!": [(0.05, b"00002\r\n")], b"0D0!": [(0.05, proven(b"0+1"))]}, NoAnswer, "0D1!"),
    ],
)
@in_virtual_time
async def test_a_measurement_that_failed_gives_no_value(
    script: Script, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as raised:
        await poll(script, LEVEL, measurement="MC")
    assert words in str(raised.value)


@pytest.mark.parametrize("measurement", ["MC", "CC", "RC0"])
@pytest.mark.parametrize("fault", ALL_FAULTS)
@in_virtual_time
async def test_whatever_goes_wrong_no_value_is_read_that_was_not_said(fault: str, measurement: str) -> None:
    station = station_of(table(measurement=measurement), table('"z"', measurement=measurement))
    line = twin_line(station, [f"{fault}%15"])
    polls = await polled(station, line, 30)
    assert_honest(polls, line)
    assert {poll.device for poll in polls if poll.cycle and not poll.said} == {"a", "b"}


@in_virtual_time
async def test_on_one_line_an_answer_is_never_taken_for_a_neighbours() -> None:
    station = station_of(*(table(unit, "MC") for unit in ('"a"', '"A"', 7)))
    line = twin_line(station, ["late=1.2%10", "noise%10", "silent%5/b"])
    polls = await polled(station, line, 30)
    assert_honest(polls, line)
    assert {poll.device for poll in polls if poll.cycle} == {"a", "b", "c"}


@in_virtual_time
async def test_the_stand_in_of_a_probe_without_delay_sends_no_service_request() -> None:
    station = station_of(table())
    plain = twin_line(station)
    talker = plain.wire.face.talker  # type: ignore[union-attr]
    assert isinstance(talker, Sdi12Talker)
    talker._probes = {1: Probe("0", announced_s=0)}
    assert isinstance(plain, TalkingLine)
    polls = await polled(station, plain)
    assert polls[0].said == ""
    assert [request for _, request in plain.requests if request] == [b"0MC!", b"0D0!", b"0D1!"]


@pytest.mark.system
@pytest.mark.parametrize("url", [SERIAL, TCP])
async def test_on_a_real_wire(url: str, tmp_path: Path) -> None:
    station = station_of(table(measurement="M"), table('"b"', "CC"), url=url)
    polls, served = await read_on_a_real_wire(station, tmp_path)
    assert [poll.device for poll in polls] == ["a", "b"]
    assert_read_what_was_served(polls, served)


def test_two_probes_with_one_address_are_a_mistake_and_small_letters_are_others() -> None:
    station_of(table('"a"'), table('"A"'))
    with pytest.raises(StationFileError, match='address of device "a" too'):
        station_of(table('"1"'), table(1))


@pytest.mark.parametrize("measurement", ["V", "M10", "0M!", "MM", "", "R"])
def test_a_measurement_that_there_is_not(measurement: str) -> None:
    with pytest.raises(StationFileError, match="measurement"):
        station_of(table(measurement=measurement))


def test_a_value_that_no_answer_has_is_a_mistake_in_the_station_file() -> None:
    (problem,) = settings({"id": "x", "field": "10", "unit": "m"}).problems()
    assert problem.message == 'the answer has no field "10"; fields are the numbers of the values, 1 to 9'
    assert not list(settings({"id": "x", "field": "10", "unit": "m"}, measurement="C").problems())
