"""Units of measure as instruments write them: `PPB`, `deg C`, `CC/M`, `UGM`. `conversion` has what leads to another.

Sources: Teledyne T300 p.150 (UGM, MGM), 300M p.75 (MV), C-Link manuals 48i B-13, 5030i B-12, 42i B-34 (l/m).
"""

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
    "l/m": "l/min",
    "cc/m": "cc/min",
    "ccm": "cc/min",
    "ml/min": "cc/min",
    "mbar": "hpa",
    "%v/v": "%vol",
    "": "1",
}
_SHARE: Final = frozenset({"ppb", "ppm", "%vol"})
_MASS: Final = frozenset({"ng/m3", "ug/m3", "mg/m3", "g/m3"})
_LETTERS: Final = str.maketrans({"µ": "u", "μ": "u", "³": "3", "°": "deg"})


def plain(unit: str) -> str:
    """The one spelling of a unit, whoever wrote it: `UGM`, `ug/m^3` and `µg/m³` are `ug/m3`, `C` is `degc`."""
    word = "".join(unit.translate(_LETTERS).split()).casefold()
    return _SPELLINGS.get(word, word)


def is_share(unit: str) -> bool:
    """A part of a volume: ppb, ppm, %vol."""
    return plain(unit) in _SHARE


def is_mass(unit: str) -> bool:
    """A mass in a volume of air as it is."""
    return plain(unit) in _MASS


def written(unit: str) -> str:
    """In printable ASCII, as an instrument would; "1" is left out."""
    return "" if unit == "1" else unit.translate(_LETTERS)
