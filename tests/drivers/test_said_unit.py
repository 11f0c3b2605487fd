"""The unit that an instrument says: the same, one that a definition leads from, or nothing that counts."""

import json
from decimal import Decimal
from typing import Any

import pytest

from drivers.said_unit import SaidChannel, SaidSettings
from telemetry.reading import Flag, Reading

pytestmark = pytest.mark.pure


def channel(unit: str = "ppb", **more: Any) -> SaidChannel:
    return SaidChannel.model_validate_json(json.dumps({"id": "SO2", "unit": unit, **more}))


class OneInstrument(SaidSettings):
    """Nothing but channels."""


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


def test_a_definition_between_both_units_needs_no_scale() -> None:
    flow = channel("L/min", instrument_unit="CC/M")
    assert flow.outcome(Decimal("751"), "CC/M").reading == Reading("SO2", 0.751)
    device = OneInstrument(channel=(flow, channel(id="CO", scale=2.0)))
    assert [row[5] for row in device.rows()] == [0.001, 2.0]
    assert list(device.problems()) == []
    mercury = channel("hPa", instrument_unit="mmHg")
    assert mercury.outcome(Decimal("753.4"), "mmHg").reading.value == pytest.approx(1004.45, abs=0.01)
    assert mercury.outcome(Decimal("753.4"), "hPa").error is not None
    warmth = channel("degC", instrument_unit="degF")
    assert warmth.outcome(Decimal("212.0"), "F").reading.value == 100.0
    assert OneInstrument(channel=(warmth,)).rows()[0][5:7] == pytest.approx([5 / 9, -160 / 9])


def test_a_number_without_a_unit_counts_only_where_none_is_expected() -> None:
    assert channel().outcome(Decimal("41"), "").reading.value is None
    assert 'says no unit where the station file expects "ppb"' in str(channel().outcome(Decimal(1), "").error)
    assert channel("1").outcome(Decimal("1.02"), "").reading.value == 1.02
    assert channel(instrument_unit="").outcome(Decimal("41"), "").reading.value == 41
    assert channel().outcome(Decimal("41"), None).reading.value == 41, "an instrument that never tells"


def test_units_that_nothing_connects_are_a_mistake_in_the_file() -> None:
    (problem,) = OneInstrument(channel=(channel("ug/m3", instrument_unit="ppb"),)).problems()
    assert problem.path == ("channel", 0, "instrument_unit")
    assert 'no definition makes "ug/m3" of "ppb"' in problem.message
