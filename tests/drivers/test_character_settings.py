"""What the device tables of all instruments that speak in characters say of their channels."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.character_settings import CharacterChannel, CharacterSettings
from drivers.driver import ChannelMeaning
from drivers.protocols.text import number
from telemetry.reading import Flag, Reading

pytestmark = pytest.mark.pure

FAULT = int(Flag.INSTRUMENT_FAULT)


def channel(**more: Any) -> CharacterChannel:
    return CharacterChannel.model_validate({"id": "pH", "unit": "pH", **more})


class Settings(CharacterSettings):
    """An instrument with two fields."""

    def fields(self) -> frozenset[str] | None:
        return frozenset({"pH", "T"})


def settings(*channels: dict[str, Any]) -> Settings:
    return Settings.model_validate({"channel": tuple({"unit": "pH", **table} for table in channels)})


def problems(*channels: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    return [(problem.path, problem.message) for problem in settings(*channels).problems()]


@pytest.mark.parametrize(
    ("word", "scaling", "value"),
    [
        ("71", {"scale": 0.1}, 7.1),
        ("7.85", {}, 7.85),
        ("0.1", {"offset": 0.2}, 0.3),
        ("1.1", {"scale": 1.1}, 1.21),
        ("1.405E+01", {}, 14.05),
        ("-.5", {"scale": -2}, 1.0),
        ("21.50", {"scale": 1.8, "offset": 32.0}, 70.7),
    ],
)
def test_a_number_is_scaled_in_decimals_and_rounded_once(
    word: str, scaling: dict[str, float], value: float
) -> None:
    reading = channel(**scaling).reading(number(word))
    assert reading == Reading("pH", value)
    assert isinstance(reading.value, float)


@pytest.mark.parametrize(
    ("word", "scaling", "value"),
    [
        ("42", {}, 42),
        ("42", {"scale": 10.0, "offset": -1.0}, 419),
        ("42", {"scale": 0.5}, 21.0),
        ("42.0", {}, 42.0),
        ("4.2E1", {}, 42),
        ("9223372036854775807", {}, 2**63 - 1),
        ("9223372036854775808", {}, 2.0**63),
    ],
)
def test_only_whole_numbers_with_whole_scales_are_integers(
    word: str, scaling: dict[str, float], value: float
) -> None:
    """A channel does not change its kind with its value: 42 and 43 at a scale of 0.5 are both floats."""
    reading = channel(**scaling).reading(number(word))
    assert (reading.value, type(reading.value)) == (value, type(value))


@pytest.mark.parametrize("word", [None, "A", ""])
def test_no_number_is_an_instrument_fault_and_keeps_what_else_is_known(word: str | None) -> None:
    assert channel().reading(word) == Reading("pH", None, FAULT)
    assert channel().reading(word, int(Flag.MAINTENANCE)) == Reading("pH", None, FAULT | Flag.MAINTENANCE)


def test_a_number_beyond_64_bits_is_no_value() -> None:
    assert channel(scale=1e300).reading(number("1E60")) == Reading("pH", None, FAULT)


def test_flags_of_the_instrument_come_with_the_value() -> None:
    assert channel().reading(Decimal("7.8"), int(Flag.CALIBRATION)) == Reading("pH", 7.8, Flag.CALIBRATION)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"unit": "mgl"}, 'unknown unit of measure "mgl", did you mean "mg/L"?'),
        ({"unit": ""}, "a unit of measure is needed"),
        ({"range": (14, 0)}, "the low end 14 is not below the high end 0"),
        ({"range": (7, 7)}, "the low end 7 is not below the high end 7"),
        ({"scale": 0}, "scale 0 makes every value the same"),
        ({"id": "p H"}, "pattern"),
        ({"field": ""}, "at least 1 character"),
        ({"scale": float("nan")}, "finite number"),
        ({"address": 4}, "Extra inputs"),
    ],
)
def test_a_mistake_within_a_channel(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("?", r"\?")):
        channel(**wrong)


def test_a_device_without_channels_measures_nothing() -> None:
    with pytest.raises(ValidationError, match=r"at least one \[\[device.channel\]\]"):
        settings()


def test_a_channel_is_there_once() -> None:
    assert problems({"id": "pH"}, {"id": "T"}, {"id": "pH", "field": "T"}) == [
        (("channel", 2, "id"), 'channel "pH" is there twice')
    ]


def test_a_field_that_the_answer_does_not_have_is_answered_with_those_that_it_has() -> None:
    assert problems({"id": "pH"}, {"id": "temperature"}, {"id": "Redox", "field": "mV"}) == [
        (("channel", 1, "id"), 'the answer has no field "temperature"; there are: T, pH'),
        (("channel", 2, "field"), 'the answer has no field "mV"; there are: T, pH'),
    ]


def test_one_field_may_be_two_channels() -> None:
    assert problems({"id": "pH"}, {"id": "acid", "field": "pH", "range": (0, 4)}) == []


def test_what_the_record_says_of_the_channels() -> None:
    device = settings(
        {"id": "pH", "range": (0, 14)}, {"id": "Temp", "field": "T", "unit": "degC", "scale": 0.1}
    )
    assert device.channels() == (ChannelMeaning("pH", "pH", 0.0, 14.0), ChannelMeaning("Temp", "degC"))
    assert device.rows() == [
        ["pH", "", "pH", "text", "", 1.0, 0.0, "pH", [0.0, 14.0]],
        ["Temp", "", "T", "text", "", 0.1, 0.0, "degC", None],
    ]
    assert (device.speech(), device.streams(), device.address(), device.patience_s()) == (
        "characters",
        False,
        None,
        0.0,
    )


def test_a_field_that_is_missing_in_an_answer_is_an_instrument_fault() -> None:
    readings = settings({"id": "pH"}, {"id": "T"}).readings({"pH": Decimal("7.8")}, int(Flag.MAINTENANCE))
    assert readings == (
        Reading("pH", 7.8, Flag.MAINTENANCE),
        Reading("T", None, FAULT | Flag.MAINTENANCE),
    )
