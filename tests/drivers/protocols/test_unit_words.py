"""Units as instruments write them."""

import pytest

from drivers.protocols.unit_words import is_mass, is_share, plain, written
from drivers.units import BY_QUANTITY

pytestmark = pytest.mark.pure


def test_parts_of_a_volume_are_no_masses() -> None:
    assert (is_share("PPM"), is_mass("PPM")) == (True, False)
    assert (is_share("µg/m3"), is_mass("µg/m3")) == (False, True)
    assert (is_share("degC"), is_mass("degC")) == (False, False)


def test_a_unit_is_written_in_the_letters_that_instruments_have() -> None:
    assert [written(unit) for unit in ("µg/m3", "1", "°C", "ppb")] == ["ug/m3", "", "degC", "ppb"]


def test_units_of_the_station_file_that_are_one_by_their_letters_are_one_thing() -> None:
    """Case does not count: were there mS and MS of one quantity, one of them would be taken for the other."""
    by_plain: dict[str, set[str]] = {}
    for quantity, units in BY_QUANTITY.items():
        for unit in units:
            by_plain.setdefault(plain(unit), set()).add(quantity)
    assert all(len(quantities) == 1 for quantities in by_plain.values())
    alike = {word: {u for us in BY_QUANTITY.values() for u in us if plain(u) == word} for word in by_plain}
    assert {frozenset(units) for units in alike.values() if len(units) > 1} == {
        frozenset(units)
        for units in (
            {"mg/L", "mg/l"},
            {"ug/L", "ug/l", "µg/L", "µg/l"},
            {"g/L", "g/l"},
            {"ug/m3", "µg/m3"},
            {"ug/Nm3", "µg/Nm3"},
            {"%vol", "%v/v"},
            {"Cel", "degC", "oC", "°C"},
            {"uS/cm", "µS/cm"},
            {"ohm", "Ohm"},
            {"L/s", "l/s"},
            {"L/min", "l/min"},
            {"L/h", "l/h"},
            {"L", "l"},
            {"hPa", "mbar"},
            {"deg", "°"},
            {"uSv/h", "µSv/h"},
        )
    }
