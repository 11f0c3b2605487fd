"""What a number of one unit of measure is in another, exactly: for instruments that say their unit.

Spellings are anybody's (`unit_words.plain`). Only where the factor is a definition: nothing here needs a molar mass, a
reference temperature or a density, so from a share of a volume to a mass only the station file leads.
Sources: Bureau international des poids et mesures, The International System of Units, 9th edition, tables 8 and 9;
NIST SP 811, appendix B.8 (mmHg and inHg at 0 degC, mph, degF).
"""

from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from drivers.protocols.unit_words import plain


class Linear(NamedTuple):
    """Number in the other unit = number x factor + shift."""

    factor: Fraction
    shift: Fraction = Fraction(0)

    def of(self, number: Decimal | Fraction) -> Fraction:
        """The number in the other unit."""
        return Fraction(number) * self.factor + self.shift


SAME: Final = Linear(Fraction(1))
_INCH_MM: Final = Fraction("25.4")
_INCH_CM2: Final = Fraction("2.54") ** 2

_SPEED: Final = {
    "m/s": Fraction(1),
    "km/h": Fraction(1000, 3600),
    "kn": Fraction(1852, 3600),
    "mph": Fraction("1609.344") / 3600,
}
_PRESSURE: Final = {
    "pa": Fraction(1),
    "hpa": Fraction(100),
    "kpa": Fraction(1000),
    "mpa": Fraction(1_000_000),
    "bar": Fraction(100_000),
    "atm": Fraction(101_325),
    "mmhg": Fraction("133.322387415"),
    "inhg": Fraction("133.322387415") * _INCH_MM,
}
_LENGTH: Final = {
    "um": Fraction(1, 1000),
    "mm": Fraction(1),
    "cm": Fraction(10),
    "m": Fraction(1000),
    "km": Fraction(1_000_000),
    "in": _INCH_MM,
    "ft": 12 * _INCH_MM,
}
_QUANTITIES: Final[tuple[dict[str, Fraction], ...]] = (
    _SPEED,
    _PRESSURE,
    _LENGTH,
    {"ppb": Fraction(1), "ppm": Fraction(1000), "%vol": Fraction(10_000_000)},
    {"ng/m3": Fraction(1, 1000), "ug/m3": Fraction(1), "mg/m3": Fraction(1000), "g/m3": Fraction(1_000_000)},
    {"ug/nm3": Fraction(1), "mg/nm3": Fraction(1000), "g/nm3": Fraction(1_000_000)},
    {"cc/min": Fraction(1, 1000), "l/min": Fraction(1)},
    {"mm/h": Fraction(1), "in/h": _INCH_MM},
    {"%": Fraction(1), "%rh": Fraction(1)},
    {"v": Fraction(1000), "mv": Fraction(1)},
    {"hz": Fraction(1), "khz": Fraction(1000)},
    {"s": Fraction(1), "min": Fraction(60), "h": Fraction(3600)},
    {"m3": Fraction(1000), "l": Fraction(1)},
    {"hits": Fraction(1), "count": Fraction(1)},
    {"hits/cm2": _INCH_CM2, "hits/in2": Fraction(1)},
    {"hits/cm2h": _INCH_CM2, "hits/in2h": Fraction(1)},
)
"""Of each quantity, what one of the unit is in a unit of our choice. Temperature has its own table."""

_TEMPERATURE: Final = {
    "degc": Linear(Fraction(1)),
    "k": Linear(Fraction(1), Fraction("-273.15")),
    "degf": Linear(Fraction(5, 9), Fraction(-160, 9)),
}
"""What makes degrees Celsius of it."""


def conversion(said: str, wanted: str) -> Linear | None:
    """From the unit that the instrument says to the one that the file wants. None: no definition leads there.

    Both as anybody writes them. SAME: they are one unit.
    """
    one, other = plain(said), plain(wanted)
    if one == other:
        return SAME
    if one in _TEMPERATURE and other in _TEMPERATURE:
        there, back = _TEMPERATURE[one], _TEMPERATURE[other]
        return Linear(there.factor / back.factor, (there.shift - back.shift) / back.factor)
    for quantity in _QUANTITIES:
        if one in quantity and other in quantity:
            return Linear(quantity[one] / quantity[other])
    return None
