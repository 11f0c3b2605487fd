"""Every mistake of a device table has its sentence."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.driver import ChannelMeaning
from drivers.modbus_settings import Settings
from drivers.protocols.modbus import Point

pytestmark = pytest.mark.pure


def channel(**more: Any) -> dict[str, Any]:
    table = {"id": "pH", "table": "holding", "address": 0, "type": "float32", "unit": "pH", **more}
    return {key: value for key, value in table.items() if value is not None}


def settings(*channels: dict[str, Any], **more: Any) -> Settings:
    return Settings.model_validate_json(json.dumps({"unit": 3, "channel": channels or [channel()], **more}))


def problems(*channels: dict[str, Any], **more: Any) -> list[tuple[tuple[str | int, ...], str]]:
    return [tuple(problem) for problem in settings(*channels, **more).problems()]  # type: ignore[misc]


def test_the_example_of_the_design() -> None:
    device = settings(channel(order="ABCD", scale=1.0, offset=0.0, range=[0, 14]))
    assert problems(channel()) == []
    assert device.points() == (Point("pH", "holding", 0, "float32", "ABCD", 2, None),)
    assert device.channels() == (ChannelMeaning("pH", "pH", 0.0, 14.0, 32),)
    assert device.rows() == [["pH", "holding", 0, "float32", "ABCD", 1.0, 0.0, "pH", [0.0, 14.0]]]
    assert device.address() == 3


def test_a_channel_without_range_has_no_limits() -> None:
    assert settings(channel()).channels() == (ChannelMeaning("pH", "pH", None, None, 32),)
    assert settings(channel()).rows()[0][-1] is None


def test_a_value_is_as_wide_as_its_registers_until_it_is_scaled() -> None:
    types = {"float32": 32, "uint16": 16, "int64": 64, "bcd32": 32}
    device = settings(*(channel(id=name, type=name) for name in types))
    assert {meaning.id: meaning.bits for meaning in device.channels()} == types
    (scaled,) = settings(channel(type="int16", scale=0.1)).channels()
    assert scaled.bits == 64
    (text,) = settings(channel(type="string", length=12, unit=None)).channels()
    assert text.bits == 96


def test_register_40001_is_address_0_of_the_holding_table() -> None:
    for table in ("holding", None):
        device = settings(channel(register=40001, address=None, table=table))
        assert list(device.problems()) == []
        assert device.points()[0][1:3] == ("holding", 0)


def test_bits_and_texts_need_no_unit_of_measure() -> None:
    device = settings(
        channel(id="alarm", table="coil", type="bit", unit=None),
        channel(id="tag", type="string", length=8, unit=None),
        channel(id="fault", address=9, type="bit", bit=15, unit=None),
    )
    assert list(device.problems()) == []
    assert [meaning.unit for meaning in device.channels()] == ["1", "", "1"]
    assert [point.count for point in device.points()] == [1, 4, 1]


@pytest.mark.parametrize(
    ("wrong", "key", "words"),
    [
        ({"register": 40001}, "address", "address and register name the same thing"),
        ({"address": None}, "address", "the address is missing"),
        ({"table": None}, "table", "the table is missing"),
        ({"address": None, "register": 30001}, "register", '30001 is input address 0, but table = "holding"'),
        ({"address": None, "register": 40000}, "register", "1 to 65536"),
        ({"address": None, "register": "abc"}, "register", "not a register number"),
        ({"type": "string"}, "length", "a string needs its length"),
        ({"length": 4}, "length", "only a string has one"),
        ({"type": "string", "length": 5}, "length", "5 must be even"),
        ({"unit": None}, "unit", "a unit of measure is needed"),
        ({"type": "bit", "bit": 1, "scale": 2.0}, "scale", "a bit has no scale"),
        ({"type": "string", "length": 4, "no_value": [0]}, "no_value", "no numbers that mean no value"),
        ({"scale": 0}, "scale", "scale 0 makes every value the same"),
        ({"table": "coil"}, "type", 'type must be "bit" (got "float32")'),
        ({"type": "bit"}, "bit", "bit = 0..15 belongs to type bit in a register"),
        ({"bit": 3}, "bit", "bit = 0..15 belongs to type bit in a register"),
        (
            {"table": "discrete", "type": "bit", "bit": 3},
            "bit",
            "bit = 0..15 belongs to type bit in a register",
        ),
        ({"address": 65535}, "address", "2 registers from 65535 on end beyond 65535"),
        ({"type": "uint16", "no_value": [-9999]}, "no_value", "-9999 can never be read as uint16"),
    ],
)
def test_a_mistake_within_a_channel(wrong: dict[str, Any], key: str, words: str) -> None:
    found = problems(channel(**wrong))
    assert any(path == ("channel", 0, key) and words in message for path, message in found), found


@pytest.mark.parametrize(
    ("wrong", "where", "words"),
    [
        ({"unit": "mgL"}, "unit", 'did you mean "mg/L"'),
        ({"unit": ""}, "unit", "a unit of measure is needed"),
        ({"range": [14, 0]}, "range", "the low end 14 is not below the high end 0"),
        ({"type": "float"}, "type", "'float32'"),
        ({"order": "AB"}, "order", "'ABCD'"),
        ({"id": "p H"}, "id", "pattern"),
        ({"adress": 4}, "adress", "Extra inputs"),
        ({"address": 70000}, "address", "less than 65536"),
        ({"scale": "0.1"}, "scale", "valid number"),
        ({"bit": 16}, "bit", "less than or equal to 15"),
    ],
)
def test_a_mistake_within_one_setting_is_found_at_its_place(
    wrong: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(ValidationError) as error:
        settings(channel(**wrong))
    (found,) = error.value.errors()
    assert found["loc"][:3] == ("channel", 0, where)
    assert words in found["msg"]


def test_two_channels_with_one_id() -> None:
    assert problems(channel(), channel(address=4)) == [(("channel", 1, "id"), 'channel "pH" is there twice')]


def test_values_that_share_some_registers_are_a_mistake() -> None:
    found = problems(channel(), channel(id="temp", address=1))
    assert found == [
        (
            ("channel", 1, "address"),
            '"temp" (400002..400003) and "pH" (400001..400002) overlap in part: one of the addresses or types is wrong',
        )
    ]


@pytest.mark.parametrize(
    ("inner", "outer", "words"),
    [
        ({"address": 1, "type": "int16"}, {}, '"raw" (400002) lies inside the float32 "pH" (400001..400002)'),
        ({"address": 0, "type": "bcd16"}, {}, '"raw" (400001) lies inside the float32 "pH" (400001..400002)'),
        (
            {"address": 3, "type": "uint16"},
            {"type": "float64"},
            '"raw" (400004) lies inside the float64 "pH" (400001..400004)',
        ),
        ({"address": 1, "type": "bit", "bit": 3}, {}, '"raw" (400002) lies inside the float32 "pH"'),
        ({"address": 1, "type": "string", "length": 2, "unit": None}, {}, '"raw" (400002) lies inside'),
    ],
)
def test_one_register_of_a_float_is_never_a_measurement(
    inner: dict[str, Any], outer: dict[str, Any], words: str
) -> None:
    raw, whole = channel(**{"id": "raw", "unit": "1", **inner}), channel(**outer)
    for order, index in (((whole, raw), 1), ((raw, whole), 0)):
        ((path, message),) = problems(*order)
        assert path == ("channel", index, "address")
        assert message.startswith(words)
        assert message.endswith("a part of a float means nothing: one of the addresses or types is wrong")


@pytest.mark.parametrize(
    "outer",
    [
        {"type": "uint32"},
        {"type": "bcd32"},
        {"type": "string", "length": 4, "unit": None},
        {"table": "input"},
    ],
)
def test_words_and_bits_inside_integers_and_texts_are_not_a_mistake(outer: dict[str, Any]) -> None:
    word = channel(id="word", address=1, type="uint16", unit="1")
    status = channel(id="status", address=1, type="bit", bit=3, unit=None)
    assert problems(channel(**outer), word, status) == []


def test_two_views_of_the_same_registers_are_not_a_mistake() -> None:
    assert (
        problems(channel(), channel(id="raw", type="uint32", unit="1"), channel(id="other", table="input"))
        == []
    )


def test_a_value_longer_than_a_read_is_a_mistake() -> None:
    found = problems(channel(type="string", length=40, unit=None), block_max=10)
    assert found == [(("channel", 0, "type"), "20 registers in one value are more than block_max = 10")]


@pytest.mark.parametrize("unit", [-1, 248, 254, 256])
def test_a_unit_address_that_does_not_exist(unit: int) -> None:
    with pytest.raises(ValidationError):
        settings(unit=unit)


def test_a_device_without_channels_is_a_mistake() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate_json('{"unit": 1, "channel": []}')


def test_several_mistakes_come_at_once() -> None:
    assert len(problems(channel(scale=0, address=None), channel(table=None))) == 4
