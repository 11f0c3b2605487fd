"""A status channel's number becomes flags of the channels it speaks for, in the same poll."""

import json
from typing import Any

import pytest

from drivers.ascii import Settings as AsciiSettings
from drivers.modbus_settings import Settings as ModbusSettings
from drivers.status import StatusRule, flagged, rule
from drivers.system import Settings as SystemSettings
from telemetry.reading import Block, Flag, Reading
from tests.drivers.test_modbus import Instrument, channel, driver, flags, values
from tests.drivers.test_modbus_settings import problems

pytestmark = pytest.mark.pure

GOOD_OR_BAD = {
    "0": "valid",
    "1": "implausible",
    "2": "instrument fault",
    "3": "out of service",
    "other": "instrument fault",
}


def status(name: str, address: int, meanings: dict[str, str], **more: Any) -> dict[str, Any]:
    return channel(name, address, unit="1", flags=meanings, **more)


@pytest.mark.parametrize(
    ("code", "flag"),
    [
        (0, 0),
        (1, Flag.IMPLAUSIBLE),
        (2, Flag.INSTRUMENT_FAULT),
        (3, Flag.OUT_OF_SERVICE),
        (77, Flag.INSTRUMENT_FAULT),
    ],
)
async def test_a_status_flags_the_value_and_stays_an_ordinary_channel(code: int, flag: int) -> None:
    device = driver(Instrument({0: 785, 1: code}), channel("pH", 0), status("pH-status", 1, GOOD_OR_BAD))
    cycle = await device.read()
    assert values(cycle) == {"pH": 785, "pH-status": code}
    assert flags(cycle) == {"pH": flag, "pH-status": 0}
    assert cycle.errors == ()


async def test_a_status_speaks_only_for_the_channels_it_names() -> None:
    device = driver(
        Instrument({0: 785, 1: 2, 2: 284, 3: 0}),
        channel("pH", 0),
        status("pH-status", 1, GOOD_OR_BAD, flagged=["pH"]),
        channel("T", 2),
        status("T-status", 3, GOOD_OR_BAD, flagged=["T"]),
    )
    assert flags(await device.read()) == {
        "pH": Flag.INSTRUMENT_FAULT,
        "pH-status": 0,
        "T": 0,
        "T-status": 0,
    }


async def test_a_calibration_bit_in_another_table_flags_what_another_answer_brought() -> None:
    instrument = Instrument({0: 42, 16: 1})
    zero = {"id": "in-zero", "table": "discrete", "address": 16, "type": "bit", "flags": {"1": "calibration"}}
    cycle = await driver(instrument, channel("SO2", 0), zero).read()
    assert [asked[1] for asked in instrument.asked] == [3, 2]
    assert flags(cycle) == {"SO2": Flag.CALIBRATION, "in-zero": 0}
    assert len(cycle.blocks) == 2


async def test_bits_of_one_status_word_add_up() -> None:
    word = status("state", 1, {"bit0": "calibration", "bit3": "maintenance", "bit15": "stale"})
    device = driver(Instrument({0: 42, 1: 0b1001}), channel("SO2", 0), word)
    assert flags(await device.read())["SO2"] == Flag.CALIBRATION | Flag.MAINTENANCE


async def test_a_value_whose_status_is_refused_is_not_called_valid() -> None:
    instrument = Instrument({0: 785})
    instrument.missing = {100}
    device = driver(instrument, channel("pH", 0), status("pH-status", 100, GOOD_OR_BAD))
    cycle = await device.read()
    assert values(cycle)["pH"] == 785
    assert flags(cycle)["pH"] == Flag.INSTRUMENT_FAULT


def test_a_status_without_a_value_flags_even_when_it_says_no_reason() -> None:
    only = rule("s", ["a"], {"1": "calibration"})
    (block,) = flagged([Block(1, (Reading("a", 1), Reading("s", None)))], [only])
    assert block.readings[0].flags == Flag.INSTRUMENT_FAULT


def test_blocks_that_need_no_flags_are_the_same_objects() -> None:
    block = Block(1, (Reading("a", 1), Reading("s", 0)))
    assert flagged([block], [rule("s", ["a"], {"1": "calibration"})])[0] is block


