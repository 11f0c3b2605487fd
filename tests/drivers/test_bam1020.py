"""Dust of the last hour, from an instrument that says its units, its time and its errors."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from drivers.bam1020 import Bam1020Driver, Settings
from drivers.driver import Cycle
from drivers.errors import Garbled, NoAnswer
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

FAULT, STALE, MAINTENANCE = int(Flag.INSTRUMENT_FAULT), int(Flag.STALE), int(Flag.MAINTENANCE)
HEADER = b"Time,Conc(mg/m3),Qtot(m3),WS(MPS),WD(DEG),BP(mm),RH(%),Delta(C),AT(C),E,U,M,I,L,R,N,F,P,D,C,T\r\n"
SOUND = b"01/30/08 16:00, 0.084, 0.834, 0.0,0,757,30,57.0,27.1,0,0,0,0,0,0,0,0,0,0,0,0,\r\n"
DUST = {"id": "PM10", "field": "Conc", "unit": "ug/m3"}
HOUR = {"id": "hour", "field": "Time"}
PRESSURE = {"id": "p", "field": "BP", "unit": "hPa"}
STATION = """\
driver = "bam1020"
channel = [
  { id = "PM10", field = "Conc", unit = "ug/m3", range = [0, 1000] },
  { id = "hour", field = "Time" },
  { id = "wind", field = "WS", unit = "m/s" },
  { id = "p", field = "BP", unit = "hPa" },
  { id = "AT", unit = "degC" },
  { id = "SO2", unit = "ppb" },
]
"""


def settings(*channels: Mapping[str, object], **others: object) -> Settings:
    return Settings.model_validate({"channel": channels, **others})


def readings(cycle: Cycle) -> dict[str, Reading]:
    return {reading.channel: reading for block in cycle.blocks for reading in block.readings}


class Bam:
    """One instrument whose records are given in turn; the last one stays."""

    def __init__(self, *records: bytes, header: bytes = HEADER) -> None:
        self.records = list(records)
        self.header = header

    def __call__(self, request: bytes) -> Iterable[tuple[float, bytes]]:
        if request in (b"\x1bQH\r", b"\x02 QCH \r"):
            return [(0.05, self.header)]
        if request in (b"\x1bQ\r", b"\x02 QC \r") and self.records:
            return [(0.05, self.records.pop(0) if len(self.records) > 1 else self.records[0])]
        return []


async def poll(bam: Bam, *channels: Mapping[str, object], **others: object) -> tuple[Cycle, list[bytes]]:
    """One poll, and what was asked."""
    line = SimulatedLine(bam)
    async with line.bus:
        cycle = await Bam1020Driver(settings(*channels, **others), line.bus).read()
    return cycle, [request for _, request in line.requests]


def with_error(letter: str) -> bytes:
    """The record with this letter set."""
    letters = "EUMILRNFPDCT"
    words = SOUND.split(b",")
    words[9 + letters.index(letter)] = b"1"
    return b",".join(words)


@in_virtual_time
async def test_the_last_hour_is_read_in_the_unit_of_the_file_with_its_own_time_beside_it() -> None:
    cycle, asked = await poll(Bam(SOUND), DUST, HOUR, PRESSURE)
    assert asked == [b"\x1bQH\r", b"\x1bQ\r", b"\x1bQ\r"]
    read = readings(cycle)
    assert read["PM10"] == Reading("PM10", 84.0)
    assert read["hour"] == Reading("hour", "2008-01-30T16:00:00")
    assert read["p"].value == pytest.approx(1009.25, abs=0.01)
    assert cycle.errors == ()


@in_virtual_time
async def test_a_modem_and_a_custom_record() -> None:
    _, asked = await poll(Bam(SOUND), DUST, lead="STX", custom=True, blank=True)
    assert asked == [b"\x02 QCH \r", b"\x02 QC \r", b"\x02 QC \r"]


@in_virtual_time
async def test_days_before_months() -> None:
    cycle, _ = await poll(Bam(SOUND.replace(b"01/30", b"30/01")), HOUR, date="DMY")
    assert readings(cycle)["hour"].value == "2008-01-30T16:00:00"


@in_virtual_time
async def test_a_digit_that_differs_between_two_answers_is_no_value() -> None:
    with pytest.raises(Garbled, match="is not the same"):
        await poll(Bam(SOUND, SOUND.replace(b"0.084", b"0.884")), DUST)


@pytest.mark.parametrize(
    ("letter", "reading", "words"),
    [
        ("L", Reading("PM10", None, FAULT), "error L: power failure"),
        ("P", Reading("PM10", None, FAULT), "error P: pressure drop"),
        ("M", Reading("PM10", None, MAINTENANCE), "error M: maintenance"),
        ("F", Reading("PM10", 84.0, FAULT), "error F: flow"),
        ("T", Reading("PM10", 84.0, FAULT), "error T: tape"),
        ("E", Reading("PM10", 84.0, FAULT), "error E: not described"),
    ],
)
@in_virtual_time
async def test_error_letters_flag_the_hour_and_take_void_values_away(
    letter: str, reading: Reading, words: str
) -> None:
    cycle, _ = await poll(Bam(with_error(letter)), DUST, HOUR)
    assert readings(cycle)["PM10"] == reading
    assert readings(cycle)["hour"].value == "2008-01-30T16:00:00"
    assert words in " ".join(map(str, cycle.errors))


@in_virtual_time
async def test_the_same_hour_for_more_than_ninety_minutes_is_stale_and_a_new_one_is_not() -> None:
    bam = Bam(SOUND)
    line = SimulatedLine(bam)
    driver = Bam1020Driver(settings(DUST), line.bus)
    async with line.bus:
        assert readings(await driver.read())["PM10"].flags == 0
        await asyncio.sleep(85 * 60)
        assert readings(await driver.read())["PM10"].flags == 0
        await asyncio.sleep(10 * 60)
        cycle = await driver.read()
        assert readings(cycle)["PM10"] == Reading("PM10", 84.0, STALE)
        assert "the record of 01/30/08 16:00 for more than 90 minutes" in str(cycle.errors[0])
        bam.records = [SOUND.replace(b"16:00", b"17:00")]
        assert readings(await driver.read())["PM10"].flags == 0


@in_virtual_time
async def test_a_unit_that_was_changed_in_the_instrument_is_followed_or_refused() -> None:
    micro = HEADER.replace(b"mg/m3", b"ug/m3"), SOUND.replace(b"0.084", b"84.0")
    cycle, _ = await poll(Bam(micro[1], header=micro[0]), DUST)
    assert readings(cycle)["PM10"].value == 84.0
    cycle, _ = await poll(Bam(SOUND, header=HEADER.replace(b"BP(mm)", b"BP(V)")), PRESSURE)
    assert readings(cycle)["p"] == Reading("p", None, FAULT)
    assert 'p: the instrument says "V" where the station file expects "hPa"' in str(cycle.errors[0])


@in_virtual_time
async def test_a_column_that_is_not_in_the_header_is_a_fault() -> None:
    cycle, _ = await poll(Bam(SOUND), DUST, {"id": "SO2", "unit": "ppb"})
    assert readings(cycle)["SO2"] == Reading("SO2", None, FAULT)
    assert readings(cycle)["PM10"].flags == 0


@in_virtual_time
async def test_a_record_that_does_not_fit_the_header_is_garbled_and_silence_is_silence() -> None:
    with pytest.raises(Garbled):
        await poll(Bam(SOUND.replace(b", 0.834", b"")), DUST)
    with pytest.raises(NoAnswer):
        await poll(Bam(), DUST)


@pytest.mark.parametrize("fault", ALL_FAULTS)
@in_virtual_time
async def test_whatever_goes_wrong_no_value_is_read_that_was_not_said(fault: str) -> None:
    station = station_of(STATION)
    line = twin_line(station, [f"{fault}%20"])
    polls = await polled(station, line, 60)
    assert_honest(polls, line)
    assert any(poll.cycle and not poll.said for poll in polls)


@pytest.mark.system
@pytest.mark.parametrize("url", [SERIAL, TCP])
async def test_on_a_real_wire(url: str, tmp_path: Path) -> None:
    polls, served = await read_on_a_real_wire(station_of(STATION, url=url), tmp_path)
    assert_read_what_was_served(polls, served)
    assert str(polls[0].values["hour"]).endswith(":00:00")
    assert 0 < float(str(polls[0].values["PM10"])) < 1000


@pytest.mark.parametrize(
    ("channel", "wrong"),
    [
        ({**HOUR, "unit": "s"}, "the time is a text"),
        ({"id": "Conc"}, "a unit of measure is needed"),
        ({**DUST, "unit": "ppm"}, "is said in mg/m3 or ug/m3, which ppm cannot be made of"),
        ({**DUST, "scale": 1000.0}, "taken into the channel's: remove it"),
    ],
)
def test_mistakes_in_the_station_file(channel: dict[str, object], wrong: str) -> None:
    assert wrong in " ".join(problem.message for problem in settings(channel).problems())
