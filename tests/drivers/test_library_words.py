"""Profiles of instruments that speak in characters, each against a stand-in that was transcribed on its own.

A profile is read through the real driver over a line in virtual time; the numbers that must come out are written here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.station import check_station
from drivers import catalogue
from drivers.driver import Cycle, DriverSettings
from drivers.profile import names, read
from drivers.protocols.text import xor_of
from sim.devices import ecotech, met_one, teledyne_words, thermo_iseries, vaisala
from sim.signals import Constant, Signal
from sim.talk import Talker, TalkFace, Voice, on_one_line
from sim.talkers.bam1020 import Bam1020Talker
from sim.talkers.bayern_hessen import BayernHessenTalker
from sim.talkers.clink import ClinkTalker
from sim.talkers.nmea0183 import Nmea0183Talker
from sim.talkers.teledyne import TeledyneTalker
from sim.talkers.vaisala_wxt import VaisalaWxtTalker
from telemetry.reading import Flag
from tests.drivers.simulated_talk import SimulatedLine, TalkingLine
from tests.drivers.talker_bench import polled, twin_line
from tests.virtual_time import in_virtual_time

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "stations"
CALIBRATION, FAULT = int(Flag.CALIBRATION), int(Flag.INSTRUMENT_FAULT)
BY_MODBUS = {name for name in names() if read(name).about.driver == "modbus"}


@dataclass(frozen=True)
class Case:
    """A stand-in, what a station file adds to the profile, and what must be read: channel to value."""

    build: Callable[[], Talker]
    values: Mapping[str, float | str]
    own: Mapping[str, Any] = field(default_factory=dict)


def constants(values: Mapping[str, float]) -> dict[str, Signal]:
    return {channel: Constant(value) for channel, value in values.items()}


def hessen(unit: int, voice: Callable[[], Voice[Any]]) -> Callable[[], Talker]:
    return lambda: BayernHessenTalker(*on_one_line({unit: voice()}))


def clink(voice: Callable[[], Voice[Any]]) -> Callable[[], Talker]:
    return lambda: ClinkTalker(*on_one_line({48: voice()}))


def words(voice: Callable[[], Voice[Any]]) -> Callable[[], Talker]:
    return lambda: TeledyneTalker(*on_one_line({101: voice()}))


def bam(channel: str) -> Case:
    weather: dict[str, float] = {
        "wind-speed": 2.5,
        "wind-direction": 212.0,
        "humidity": 34.5,
        "temperature": 28.5,
    }
    values: dict[str, float | str] = {channel: 42, "volume": 0.834, "pressure": 757 * 1.33322387415}
    values |= {"Time": "2026-11-18T11:00:00", **weather}
    return Case(
        lambda: Bam1020Talker(
            *on_one_line(
                {
                    1: met_one.bam1020(
                        "dust", (channel, Constant(42)), constants(weather), pressure_hpa=MMHG_757
                    )
                }
            )
        ),
        values,
    )


MMHG_757 = Constant(757 * 1.33322387415)
AIR = {
    "wind-direction": 182.0,
    "wind-speed": 4.1,
    "wind-gust": 5.8,
    "temperature": 21.0,
    "humidity": 60.8,
    "pressure": 1007.2,
    "rain": 0.25,
    "rain-rate": 0.6,
    "supply": 14.3,
}
CASES: dict[str, Case] = {
    "thermo-42i-bh": Case(
        hessen(
            42,
            lambda: thermo_iseries.i42(
                "n", 42, no_ppb=Constant(25.78), no2_ppb=Constant(5.681), nox_ppb=Constant(31.46)
            ),
        ),
        {"NO": 25.78, "NO2": 5.681, "NOx": 31.46, "PRE": 25.78},
        {"unit": 42},
    ),
    "thermo-49i-bh": Case(
        hessen(49, lambda: thermo_iseries.i49("o", 49, o3_ppb=Constant(30.78))), {"O3": 30.78}, {"unit": 49}
    ),
    "ecotech-serinus-10-bh": Case(
        hessen(10, lambda: ecotech.serinus("o", 10, "O3", Constant(30.78))), {"O3": 30.78}, {"unit": 10}
    ),
    "ecotech-serinus-30-bh": Case(
        hessen(30, lambda: ecotech.serinus("c", 30, "CO", Constant(1.532))), {"CO": 1.532}, {"unit": 30}
    ),
    "ecotech-serinus-40-bh": Case(
        hessen(40, lambda: ecotech.serinus40("n", 40, no_ppb=Constant(25.7), nox_ppb=Constant(31.4))),
        {"NO": 25.7, "NOx": 31.4},
        {"unit": 40},
    ),
    "ecotech-serinus-50-bh": Case(
        hessen(97, lambda: ecotech.serinus("s", 97, "SO2", Constant(153.2))), {"SO2": 153.2}, {"unit": 97}
    ),
    "acoem-serinus-10-bh": Case(
        hessen(10, lambda: ecotech.acoem("o", 10, "O3", Constant(30.78))), {"O3": 30.78}, {"unit": 10}
    ),
    "acoem-serinus-30-bh": Case(
        hessen(30, lambda: ecotech.acoem("c", 30, "CO", Constant(1.532))), {"CO": 1.532}, {"unit": 30}
    ),
    "teledyne-t300-bh": Case(
        hessen(
            310,
            lambda: teledyne_words.t300_hessen(
                "c", co_ppm=Constant(1.25), co2_percent=Constant(0.041), o2_percent=Constant(20.9)
            ),
        ),
        {"CO": 1.25, "CO2": 0.041, "O2": 20.9},
    ),
    "teledyne-t400-bh": Case(
        hessen(400, lambda: teledyne_words.t400_hessen("o", o3_ppb=Constant(41.3))), {"O3": 41.3}
    ),
    "met-one-bam1020-pm10": bam("PM10"),
    "met-one-bam1020-pm25": bam("PM2.5"),
    "vaisala-wxt520": Case(
        lambda: VaisalaWxtTalker(
            *on_one_line(
                {1: vaisala.wxt520("w", "0", constants(AIR | {"heating-temperature": 16.0}), crc=True)}
            )
        ),
        AIR | {"heating-temperature": 16.0},
        {"crc": True},
    ),
    "vaisala-wxt530-nmea": Case(
        lambda: Nmea0183Talker(*on_one_line({1: vaisala.wxt530_nmea("w", constants(AIR))})), AIR
    ),
    "vaisala-wmt700-nmea": Case(
        lambda: Nmea0183Talker(
            *on_one_line(
                {
                    1: vaisala.wmt700_nmea(
                        "w", direction_deg=Constant(45), speed_m_s=Constant(11.63 * 1852 / 3600)
                    )
                }
            )
        ),
        {"wind-direction": 45, "wind-speed": 11.63 * 1852 / 3600},
    ),
    "thermo-48i-clink": Case(
        clink(
            lambda: thermo_iseries.i48_clink(
                "c", co_ppm=Constant(1.405), pressure_mmhg=Constant(753.4), flow_l_min=Constant(1.108)
            )
        ),
        {"CO": 1.405, "pressure": 753.4, "flow": 1.108, "flags": 0},
        {"unit": 48},
    ),
    "thermo-49i-clink": Case(
        clink(
            lambda: thermo_iseries.i49_clink(
                "o", o3_ppb=Constant(30.781), pressure_mmhg=Constant(753.4), flow_l_min=Constant(0.707)
            )
        ),
        {"O3": 30.781, "pressure": 753.4, "flow-a": 0.707, "flow-b": 0.707, "flags": 0},
        {"unit": 48},
    ),
    "teledyne-t101-ascii": Case(
        words(lambda: teledyne_words.t101_words("s", 101, so2_ppb=Constant(261.4), h2s_ppb=Constant(331.6))),
        {"SO2": 261.4, "H2S": 331.6, "pmt-temperature": 7.0, "converter-temperature": 315.0},
        {"unit": 101},
    ),
    "teledyne-t400-ascii": Case(
        words(lambda: teledyne_words.t400_words("o", 101, o3_ppb=Constant(41.3))),
        {"O3": 41.3, "sample-flow": 0.78, "box-temperature": 30.2},
        {"unit": 101},
    ),
}


def settings(name: str, own: Mapping[str, Any]) -> DriverSettings:
    profile = read(name)
    model = catalogue.settings(profile.about.driver)
    found = model.model_validate_json(json.dumps({**profile.table, **own}))
    assert list(found.problems()) == []
    return found


async def poll(name: str, line: SimulatedLine) -> Cycle:
    driver = catalogue.driver(read(name).about.driver)
    async with line.bus:
        return await driver(settings(name, CASES[name].own), line.bus).read()


def of(cycle: Cycle) -> dict[str, Any]:
    return {reading.channel: reading for block in cycle.blocks for reading in block.readings}


def test_no_profile_that_speaks_in_characters_is_without_a_simulator() -> None:
    assert set(names()) == BY_MODBUS | set(CASES)


@pytest.mark.parametrize("name", CASES)
@in_virtual_time
async def test_a_profile_reads_its_instrument(name: str) -> None:
    case = CASES[name]
    cycle = await poll(name, TalkingLine(TalkFace(case.build())))
    assert [str(error) for error in cycle.errors] == []
    readings = of(cycle)
    values = {channel: reading.value for channel, reading in readings.items()}
    assert values == {
        channel: value if isinstance(value, str) else pytest.approx(value, rel=1e-9)
        for channel, value in case.values.items()
    }
    assert {channel for channel, reading in readings.items() if reading.flags} == set()


@pytest.mark.parametrize("name", CASES)
@in_virtual_time
async def test_what_the_stand_in_served_is_what_the_driver_read(name: str) -> None:
    """The account of the simulators, which the demo compares with the centre."""
    line = TalkingLine(TalkFace(CASES[name].build()))
    readings = of(await poll(name, line))
    served = {channel: value for each in line.wire.served.kept for channel, value in each.values.items()}
    assert {channel: reading.value for channel, reading in readings.items()} == {
        channel: served[channel]
        if isinstance(served[channel], str)
        else pytest.approx(served[channel], rel=1e-9)
        for channel in readings
    }


@pytest.mark.parametrize("name", CASES)
@in_virtual_time
async def test_its_example_station_is_in_order_and_its_twin_is_well(name: str) -> None:
    station = check_station((EXAMPLES / f"{name}.toml").read_text(encoding="utf-8"), Path("station.toml"))
    assert [device.profile for device in station.devices] == [name]
    (poll,) = await polled(station, twin_line(station))
    assert poll.said == ""
    assert {reading.flags for reading in poll.readings.values()} == {0}


def frame(text: str) -> bytes:
    """STX text ETX check."""
    framed = f"\x02{text}\x03".encode()
    return framed + b"%02X" % xor_of(framed)


FOUR_OF_A_42I = (
    "MD04 042 +2578+01 03 04 0000000000 043 +5681+00 03 04 0000000000 "
    "044 +1175+01 03 04 0000000000 045 +0000+00 03 04 0000000000 "
)


@pytest.mark.parametrize(
    ("name", "answer", "values", "flags"),
    [
        (  # 42i Trace Level D-6, with the fourth value of its list; status 03, error 04 of the example
            "thermo-42i-bh",
            FOUR_OF_A_42I,
            {"NO": 25.78, "NO2": 5.681, "NOx": 11.75, "PRE": 0},
            int(Flag.MAINTENANCE) | FAULT,
        ),
        ("ecotech-serinus-50-bh", "MD01 097 +1532+02 40 00 000 00000000 ", {"SO2": 153.2}, 0),  # S44 p. 170
        ("ecotech-serinus-50-bh", "MD01 097 +1532+02 48 00 000 00000000 ", {"SO2": 153.2}, CALIBRATION),
        ("ecotech-serinus-50-bh", "MD01 097 +1532+02 40 01 000 00000000 ", {"SO2": 153.2}, FAULT),
        (
            "ecotech-serinus-40-bh",
            "MD02 040 +2570+01 44 00 00000000 041 +3140+01 44 00 00000000 ",
            {"NO": 25.7, "NOx": 31.4},
            CALIBRATION,
        ),
        ("acoem-serinus-30-bh", "MD01 030 +1532+00 40 20 002 100730 ", {"CO": 1.532}, FAULT),
        ("teledyne-t400-bh", "MD01 400 +4130+01 44 00 000 000000 ", {"O3": 41.3}, CALIBRATION),
        ("teledyne-t400-bh", "MD01 400 +4130+01 40 01 000 000000 ", {"O3": 41.3}, FAULT),
    ],
)
@in_virtual_time
async def test_status_words_of_a_transcript_become_flags(
    name: str, answer: str, values: dict[str, float], flags: int
) -> None:
    readings = of(await poll(name, SimulatedLine(lambda _: [(0.05, frame(answer))])))
    assert {channel: reading.value for channel, reading in readings.items()} == pytest.approx(values)
    assert {reading.flags for reading in readings.values()} == {flags}


LETTERS = "E,U,M,I,L,R,N,F,P,D,C,T"
BAM_HEADER = f"Time,Conc(mg/m3),Qtot(m3),WS(MPS),WD(DEG),BP(mm),RH(%),Delta(C),AT(C),{LETTERS}"


@pytest.mark.parametrize(
    ("letters", "value", "flags"),
    [
        ("0,0,0,0,0,0,0,0,0,0,0,0", 84, 0),
        ("0,0,1,0,0,0,0,0,0,0,0,0", None, int(Flag.MAINTENANCE)),
        ("0,0,0,0,1,0,0,0,0,0,0,0", None, FAULT),
        ("1,0,0,0,0,0,0,0,0,0,0,1", 84, FAULT),  # as the report has it: E is not described, T is the tape
    ],
)
@in_virtual_time
async def test_the_report_of_a_real_bam_and_what_its_letters_flag(
    letters: str, value: float | None, flags: int
) -> None:
    record = f"01/30/08 16:00, 0.084, 0.834, 0.0,0,757,30,57.0,27.1,{letters},"
    answers = {b"\x1bQH\r": BAM_HEADER, b"\x1bQ\r": record}
    line = SimulatedLine(lambda request: [(0.05, f"{answers[request]}\r\n".encode())])
    readings = of(await poll("met-one-bam1020-pm10", line))
    assert (readings["PM10"].value, readings["PM10"].flags) == (value, flags)
    assert readings["Time"].value == "2008-01-30T16:00:00"
    assert readings["pressure"].value == (None if value is None else pytest.approx(1009.25, abs=0.01))


@in_virtual_time
async def test_a_wxt520_of_the_manual_is_read_with_its_units_and_without_what_it_does_not_say() -> None:
    answers = {  # M210906EN-C, p. 78 and domain: F is degF, # is no value
        b"0R1\r\n": "0R1,Dn=160D,Dm=182D,Dx=197D,Sn=3.0M,Sm=4.1M,Sx=5.8M",
        b"0R2\r\n": "0R2,Ta=74.6F,Ua=14.7P,Pa=1012.9H",
        b"0R3\r\n": "0R3,Rc=0.10M,Rd=2380s,Ri=0.0M,Hc=0.0M,Hd=0s,Hi=0.0M",
        b"0R5\r\n": "0R5,Th=76.1F,Vh=11.5N,Vs=11.5#,Vr=3.510V,Id=HEL___",
    }
    line = SimulatedLine(lambda request: [(0.05, f"{answers[request]}\r\n".encode())])
    driver = catalogue.driver("vaisala_wxt")
    async with line.bus:
        readings = of(await driver(settings("vaisala-wxt520", {}), line.bus).read())
    assert readings["wind-direction"].value == 182
    assert readings["wind-gust"].value == 5.8
    assert readings["temperature"].value == pytest.approx((74.6 - 32) / 1.8)
    assert readings["pressure"].value == 1012.9
    assert readings["rain"].value == 0.1
    assert (readings["supply"].value, readings["supply"].flags) == (None, FAULT)


@in_virtual_time
async def test_the_sentences_of_the_wxt530_manual_are_its_weather() -> None:
    sentences = (  # M211840EN-C, p. 119 and 120; three of the four checksums as printed do not fit: computed
        "WIXDR,A,302,D,0,A,320,D,1,A,330,D,2,S,0.1,M,0,S,0.2,M,1,S,0.2,M,2",
        "WIXDR,C,23.3,C,0,C,24.0,C,1,H,50.1,P,0,P,1009.5,H,0",
        "WIXDR,V,0.02,M,0,Z,30,s,0,R,2.7,M,0,V,0.0,M,1,Z,0,s,1,R,0.0,M,1,R,6.3,M,2,R,0.0,M,3",
        "WIXDR,C,20.4,C,2,U,12.0,N,0,U,12.5,V,1,U,3.460,V,2,G,HEL/___,,4",
    )
    line = SimulatedLine(streams=True)
    driver = catalogue.driver("nmea0183")
    async with line.bus:
        for place, sentence in enumerate(sentences):
            line.say(f"${sentence}*{xor_of(sentence.encode()):02X}\r\n".encode(), 1 + 0.1 * place)
        readings = of(await driver(settings("vaisala-wxt530-nmea", {}), line.bus).read())
    assert {channel: reading.value for channel, reading in readings.items()} == {
        "wind-direction": 320,
        "wind-speed": 0.2,
        "wind-gust": 0.2,
        "temperature": 23.3,
        "humidity": 50.1,
        "pressure": 1009.5,
        "rain": 0.02,
        "rain-rate": 2.7,
        "supply": 12.5,
    }


@pytest.mark.parametrize(
    ("name", "answers", "channel", "value"),
    [
        (
            "thermo-48i-clink",
            {b"co": "co 4.000E+1 ppm", b"pres": "pres 753.4 mmHg"},
            "pressure",
            753.4,
        ),  # B-13
        ("thermo-48i-clink", {b"co": "co 4.000E+1 ppm"}, "CO", 40),  # as a 410i B-11 words it
        ("thermo-49i-clink", {b"o3": "o3 30.781 ppb"}, "O3", 30.781),
    ],
)
@in_virtual_time
async def test_answers_of_the_c_link_manuals(
    name: str, answers: dict[bytes, str], channel: str, value: float
) -> None:
    said = {b"gas mode": "gas mode sample", **answers}

    def answer(request: bytes) -> list[tuple[float, bytes]]:
        command = request[1:].rstrip(b"\r")
        return [(0.05, f"{said.get(command, command.decode() + ' bad cmd')}\r".encode())]

    readings = of(await poll(name, SimulatedLine(answer)))
    assert (readings[channel].value, readings[channel].flags) == (value, 0)


@in_virtual_time
async def test_the_messages_of_the_t101s_list() -> None:
    said = {  # PN05492D A-24
        b"T 101 SO2\r": "SO2=261.4 PPB",
        b"T 101 H2S/TRS\r": "H2S/TRS=331.6 PPB",
        b"T 101 PMTTEMP\r": "PMT TEMP=7.0 C",
        b"T 101 CONVTEMP\r": "CONV TEMP=315.0 C",
    }

    def answer(request: bytes) -> list[tuple[float, bytes]]:
        return [(0.05, f"T 194:11:29 0101 {said[request]}\r\n".encode())] if request in said else []

    readings = of(await poll("teledyne-t101-ascii", SimulatedLine(answer)))
    assert {channel: reading.value for channel, reading in readings.items()} == {
        "SO2": 261.4,
        "H2S": 331.6,
        "pmt-temperature": 7.0,
        "converter-temperature": 315.0,
    }
