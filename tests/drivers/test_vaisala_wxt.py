"""A weather transmitter of Vaisala, polled and sending by itself, in the words of its manual."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from config.errors import StationFileError
from drivers.driver import Cycle
from drivers.errors import Garbled, NoAnswer, Refused
from drivers.protocols.sdi12_crc import crc_of
from drivers.vaisala_wxt import Settings, VaisalaWxtDriver
from telemetry.reading import Flag, Reading
from tests.drivers.simulated_talk import SimulatedLine
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

FAULT, SILENT = int(Flag.INSTRUMENT_FAULT), int(Flag.NO_COMMUNICATION)
WIND = b"0R1,Dn=160D,Dm=182D,Dx=197D,Sn=3.0M,Sm=4.1M,Sx=5.8M\r\n"
AIR = b"0R2,Ta=21.0C,Ua=60.8P,Pa=1007.2H\r\n"
RAIN = b"0R3,Rc=0.01M,Rd=10s,Ri=0.6M,Hc=0.0M,Hd=0s,Hi=0.0M\r\n"
SUPERVISOR = b"0R5,Th=16.0C,Vh=14.1N,Vs=14.3V,Vr=3.621V\r\n"
MANUAL = {b"0R1\r\n": WIND, b"0R2\r\n": AIR, b"0R3\r\n": RAIN, b"0R5\r\n": SUPERVISOR}
STATION = """\
driver = "vaisala_wxt"
unit = {unit}
mode = "{mode}"
crc = {crc}
silence = "5s"
channel = [
  {{ id = "speed", field = "Sm", unit = "m/s", range = [0, 60] }},
  {{ id = "gust", field = "Sx", unit = "kn", range = [0, 100] }},
  {{ id = "temperature", field = "Ta", unit = "degC" }},
  {{ id = "pressure", field = "Pa", unit = "kPa" }},
  {{ id = "rain", field = "Rc", unit = "mm" }},
  {{ id = "supply", field = "Vs", unit = "V" }},
]
"""
SPEED = {"id": "v", "field": "Sm", "unit": "m/s"}
DIRECTION = {"id": "d", "field": "Dm", "unit": "deg"}
TEMPERATURE = {"id": "t", "field": "Ta", "unit": "degC"}
RAINFALL = {"id": "r", "field": "Rc", "unit": "mm"}
HEATING = {"id": "h", "field": "Vh", "unit": "V"}


def table(unit: object = '"0"', mode: str = "polled", crc: str = "true") -> str:
    return STATION.format(unit=unit, mode=mode, crc=crc)


def settings(*channels: Mapping[str, object], **others: object) -> Settings:
    return Settings.model_validate({"channel": channels, "silence": "5s", **others})


def readings(cycle: Cycle) -> dict[str, Reading]:
    return {reading.channel: reading for block in cycle.blocks for reading in block.readings}


def answering(table: Mapping[bytes, bytes]) -> Callable[[bytes], Iterable[tuple[float, bytes]]]:
    return lambda request: [(0.05, table[request])] if request in table else []


async def poll(
    table: Mapping[bytes, bytes], *channels: Mapping[str, object], **others: object
) -> tuple[Cycle, list[bytes]]:
    """One poll, and what was asked."""
    line = SimulatedLine(answering(table))
    async with line.bus:
        cycle = await VaisalaWxtDriver(settings(*channels, **others), line.bus).read()
    return cycle, [request for _, request in line.requests]


@in_virtual_time
async def test_only_the_messages_that_its_channels_need_are_asked_for() -> None:
    cycle, asked = await poll(MANUAL, SPEED, DIRECTION, RAINFALL)
    assert asked == [b"0R1\r\n", b"0R3\r\n"]
    assert readings(cycle) == {"v": Reading("v", 4.1), "d": Reading("d", 182), "r": Reading("r", 0.01)}
    assert cycle.errors == ()
    first, second = cycle.blocks
    assert first.at_mono_ms < second.at_mono_ms


@in_virtual_time
async def test_all_at_once_when_it_is_configured_for_it() -> None:
    composite = {b"0R0\r\n": b"0R0,Dm=182D,Sm=4.1M,Ta=21.0C,Rc=0.01M\r\n"}
    cycle, asked = await poll(composite, SPEED, TEMPERATURE, RAINFALL, composite=True)
    assert asked == [b"0R0\r\n"]
    assert [reading.value for reading in readings(cycle).values()] == [4.1, 21.0, 0.01]


@in_virtual_time
async def test_with_a_crc_the_command_has_one_too_and_a_damaged_answer_is_asked_for_again() -> None:
    line = b"0r1,Dm=182D,Sm=4.1M"
    sound = line + crc_of(line) + b"\r\n"
    cycle, asked = await poll({b"0r1Goe\r\n": sound}, SPEED, crc=True)
    assert asked == [b"0r1Goe\r\n"]
    assert readings(cycle)["v"].value == 4.1
    with pytest.raises(Garbled):
        await poll({b"0r1Goe\r\n": sound.replace(b"4.1", b"9.1")}, SPEED, crc=True)


@in_virtual_time
async def test_a_value_marked_invalid_is_no_value() -> None:
    cycle, _ = await poll({b"0R1\r\n": b"0R1,Dm=0#,Sm=0.0#\r\n"}, SPEED, DIRECTION)
    assert {reading[1:] for reading in readings(cycle).values()} == {(None, FAULT)}
    assert [str(error) for error in cycle.errors] == [
        "Sm is marked invalid (#)",
        "Dm is marked invalid (#)",
    ]


@in_virtual_time
async def test_miles_and_fahrenheit_are_taken_into_the_units_of_the_file() -> None:
    cycle, _ = await poll(
        {b"0R1\r\n": b"0R1,Sm=10.0S\r\n", b"0R2\r\n": b"0R2,Ta=69.8F\r\n"}, SPEED, TEMPERATURE
    )
    assert readings(cycle)["v"].value == 4.4704
    assert readings(cycle)["t"].value == pytest.approx(21)


@in_virtual_time
async def test_rain_counted_in_hits_is_not_millimetres() -> None:
    cycle, _ = await poll({b"0R3\r\n": b"0R3,Rc=12H\r\n"}, RAINFALL)
    assert readings(cycle) == {"r": Reading("r", None, FAULT)}
    assert 'r: the instrument says "hits" where the station file expects "mm"' in str(cycle.errors[0])


@in_virtual_time
async def test_the_heating_says_its_voltage_whatever_its_letter() -> None:
    for letter in "NVFW":
        cycle, _ = await poll({b"0R5\r\n": f"0R5,Vh=14.1{letter}\r\n".encode()}, HEATING)
        assert readings(cycle)["h"].value == 14.1


@in_virtual_time
async def test_a_message_that_it_refuses_costs_its_own_channels() -> None:
    cycle, _ = await poll(
        {**MANUAL, b"0R3\r\n": b"0TX,Unable to measure error\r\n"}, RAINFALL, SPEED, HEATING
    )
    assert readings(cycle) == {
        "v": Reading("v", 4.1),
        "r": Reading("r", None, FAULT),
        "h": Reading("h", 14.1),
    }
    assert "not activated" in str(cycle.errors[0])
    with pytest.raises(Refused):
        await poll({b"0R3\r\n": b"0TX,Unable to measure error\r\n"}, RAINFALL)


@in_virtual_time
async def test_silence_ends_the_poll_after_one_timeout() -> None:
    cycle, asked = await poll({b"0R1\r\n": WIND}, SPEED, TEMPERATURE, RAINFALL)
    assert asked == [b"0R1\r\n", b"0R2\r\n"]
    assert readings(cycle)["t"] == Reading("t", None, SILENT)
    assert readings(cycle)["r"] == Reading("r", None, SILENT)
    with pytest.raises(NoAnswer):
        await poll({}, SPEED, TEMPERATURE)


@in_virtual_time
async def test_a_neighbour_or_another_message_is_never_taken_for_the_answer() -> None:
    for wrong in (WIND.replace(b"0R1", b"1R1"), AIR, WIND[:20] + WIND[5:]):
        with pytest.raises(Garbled):
            await poll({b"0R1\r\n": wrong}, SPEED)


@in_virtual_time
async def test_in_automatic_mode_a_slow_rain_counts_until_it_is_too_old() -> None:
    line = SimulatedLine(streams=True)
    driver = VaisalaWxtDriver(settings(SPEED, RAINFALL, mode="automatic"), line.bus)
    async with line.bus:
        line.say(RAIN, 0.5)
        for second in range(1, 15):
            line.say(WIND, second)
        await line.bus._open()
        for second in range(1, 6):
            cycle = await driver.read()
            assert [block.at_mono_ms for block in cycle.blocks] == [500, 1000 * second]
            assert readings(cycle)["r"] == Reading("r", 0.01)
        cycle = await driver.read()
        assert readings(cycle)["r"] == Reading("r", None, FAULT)
        assert readings(cycle)["v"].flags == 0


@in_virtual_time
async def test_a_lost_calibration_is_told_and_flags_the_poll() -> None:
    line = SimulatedLine(streams=True)
    driver = VaisalaWxtDriver(settings(SPEED, mode="automatic"), line.bus)
    async with line.bus:
        line.say(b"0TX,Start-up\r\n" + WIND, 1)
        await line.bus._open()
        cycle = await driver.read()
        assert readings(cycle)["v"] == Reading("v", 4.1)
        assert [str(error) for error in cycle.errors] == ["the instrument says 'Start-up'"]
        line.say(b"0TX,Factory reset\r\n" + WIND, 1)
        assert readings(await driver.read())["v"] == Reading("v", 4.1, FAULT)


@pytest.mark.parametrize("mode", ["polled", "automatic"])
@pytest.mark.parametrize("fault", ALL_FAULTS)
@in_virtual_time
async def test_whatever_goes_wrong_no_value_is_read_that_was_not_said(fault: str, mode: str) -> None:
    station = station_of(table(mode=mode))
    line = twin_line(station, [f"{fault}%30"])
    polls = await polled(station, line, 40)
    assert_honest(polls, line)
    assert any(poll.cycle and not poll.said for poll in polls)


@in_virtual_time
async def test_two_on_one_line_each_answer_for_themselves() -> None:
    station = station_of(table('"a"'), table(3))
    line = twin_line(station, ["late=1.5%20", "noise%20"])
    polls = await polled(station, line, 20)
    assert_honest(polls, line)
    assert {poll.device for poll in polls if not poll.said} == {"a", "b"}
    assert {request[:1] for _, request in line.requests} == {b"a", b"3"}


@pytest.mark.system
@pytest.mark.parametrize("mode", ["polled", "automatic"])
@pytest.mark.parametrize("url", [SERIAL, TCP])
async def test_on_a_real_wire(url: str, mode: str, tmp_path: Path) -> None:
    polls, served = await read_on_a_real_wire(station_of(table(mode=mode), url=url), tmp_path)
    assert_read_what_was_served(polls, served)
    assert 95 < float(str(polls[0].values["pressure"])) < 105


def test_two_with_one_address_on_one_line_are_a_mistake() -> None:
    with pytest.raises(StationFileError, match='address of device "a" too'):
        station_of(table('"0"'), table(0))


@pytest.mark.parametrize(
    ("others", "wrong"),
    [
        ({"channel": ({"id": "Tz", "unit": "degC"},)}, 'the answer has no field "Tz"'),
        ({"channel": ({"id": "Ta", "unit": "hPa"},)}, "which hPa cannot be made of"),
        ({"channel": (SPEED,), "mode": "automatic", "composite": True}, "nobody asks"),
    ],
)
def test_mistakes_in_the_station_file(others: Mapping[str, object], wrong: str) -> None:
    assert wrong in " ".join(problem.message for problem in Settings.model_validate(others).problems())


def test_the_configuration_record_says_what_is_asked() -> None:
    assert settings(SPEED, RAINFALL, unit="b", crc=True).rows()[0][:4] == ["v", "br1 br3", "Sm", "text"]
    assert settings(SPEED, mode="automatic").rows()[0][1] == ""
