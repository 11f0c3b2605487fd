"""Units of measure are known, and a slip gets a suggestion."""

import pytest

from drivers.units import KNOWN, problem, suggestion

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    "unit", ["pH", "mg/L", "mg/l", "mg/Nm3", "m3/h", "degC", "oC", "Cel", "%", "NTU", "Pt-Co", "1"]
)
def test_the_units_of_the_field_are_known(unit: str) -> None:
    assert problem(unit) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ph", "pH"),
        ("mg/L ", "mg/L"),
        ("mgL", "mg/L"),
        ("C", "degC"),
        ("m³/h", "m3/h"),
        ("uS/cmm", "uS/cm"),
        ("NTUs", "NTU"),
    ],
)
def test_a_slip_gets_a_suggestion(typed: str, meant: str) -> None:
    assert suggestion(typed) == meant
    assert problem(typed) == f'unknown unit of measure "{typed}", did you mean "{meant}"?'


@pytest.mark.parametrize("unit", ["", "  "])
def test_an_empty_unit_says_what_to_write(unit: str) -> None:
    assert problem(unit) == 'a unit of measure is needed, for example "mg/L" ("1" for a number without unit)'


def test_nonsense_gets_an_example() -> None:
    assert suggestion("furlongs") is None
    assert 'for example "mg/L"' in str(problem("furlongs"))


def test_no_unit_is_longer_than_a_display() -> None:
    assert all(unit and len(unit) <= 12 and unit.strip() == unit for unit in KNOWN)
