"""Numbers in one unit, taken into another: textbook figures."""

from decimal import Decimal

import pytest

from drivers.protocols.conversion import SAME, conversion
from drivers.units import KNOWN

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("number", "said", "wanted", "right"),
    [
        ("36", "km/h", "m/s", 10),
        ("1", "kn", "km/h", 1.852),
        ("1", "mph", "m/s", 0.44704),
        ("29.92", "inHg", "hPa", 1013.2075),
        ("760", "mmHg", "hPa", 1013.2501),
        ("1.0132", "bar", "hPa", 1013.2),
        ("0.084", "mg/m3", "ug/m3", 84),
        ("32", "degF", "degC", 0),
        ("212", "degF", "oC", 100),
        ("-40", "degC", "degF", -40),
        ("25", "degC", "K", 298.15),
        ("298.15", "K", "Cel", 25),
        ("0.1", "in", "mm", 2.54),
        ("1", "in/h", "mm/h", 25.4),
        ("1", "hits/cm2", "hits/in2", 6.4516),
        ("60.8", "%", "%RH", 60.8),
    ],
)
def test_a_number_is_taken_into_another_unit(number: str, said: str, wanted: str, right: float) -> None:
    linear = conversion(said, wanted)
    assert linear is not None
    assert float(linear.of(Decimal(number))) == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize(
    ("said", "wanted", "factor"),
    [
        ("PPB", "ppb", 1),
        ("ppm", "ppb", 1000),
        ("PPB", "ppm", 0.001),
        ("%v/v", "ppm", 10_000),
        ("µg/m3", "ug/m3", 1),
        ("UGM", "µg/m3", 1),
        ("MGM", "ug/m3", 1000),
        ("ug/m³", "mg/m3", 0.001),
        ("ug/Nm3", "mg/Nm3", 0.001),
        ("deg C", "°C", 1),
        ("C", "Cel", 1),
        ("CC/M", "L/min", 0.001),
        ("MV", "mV", 1),
        ("mV", "V", 0.001),
        ("mbar", "hPa", 1),
        ("", "1", 1),
    ],
)
def test_units_as_instruments_write_them(said: str, wanted: str, factor: float) -> None:
    linear = conversion(said, wanted)
    assert linear is not None
    assert float(linear.factor) == factor
    assert linear.shift == 0
    assert (linear == SAME) == (factor == 1)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("ppb", "ug/m3"),
        ("mg/m3", "mg/Nm3"),
        ("", "ppb"),
        ("pp", "ppb"),
        ("degC", "hPa"),
        ("mm", "mm/h"),
        ("V", "%"),
    ],
)
def test_what_no_definition_leads_to_is_not_made(said: str, wanted: str) -> None:
    assert conversion(said, wanted) is None


def test_there_and_back_is_where_we_began() -> None:
    for said in KNOWN:
        for wanted in KNOWN:
            there, back = conversion(said, wanted), conversion(wanted, said)
            assert (there is None) == (back is None)
            if there and back:
                assert back.of(there.of(Decimal("12.5"))) == Decimal("12.5"), (said, wanted)
