"""Wind and weather in NMEA 0183, heard on a line that nobody asks on."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from config.errors import StationFileError
from drivers.driver import Cycle
from drivers.errors import DriverError, Garbled, NoAnswer
from drivers.nmea0183 import Nmea0183Driver, Settings
from drivers.protocols.nmea0183 import Sentence, encode_sentence
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

FAULT = int(Flag.INSTRUMENT_FAULT)
KM_H = 0.1 * 5 / 18
WIND = b"$WIMWV,214.8,R,0.1,K,A*28\r\n"
BLIND = b"$WIMWV,,R,,M,V*37\r\n"
AIR = b"$WIXDR,C,26.5,C,2,U,12.0,N,0*4B\r\n"
STATION = """\
driver = "nmea0183"
silence = "5s"
channel = [
  { id = "speed", field = "wind_speed", unit = "m/s", range = [0, 60] },
  { id = "direction", field = "wind_direction", unit = "deg", range = [0, 360] },
  { id = "temperature", field = "C:2", unit = "degC" },
  { id = "pressure", field = "P:0", unit = "mmHg" },
  { id = "humidity", field = "H:0", unit = "%RH" },
  { id = "rain", field = "V:1", unit = "mm", letter = "M" },
]
"""


def settings(*channels: Mapping[str, object], **others: object) -> Settings:
    """Of a station file that has these channels."""
    return Settings.model_validate({"channel": channels, "silence": "5s", **others})


SPEED = {"id": "v", "field": "wind_speed", "unit": "m/s"}
DIRECTION = {"id": "d", "field": "wind_direction", "unit": "deg"}
TEMPERATURE = {"id": "t", "field": "C:2", "unit": "degC"}


def sentence(address: str, *fields: str) -> bytes:
    return encode_sentence(Sentence(address, fields))


async def heard(said: list[tuple[float, bytes]], *channels: Mapping[str, object], **others: object) -> Cycle:
    """One poll of what comes after so many seconds."""
    line = SimulatedLine(streams=True)
    driver = Nmea0183Driver(settings(*channels, **others), line.bus)
    async with line.bus:
        for after_s, data in said:
            line.say(data, after_s)
        await line.bus._open()
        return await driver.read()


def readings(cycle: Cycle) -> dict[str, Reading]:
    return {reading.channel: reading for block in cycle.blocks for reading in block.readings}


@in_virtual_time
async def test_wind_in_km_h_is_read_in_m_s_for_a_channel_in_m_s() -> None:
    cycle = await heard([(1, WIND)], SPEED, DIRECTION)
    assert cycle.errors == ()
    assert readings(cycle) == {"v": Reading("v", KM_H, 0), "d": Reading("d", 214.8, 0)}
    assert [block.at_mono_ms for block in cycle.blocks] == [1000]


@in_virtual_time
async def test_wind_and_temperature_come_in_sentences_of_their_own_and_have_their_own_times() -> None:
    cycle = await heard([(1, WIND), (1.5, AIR)], SPEED, TEMPERATURE)
    assert [(block.at_mono_ms, block.readings) for block in cycle.blocks] == [
        (1000, (Reading("v", KM_H),)),
        (1500, (Reading("t", 26.5),)),
    ]


@in_virtual_time
async def test_what_the_instrument_calls_invalid_is_no_value() -> None:
    cycle = await heard([(1, BLIND)], SPEED, DIRECTION)
    assert {reading[1:] for reading in readings(cycle).values()} == {(None, FAULT)}
    assert '"wind_speed": the instrument says it is invalid' in [str(error) for error in cycle.errors]


@in_virtual_time
async def test_a_transducer_without_a_sentence_is_a_fault_and_wind_is_read() -> None:
    cycle = await heard([(at, WIND) for at in range(1, 20)], SPEED, TEMPERATURE)
    assert readings(cycle)["t"] == Reading("t", None, FAULT)
    assert readings(cycle)["v"].flags == 0
    assert [str(error) for error in cycle.errors] == ['the instrument says no "C:2"']


@in_virtual_time
async def test_a_unit_that_the_file_does_not_expect_is_a_fault_and_is_said() -> None:
    rain = {"id": "rain", "field": "U:0", "unit": "V"}
    cycle = await heard([(1, AIR)], rain)
    assert readings(cycle) == {"rain": Reading("rain", None, FAULT)}
    assert 'letter "N", which is not described' in str(cycle.errors[0])
    cycle = await heard([(1, AIR)], {**rain, "letter": "N"})
    assert readings(cycle) == {"rain": Reading("rain", 12.0)}
    cycle = await heard([(1, AIR)], {**TEMPERATURE, "letter": "F"})
    assert readings(cycle)["t"] == Reading("t", None, FAULT)
    assert 'letter "C", not "F" for degC' in str(cycle.errors[0])


@in_virtual_time
async def test_a_true_direction_is_not_taken_for_one_relative_to_the_instrument() -> None:
    true = sentence("WIMWV", "090.0", "T", "3.0", "M", "A")
    assert readings(await heard([(1, true), (2, WIND)], DIRECTION))["d"].value == 214.8
    assert readings(await heard([(1, WIND), (2, true)], DIRECTION, reference="T"))["d"].value == 90.0


@in_virtual_time
async def test_only_the_talker_that_was_named_counts() -> None:
    other = sentence("IIMWV", "090.0", "R", "3.0", "M", "A")
    assert readings(await heard([(1, WIND), (1.1, other)], DIRECTION, talker="WI"))["d"].value == 214.8
    assert readings(await heard([(1, other)], DIRECTION))["d"].value == 90.0


@in_virtual_time
async def test_a_sentence_with_a_wrong_checksum_is_waited_out() -> None:
    damaged = WIND.replace(b"0.1", b"9.1")
    assert readings(await heard([(1, damaged), (2, WIND)], SPEED))["v"].value == KM_H
    with pytest.raises(Garbled):
        await heard([(1, damaged)], SPEED)


@in_virtual_time
async def test_damaged_settings_are_told_in_words_and_flag_what_is_said_with_them() -> None:
    cycle = await heard([(1, sentence("WITXT", "01", "01", "04", "Profile reset") + WIND)], SPEED)
    assert readings(cycle)["v"].flags == FAULT
    assert "Profile reset" in str(cycle.errors[0])


@in_virtual_time
async def test_an_instrument_that_falls_silent_is_no_answer_and_its_last_wind_is_not_read_again() -> None:
    line = SimulatedLine(streams=True)
    driver = Nmea0183Driver(settings(SPEED), line.bus)
    async with line.bus:
        line.say(WIND, 1)
        await line.bus._open()
        await driver.read()
        with pytest.raises(NoAnswer, match="nothing came within 5 s"):
            await driver.read()


@pytest.mark.parametrize("fault", ALL_FAULTS)
@in_virtual_time
async def test_whatever_goes_wrong_no_value_is_read_that_was_not_said(fault: str) -> None:
    station = station_of(STATION)
    line = twin_line(station, [f"{fault}%30"])
    polls = await polled(station, line, 40)
    assert_honest(polls, line)
    assert any(poll.cycle and not poll.said for poll in polls)


@in_virtual_time
async def test_nothing_but_damage_is_never_a_value() -> None:
    station = station_of(STATION)
    for fault in ("silent", "truncated=20"):
        polls = await polled(station, twin_line(station, [fault]), 3)
        assert all(isinstance(poll.error, DriverError) for poll in polls), fault


@pytest.mark.system
@pytest.mark.parametrize("url", [SERIAL, TCP])
async def test_on_a_real_wire(url: str, tmp_path: Path) -> None:
    polls, served = await read_on_a_real_wire(station_of(STATION, url=url), tmp_path)
    assert_read_what_was_served(polls, served)
    assert 600 < float(str(polls[0].values["pressure"])) < 900


@pytest.mark.parametrize(
    ("channel", "wrong"),
    [
        ({"id": "x", "unit": "m/s"}, 'no field "x": wind_speed, wind_direction, or type and name'),
        ({"id": "x", "field": "C:2", "unit": "hPa"}, "is said in degC or degF, which hPa cannot be made of"),
        ({"id": "x", "field": "R:1", "unit": "mm"}, "does not tell its unit, write the letter"),
        (
            {"id": "x", "field": "wind_speed", "unit": "m/s", "scale": 0.5},
            "taken into the channel's: remove it",
        ),
        (
            {"id": "x", "field": "wind_speed", "unit": "kn", "letter": "N"},
            "only a transducer of XDR needs it",
        ),
    ],
)
def test_mistakes_in_the_station_file(channel: dict[str, object], wrong: str) -> None:
    assert wrong in " ".join(problem.message for problem in settings(channel).problems())


def test_an_instrument_that_talks_by_itself_has_its_line_for_itself() -> None:
    with pytest.raises(StationFileError, match="talks by itself"):
        station_of(STATION, STATION)
