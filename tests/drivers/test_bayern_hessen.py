"""Bayern-Hessen on a line: manuals' answers as readings, whose they are, and what status words make of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers.bayern_hessen import BayernHessenDriver, Settings
from drivers.driver import Cycle
from drivers.errors import Garbled
from drivers.protocols.bayern_hessen import SetMode, encode_request
from drivers.protocols.bayern_hessen_frame import Framing, encode_frame
from sim.talkers.bayern_hessen import BayernHessenTalker
from telemetry.reading import Flag, Reading
from tests.drivers.air_analyzers import BAYERN_HESSEN, flags, readings, talking
from tests.drivers.air_analyzers import asked as analyzer_asked
from tests.virtual_time import in_virtual_time

FAULT = int(Flag.INSTRUMENT_FAULT)
CALIBRATION, MAINTENANCE = int(Flag.CALIBRATION), int(Flag.MAINTENANCE)


def channel(id_: str, field: str, unit: str = "ppb", **more: Any) -> dict[str, Any]:
    return {"id": id_, "field": field, "unit": unit, **more}


def settings(dialect: str, unit: int, *channels: dict[str, Any], **more: Any) -> Settings:
    text = json.dumps({"dialect": dialect, "unit": unit, "channel": channels, **more})
    found = Settings.model_validate_json(text)
    assert list(found.problems()) == []
    return found


async def said(asked: Settings, *frames: bytes, **line_settings: Any) -> tuple[Cycle, list[bytes]]:
    """What the driver makes of these answers, one for each request, and what it sent."""
    answers = list(frames)
    return await analyzer_asked(
        BayernHessenDriver, asked, lambda _: answers.pop(0) if answers else None, **line_settings
    )


SO2 = settings("ecotech-old", 97, channel("SO2", "1", "ppb"), values=1)
NOX = settings(
    "thermo", 1, channel("NO", "1"), channel("NO2", "2"), channel("NOx", "3"), values=3, query="DA 14"
)
SO2_ANSWER = b"\x02MD01 097 +1532+02 40 00 000 00000000 \x0324"
NOX_ANSWER = b"\x02MD03 001 +2578+01 03 04  002 +5681+00 03 04  003 +1175+01 03 04  \x033C"


@in_virtual_time
async def test_a_serinus_says_153_ppb() -> None:
    cycle, sent = await said(SO2, SO2_ANSWER)
    assert sent == [b"\x02DA097\x033A"]
    assert readings(cycle) == (Reading("SO2", 153.2),)
    assert cycle.errors == ()


@in_virtual_time
async def test_three_values_of_a_42i_come_in_one_answer_with_their_status() -> None:
    cycle, sent = await said(NOX, NOX_ANSWER)
    assert sent == [b"\x02DA  1\x03" + sent[0][-2:]]
    # Operating status 03: service mode and maintenance; failure 04: a bit that no table names.
    flags = MAINTENANCE | FAULT
    assert readings(cycle) == (
        Reading("NO", 25.78, flags),
        Reading("NO2", 5.681, flags),
        Reading("NOx", 11.75, flags),
    )
    assert "NO: the instrument reports bit 0004, which no table names (status 0304)" in str(cycle.errors[0])
    assert len(cycle.blocks) == 1


@pytest.mark.parametrize(
    ("bits", "flags"),
    [
        ({"0300": "calibration"}, CALIBRATION | FAULT),
        ({"0100": "valid", "0004": "valid"}, MAINTENANCE),
        ({"0200": "valid", "0100": "valid", "0004": "warming_up"}, int(Flag.WARMING_UP)),
    ],
)
@in_virtual_time
async def test_bits_that_the_manual_on_the_desk_has_otherwise_mean_what_the_file_says(
    bits: dict[str, str], flags: int
) -> None:
    three = (channel("NO", "1"), channel("NO2", "2"), channel("NOx", "3"))
    cycle, _ = await said(settings("thermo", 1, *three, values=3, status_bits=bits), NOX_ANSWER)
    assert {reading.flags for reading in readings(cycle)} == {flags}


def test_bits_that_tell_the_unit_mean_nothing_else() -> None:
    asked = Settings.model_validate({**SO2.model_dump(), "status_bits": {"4100": "calibration"}})
    assert [(problem.path, problem.message) for problem in asked.problems()] == [
        (("status_bits",), "4100: these bits tell the unit of the value")
    ]


@in_virtual_time
async def test_a_span_check_is_never_taken_for_outside_air() -> None:
    frame = encode_frame("MD02 097 +1532+02 48 00 00000000 098 +4567-02 44 22 00000000 ", Framing.BCC)
    two = settings("ecotech-old", 97, channel("NO", "097"), channel("NO2", "098"), values=2)
    cycle, _ = await said(two, frame)
    assert readings(cycle) == (
        Reading("NO", 153.2, CALIBRATION),
        Reading("NO2", 0.04567, CALIBRATION | FAULT),
    )
    assert [str(error) for error in cycle.errors] == [
        "NO2: the instrument reports instrument failure, cell heater failure (status 4422)"
    ]


@in_virtual_time
async def test_an_analyzer_that_was_switched_to_mass_gives_no_ppb() -> None:
    frame = encode_frame("MD01 097 +1532+02 00 00 000 00000000 ", Framing.BCC)
    cycle, _ = await said(SO2, frame)
    assert readings(cycle) == (Reading("SO2", None, FAULT),)
    assert 'says "gravimetric" where the station file expects "ppb"' in str(cycle.errors[0])
    mass, _ = await said(settings("ecotech-old", 97, channel("SO2", "1", "ug/m3"), values=1), frame)
    assert readings(mass) == (Reading("SO2", 153.2),)


CO = settings(
    "teledyne-type-2",
    310,
    channel("CO", "310", "ppb"),
    channel("CO2", "311", "%vol"),
    model="teledyne-t300",
)


@in_virtual_time
async def test_gases_of_a_t300_are_found_by_identification_and_converted_by_powers_of_ten() -> None:
    frame = encode_frame("MD02 310 +1250+00 60 00 000 000000 311 +4100+02 60 00 000 000000 ", Framing.BCC)
    cycle, _ = await said(CO, frame)
    assert readings(cycle) == (Reading("CO", 1250.0), Reading("CO2", 0.041))
    swapped = encode_frame("MD02 311 +4100+02 60 00 000 000000 310 +1250+00 60 00 000 000000 ", Framing.BCC)
    assert readings((await said(CO, swapped))[0]) == readings(cycle)


@in_virtual_time
async def test_what_the_instrument_takes_back_is_no_value() -> None:
    frame = encode_frame("MD02 310 +1250+00 60 80 000 000000 311 +4100+02 64 00 000 000000 ", Framing.BCC)
    cycle, _ = await said(CO, frame)
    assert readings(cycle) == (Reading("CO", None, FAULT), Reading("CO2", 0.041, CALIBRATION))
    assert "CO: the instrument reports invalid concentration" in str(cycle.errors[0])


@in_virtual_time
async def test_a_gas_that_is_no_longer_reported_has_no_value_and_takes_nobody_elses() -> None:
    frame = encode_frame("MD01 310 +1250+00 60 00 000 000000 ", Framing.BCC)
    cycle, _ = await said(CO, frame)
    assert readings(cycle) == (Reading("CO", 1250.0), Reading("CO2", None, FAULT))
    assert 'CO2: the answer has no value "311" of its own; there are: 310' in str(cycle.errors[0])


@in_virtual_time
async def test_the_gas_of_an_acoem_is_told_by_its_number() -> None:
    both = settings("ecotech-new", 30, channel("NO", "gas 001"), channel("NO2", "gas 002"))
    frame = encode_frame("MD02 030 +2578+01 40 00 002 001234 030 +5384+00 41 20 001 001234 ", Framing.BCC)
    cycle, _ = await said(both, frame)
    out_of_service = int(Flag.OUT_OF_SERVICE)
    assert readings(cycle) == (Reading("NO", 5.384, out_of_service | FAULT), Reading("NO2", 25.78))
    twice = encode_frame("MD02 030 +2578+01 40 00 001 001234 030 +5384+00 40 00 001 001234 ", Framing.BCC)
    assert [reading.value for reading in readings((await said(both, twice))[0])] == [None, None]


@in_virtual_time
async def test_an_instrument_that_was_set_up_anew_shifts_no_value_to_another_channel() -> None:
    two = "MD02 001 +2578+01 00 00  002 +5681+00 00 00  "
    cycle, _ = await said(NOX, encode_frame(two, Framing.BCC))
    assert readings(cycle) == tuple(Reading(name, None, FAULT) for name in ("NO", "NO2", "NOx"))
    (error,) = cycle.errors
    assert "has 2 values, not 3" in str(error)
    none, _ = await said(SO2, encode_frame("MD00", Framing.BCC))
    assert readings(none) == (Reading("SO2", None, FAULT),)


@in_virtual_time
async def test_a_horiba_is_asked_without_address_or_check_and_has_whole_mantissas() -> None:
    apna = settings("horiba", 11, channel("NO", "011"), channel("NOx", "013"), query="DA", check=False)
    line = "MD03 011 +1234-02 00 00 000 000000 012 +0567-02 00 00 000 000000 013 +1801-02 02 00 000 000000 "
    cycle, sent = await said(apna, encode_frame(line, Framing.CR))
    assert sent == [b"\x02DA\r"]
    assert readings(cycle) == (Reading("NO", 12.34), Reading("NOx", 18.01, MAINTENANCE))
    with pytest.raises(Garbled):
        await said(
            settings("horiba", 10, channel("NO", "010"), query="DA", check=False),
            encode_frame(line, Framing.CR),
        )


@in_virtual_time
async def test_the_station_file_can_word_what_a_manual_does_not_say() -> None:
    bam = settings(
        "ecotech-new", 1, channel("PM10", "1", "mg/m3"), values=1, identifications="rising", mantissa="whole",
        joined_status=True, replies="text", tails=[[]],
    )  # fmt: skip
    cycle, _ = await said(bam, b"\rMD01 001 +1500-05 0000 \r")
    assert readings(cycle) == (Reading("PM10", 0.015),)


@in_virtual_time
async def test_the_answer_of_another_instrument_is_not_ours() -> None:
    other = encode_frame("MD01 098 +1532+02 40 00 000 00000000 ", Framing.BCC)
    with pytest.raises(Garbled):
        await said(SO2, other)
    cycle, _ = await said(SO2, other + SO2_ANSWER)
    assert readings(cycle) == (Reading("SO2", 153.2),)


@in_virtual_time
async def test_a_channel_is_no_whole_number_because_its_exponent_is_high() -> None:
    for number, value in (("+1532+02", "153.2"), ("+1532+03", "1532.0"), ("+1532+04", "15320.0")):
        frame = encode_frame(f"MD01 097 {number} 40 00 000 00000000 ", Framing.BCC)
        ((_, said_value, _),) = readings((await said(SO2, frame))[0])
        assert repr(said_value) == value


@in_virtual_time
async def test_a_damaged_answer_is_asked_for_again() -> None:
    damaged = SO2_ANSWER.replace(b"1532", b"1533")
    cycle, sent = await said(SO2, damaged, SO2_ANSWER, retries=1)
    assert readings(cycle) == (Reading("SO2", 153.2),)
    assert len(sent) == 2


MISTAKES: dict[str, tuple[dict[str, Any], tuple[str | int, ...], str]] = {
    "no count": ({"values": None}, ("channel", 0, "field"), "write how many values an answer has"),
    "beyond the count": (
        {"channel": [channel("SO2", "2")]},
        ("channel", 0, "field"),
        "an answer has 1 values",
    ),
    "the channel's own name": (
        {"channel": [{"id": "SO2", "unit": "ppb"}]},
        ("channel", 0, "id"),
        'no value is called "SO2": "1" is the first value',
    ),
    "gases of a maker that has none": (
        {"channel": [channel("SO2", "gas 001")]},
        ("channel", 0, "field"),
        "which gas",
    ),
    "several of one identification": (
        {"dialect": "ecotech-new", "values": 2, "channel": [channel("SO2", "097")]},
        ("channel", 0, "field"),
        "name their places",
    ),
    "a Teledyne without its model": (
        {"dialect": "teledyne-type-1"},
        ("model",),
        "teledyne-t200, teledyne-t300",
    ),
    "a Teledyne's table for another": ({"model": "teledyne-t400"}, ("model",), "tables are: ecotech"),
    "no tail at all": ({"tails": []}, ("tails",), "at least one form"),
    "names of two kinds": (
        {"channel": [channel("SO2", "1"), channel("H2S", "098")]},
        ("channel",),
        "all values by place",
    ),
}


@pytest.mark.pure
@pytest.mark.parametrize(("more", "path", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_station_file(
    more: dict[str, Any], path: tuple[str | int, ...], message: str
) -> None:
    table = {"dialect": "ecotech-old", "unit": 97, "values": 1, "channel": [channel("SO2", "1")], **more}
    found = list(Settings.model_validate_json(json.dumps(table)).problems())
    assert [problem.path for problem in found] == [path]
    assert message in found[0].message


@pytest.mark.pure
def test_what_a_device_says_of_itself() -> None:
    assert (SO2.address(), SO2.alone(), SO2.asks(), SO2.speech()) == (97, False, "DA097", "characters")
    assert NOX.asks() == "DA  1"
    assert SO2.rows() == [["SO2", "DA097", "1", "text", "", 1.0, 0.0, "ppb", None]]


@in_virtual_time
async def test_an_instrument_in_span_by_command_says_so(tmp_path: Path) -> None:
    line, drivers = talking(BAYERN_HESSEN, tmp_path)
    talker = line.wire.face.talker  # type: ignore[union-attr]
    assert isinstance(talker, BayernHessenTalker)
    async with line.bus:
        assert flags(await drivers["so2"].read()) == {0}
        line.write(encode_request(SetMode("K", "097")))
        assert flags(await drivers["so2"].read()) == {CALIBRATION}
        assert flags(await drivers["nox"].read()) == {0}
        line.write(encode_request(SetMode("M", "097")))
        talker.words[42] = 0x0001
        assert flags(await drivers["so2"].read()) == {0}
        assert flags(await drivers["nox"].read()) == {FAULT}