@pytest.mark.parametrize(
    ("meanings", "well"),
    [
        ({"0": "valid", "1": "maintenance"}, 0),
        ({"1": "calibration"}, 0),
        ({"0": "stale"}, 1),
        ({"0": "stale", "1": "maintenance"}, 2),
        ({"0x80": "valid", "0x8A": "valid", "other": "instrument fault"}, 128),
        ({"bit0": "maintenance"}, 0),
    ],
)
def test_the_twin_knows_a_number_with_which_all_is_well(meanings: dict[str, Any], well: int) -> None:
    read: StatusRule = rule("s", ["a"], meanings)
    assert read.well() == well
    assert read.flags(Reading("s", well)) == 0


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"flags": {"high": "stale"}}, '"high" is no status: a value (3, 0x3C), a bit (bit0, the least'),
        ({"flags": {"1": "stale", "0x1": "stale"}}, "1 is there twice"),
        ({"flags": {"1": "stale", "bit3": "stale"}}, "whole values (or other) and single bits"),
        ({"flags": {"bit16": "stale"}}, "bit16: a uint16 has no such bit"),
        ({"flags": {"bit-1": "stale"}}, "bit-1: a uint16 has no such bit"),
        ({"flags": {"65536": "stale"}}, "65536 can never be read as uint16"),
        ({"flags": {"1": "stale"}, "scale": 0.1}, "only a bit or a whole number without scale and offset"),
        ({"flags": {"1": "stale"}, "type": "float32"}, "only a bit or a whole number"),
        ({"flags": {"1": "stale"}, "flagged": ["SO2"]}, '"SO2" is not another channel of this device'),
        ({"flags": {"1": "stale"}, "flagged": ["s"]}, '"s" is not another channel of this device'),
        ({"flags": {"1": "stale"}, "flagged": []}, "an empty list flags nothing"),
        ({"flagged": ["pH"]}, "this channel has no flags"),
        ({"flags": {"1": "stale"}, "address": None}, "the address is missing"),
    ],
)
def test_a_mistake_in_a_status_is_said(change: dict[str, Any], wrong: str) -> None:
    (found,) = problems(channel("pH", 10), {**channel("s", 0), "unit": "1", **change})
    assert found[0][:2] == ("channel", 1)
    assert wrong in found[1]


SWITCH = {"id": "switch", "table": "discrete", "address": 0, "type": "bit"}
RELAY = {"id": "relay", "unit": "1"}


@pytest.mark.parametrize(
    ("channel", "meanings", "wrong"),
    [
        ("switch", {"1": "calibration"}, []),
        ("switch", {"0": "maintenance", "1": "valid"}, []),
        ("switch", {"2": "calibration"}, ["2 can never be read as bit"]),
        ("switch", {"on": "calibration"}, ['"on" is no status: a value (3, 0x3C), a bit (bit0, the least']),
        (
            "switch",
            {"1": "calibrating"},
            ['"calibrating" is not one of the known words: valid, calibration,'],
        ),
        ("pH", {"1": "calibration"}, ["only a bit or a whole number without scale and offset is a status"]),
    ],
)
def test_what_a_modbus_channel_can_say_of_another_device(
    channel: str, meanings: dict[str, str], wrong: list[str]
) -> None:
    ph = {"id": "pH", "table": "holding", "address": 0, "type": "float32", "unit": "pH"}
    device = ModbusSettings.model_validate_json(json.dumps({"unit": 1, "channel": [SWITCH, ph]}))
    said = list(device.wrong_status(channel, meanings))
    assert [text[: len(begin)] for text, begin in zip(said, wrong, strict=True)] == wrong


@pytest.mark.parametrize(
    ("change", "meanings", "wrong"),
    [
        ({}, {"1": "calibration", "other": "maintenance"}, []),
        ({}, {"one": "calibration"}, ['"one" is no status']),
        ({"scale": 0.1}, {"1": "calibration"}, ["only a whole number without scale and offset is a status"]),
    ],
)
def test_what_an_instrument_of_lines_can_say_of_another_device(
    change: dict[str, Any], meanings: dict[str, str], wrong: list[str]
) -> None:
    table = {"pattern": "{relay}", "channel": [RELAY | change]}
    device = AsciiSettings.model_validate_json(json.dumps(table))
    said = list(device.wrong_status("relay", meanings))
    assert [text[: len(begin)] for text, begin in zip(said, wrong, strict=True)] == wrong


def test_a_measurement_of_any_other_driver_is_no_status() -> None:
    table = {"channel": [{"id": "load", "field": "load 1 min", "unit": "1"}]}
    (wrong,) = SystemSettings.model_validate_json(json.dumps(table)).wrong_status(
        "load", {"1": "calibration"}
    )
    assert wrong.startswith('"load" is a measurement of this driver and no status')
