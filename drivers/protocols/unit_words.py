"""Units of measure as air analyzers write them (`PPB`, `deg C`, `CC/M`, `UGM`), and the powers of ten between them.

Nothing else is converted: from a share of a volume to a mass it takes a temperature and a pressure, which only the
station file can state. Sources: Teledyne T300 p.150 (UGM, MGM), 300M p.75 (MV), C-Link manuals 48i B-13, 5030i B-12.
"""

from collections.abc import Mapping
from typing import Final

_SPELLINGS: Final = {
    "ugm": "ug/m3",
    "ug/m^3": "ug/m3",
    "mgm": "mg/m3",
    "mg/m^3": "mg/m3",
    "c": "degc",
    "cel": "degc",
    "oc": "degc",
    "f": "degf",
    "volts": "v",
    "lpm": "l/min",
    "cc/m": "cc/min",
    "ccm": "cc/min",
    "ml/min": "cc/min",
    "mbar": "hpa",
    "%v/v": "%vol",
    "": "1",
}
_SHARE: Final = {"ppb": 0, "ppm": 3, "%vol": 7}
_MASS: Final = {"ng/m3": -3, "ug/m3": 0, "mg/m3": 3, "g/m3": 6}
_FAMILIES: Final[tuple[Mapping[str, int], ...]] = (
    _SHARE,
    _MASS,
    {"ug/nm3": 0, "mg/nm3": 3, "g/nm3": 6},
    {"cc/min": -3, "l/min": 0},
    {"mv": -3, "v": 0},
    {"pa": 0, "hpa": 2, "kpa": 3, "bar": 5},
    {"hz": 0, "khz": 3},
)
"""Of each quantity, the powers of ten of its units."""
_LETTERS: Final = str.maketrans({"µ": "u", "μ": "u", "³": "3", "°": "deg"})


def power(said: str, wanted: str) -> int | None:
    """Of ten, by which a number in the unit `said` becomes one in `wanted`; 0: the same. None: nothing leads there."""
    one, other = _plain(said), _plain(wanted)
    if one == other:
        return 0
    return next((row[one] - row[other] for row in _FAMILIES if one in row and other in row), None)


def is_share(unit: str) -> bool:
    """A part of a volume: ppb, ppm, %vol."""
    return _plain(unit) in _SHARE


def is_mass(unit: str) -> bool:
    """A mass in a volume of air as it is."""
    return _plain(unit) in _MASS


def written(unit: str) -> str:
    """In printable ASCII, as an instrument would; "1" is left out."""
    return "" if unit == "1" else unit.translate(_LETTERS)


def _plain(unit: str) -> str:
    word = "".join(unit.translate(_LETTERS).split()).casefold()
    return _SPELLINGS.get(word, word)
