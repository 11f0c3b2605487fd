"""The unit that an instrument says: the same, a power of ten beside it, or nothing that counts."""

import json
from decimal import Decimal
from typing import Any

import pytest

from drivers.protocols.unit_words import is_mass, is_share, power, written
from drivers.said_unit import SaidChannel, SaidSettings
from telemetry.reading import Flag, Reading

pytestmark = pytest.mark.pure


def channel(unit: str = "ppb", **more: Any) -> SaidChannel:
    return SaidChannel.model_validate_json(json.dumps({"id": "SO2", "unit": unit, **more}))


class OneInstrument(SaidSettings):
    """Nothing but channels."""


@pytest.mark.parametrize(
    ("said", "wanted", "steps"),
    [
        ("PPB", "ppb", 0),
        ("ppm", "ppb", 3),
        ("PPB", "ppm", -3),
        ("µg/m3", "ug/m3", 0),
        ("UGM", "µg/m3", 0),
        ("MGM", "ug/m3", 3),
        ("ug/m³", "mg/m3", -3),
        ("deg C", "°C", 0),
        ("C", "Cel", 0),
        ("CC/M", "L/min", -3),
        ("MV", "mV", 0),
        ("mbar", "hPa", 0),
        ("", "1", 0),
        ("ppb", "ug/m3", None),
        ("mg/m3", "mg/Nm3", None),
        ("", "ppb", None),
        ("pp", "ppb", None),
        ("degF", "degC", None),
        ("mmHg", "hPa", None),
    ],
)
def test_units_as_instruments_write_them(said: str, wanted: str, steps: int | None) -> None:
    assert power(said, wanted) == steps


def test_parts_of_a_volume_are_no_masses() -> None:
    assert (is_share("PPM"), is_mass("PPM")) == (True, False)
    assert (is_share("µg/m3"), is_mass("µg/m3")) == (False, True)
    assert (is_share("degC"), is_mass("degC")) == (False, False)
    assert [written(unit) for unit in ("µg/m3", "1", "°C", "ppb")] == ["ug/m3", "", "degC", "ppb"]


def test_ppm_from_an_analyzer_whose_menu_was_changed_is_still_the_same_air() -> None:
    assert channel().outcome(Decimal("41"), "PPB") == (Reading("SO2", 41), None)
    converted, error = channel().outcome(Decimal("0.041"), "PPM")
    assert (repr(converted.value), converted.flags, error) == ("41.0", 0, None)


@pytest.mark.parametrize(
    "more", [{"scale": 1.05}, {"scale": 1.0}, {"offset": 0.0}, {"instrument_unit": "ppb"}]
)
def test_a_channel_with_a_conversion_of_its_own_takes_one_unit_only(more: dict[str, Any]) -> None:
    assert channel(**more).outcome(Decimal("41"), "ppb").error is None
    reading, error = channel(**more).outcome(Decimal("0.041"), "ppm")
    assert reading == Reading("SO2", None, int(Flag.INSTRUMENT_FAULT))
    assert 'SO2: the instrument says "ppm" where the station file expects "ppb"' in str(error)


def test_the_conversion_to_mass_is_the_station_files() -> None:
    no2 = channel("ug/m3", instrument_unit="ppb", scale=1.88)
    assert no2.outcome(Decimal("10"), "ppb").reading == Reading("SO2", 18.8)
    assert no2.outcome(Decimal("18.8"), "ug/m3").reading.value is None


def test_a_power_of_ten_between_both_units_needs_no_scale() -> None:
    flow = channel("L/min", instrument_unit="CC/M")
    assert flow.outcome(Decimal("751"), "CC/M").reading == Reading("SO2", 0.751)
    device = OneInstrument(channel=(flow, channel(id="CO", scale=2.0)))
    assert [row[5] for row in device.rows()] == [0.001, 2.0]
    assert list(device.problems()) == []


def test_a_number_without_a_unit_counts_only_where_none_is_expected() -> None:
    assert channel().outcome(Decimal("41"), "").reading.value is None
    assert 'says no unit where the station file expects "ppb"' in str(channel().outcome(Decimal(1), "").error)
    assert channel("1").outcome(Decimal("1.02"), "").reading.value == 1.02
    assert channel(instrument_unit="").outcome(Decimal("41"), "").reading.value == 41
    assert channel().outcome(Decimal("41"), None).reading.value == 41, "an instrument that never tells"


def test_units_that_nothing_connects_are_a_mistake_in_the_file() -> None:
    (problem,) = OneInstrument(channel=(channel("ug/m3", instrument_unit="ppb"),)).problems()
    assert problem.path == ("channel", 0, "instrument_unit")
    assert 'no power of ten makes "ug/m3" of "ppb"' in problem.message
