"""Numbers in one unit, taken into another: textbook figures."""

from decimal import Decimal

import pytest

from drivers.protocols.conversion import conversion
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


@pytest.mark.parametrize(("said", "wanted"), [("ppb", "ug/m3"), ("degC", "hPa"), ("mm", "mm/h"), ("V", "%")])
def test_what_no_definition_leads_to_is_not_made(said: str, wanted: str) -> None:
    assert conversion(said, wanted) is None


def test_there_and_back_is_where_we_began() -> None:
    for said in KNOWN:
        for wanted in KNOWN:
            there, back = conversion(said, wanted), conversion(wanted, said)
            assert (there is None) == (back is None)
            if there and back:
                assert back.of(there.of(Decimal("12.5"))) == Decimal("12.5"), (said, wanted)
