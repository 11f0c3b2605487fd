"""What the bits of Bayern-Hessen's status words mean, one table per maker, each row with its source.

A word has 16 bits: the operating status is its high byte, the failure status its low byte. Teledyne prints words,
the others two bytes; its defaults fit that reading (bits 2 and 3 of the high byte are zero and span, as everywhere).
Bits that no table names are told all the same: in the failure byte as a fault, in the other one without a flag.

Flags: calibration, maintenance, instrument_fault, out_of_service, warming_up; None: nothing to flag.
"""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

CALIBRATION, MAINTENANCE, FAULT = "calibration", "maintenance", "instrument_fault"
OUT_OF_SERVICE, WARMING_UP = "out_of_service", "warming_up"
INVALID: Final = "invalid concentration"
"""The meaning of a bit with which an instrument takes its value back."""
FLAGS: Final = frozenset({CALIBRATION, MAINTENANCE, FAULT, OUT_OF_SERVICE, WARMING_UP})


class Bit(NamedTuple):
    """One bit of a word: what it says when it is 1."""

    mask: int
    meaning: str
    flag: str | None
    source: str


class Table(NamedTuple):
    """`units`: what the bits under `unit_mask` say about the unit of the value; they are no conditions."""

    bits: tuple[Bit, ...]
    unit_mask: int = 0
    units: tuple[tuple[int, str], ...] = ()


def _status(bit: int, meaning: str, flag: str | None, source: str) -> Bit:
    return Bit(0x100 << bit, meaning, flag, source)


_RECALLED: Final = "recalled, not confirmed: the tables of appendix D were not legible"
_SERINUS: Final = "Acoem Serinus 30 p.220-221, Serinus 10 p.218; Ecotech Serinus 40 p.144"
_R2: Final = "a public reader of Horiba 370 analyzers, not confirmed: which bits its letters are was inferred"
_T200: Final = "Teledyne T200H p.178, table 4-37"
_T300: Final = "Teledyne T300 p.154, table 6-6; 360E p.135; GFC7000E p.127"
_T400: Final = "Teledyne T400 p.152, table 6-6; 400E p.146"

THERMO: Final = Table(
    (
        _status(0, "service mode", MAINTENANCE, _RECALLED),
        _status(1, "maintenance", MAINTENANCE, _RECALLED),
        _status(2, "zero gas", CALIBRATION, _RECALLED),
        _status(3, "span gas", CALIBRATION, _RECALLED),
    )
)

ECOTECH: Final = Table(
    (
        _status(0, "off", OUT_OF_SERVICE, _SERINUS),
        _status(1, "out of service", OUT_OF_SERVICE, _SERINUS),
        _status(2, "zero mode", CALIBRATION, _SERINUS),
        _status(3, "span mode", CALIBRATION, _SERINUS),
        _status(7, "background mode", CALIBRATION, _SERINUS),
        Bit(0x01, "flow sensor failure", FAULT, _SERINUS),
        Bit(0x02, "instrument failure", FAULT, _SERINUS),
        Bit(0x08, "lamp failure", FAULT, _SERINUS),
        Bit(0x20, "cell heater failure", FAULT, _SERINUS),
    ),
    0x4000,
    ((0x0000, "gravimetric"), (0x4000, "volumetric")),
)

HORIBA: Final = Table(
    (
        _status(1, "maintenance", MAINTENANCE, _R2),
        _status(2, "zero", CALIBRATION, _R2),
        _status(3, "span", CALIBRATION, _R2),
    )
)

_TELEDYNE_UNIT_MASK: Final = 0x6000
_TELEDYNE_UNITS: Final = ((0x0000, "ug/m3"), (0x2000, "mg/m3"), (0x4000, "ppb"), (0x6000, "ppm"))


def _teledyne_modes(source: str) -> tuple[Bit, ...]:
    return (
        Bit(0x0200, "manual calibration", CALIBRATION, source),
        Bit(0x0400, "zero calibration", CALIBRATION, source),
        Bit(0x0800, "span calibration", CALIBRATION, source),
    )


TELEDYNE_T200: Final = Table(
    (
        Bit(0x0001, "sample flow warning", FAULT, _T200),
        Bit(0x0002, "ozone flow warning", FAULT, _T200),
        Bit(0x0004, "reaction cell pressure warning", FAULT, _T200),
        Bit(0x0008, "box temperature warning", FAULT, _T200),
        Bit(0x0010, "reaction cell temperature warning", FAULT, _T200),
        Bit(0x0040, "pmt temperature warning", FAULT, _T200),
        Bit(0x0080, "converter temperature warning", FAULT, _T200),
        *_teledyne_modes(_T200),
        Bit(0x1000, "warming up", WARMING_UP, _T200),
        Bit(0x8000, INVALID, FAULT, _T200),
    ),
    _TELEDYNE_UNIT_MASK,
    _TELEDYNE_UNITS,
)

TELEDYNE_T300: Final = Table(
    (
        Bit(0x0001, "sample flow warning", FAULT, _T300),
        Bit(0x0002, "bench temperature warning", FAULT, _T300),
        Bit(0x0004, "source warning", FAULT, _T300),
        Bit(0x0008, "box temperature warning", FAULT, _T300),
        Bit(0x0010, "wheel temperature warning", FAULT, _T300),
        Bit(0x0020, "sample temperature warning", FAULT, _T300),
        Bit(0x0040, "sample pressure warning", FAULT, _T300),
        Bit(0x0080, INVALID, FAULT, _T300),
        Bit(0x0100, "off", OUT_OF_SERVICE, _T300),
        *_teledyne_modes(_T300),
    ),
    _TELEDYNE_UNIT_MASK,
    _TELEDYNE_UNITS,
)

TELEDYNE_T400: Final = Table(
    (
        Bit(0x0001, "sample flow warning", FAULT, _T400),
        Bit(0x0002, "photometer reference warning", FAULT, _T400),
        Bit(0x0004, "sample pressure warning", FAULT, _T400),
        Bit(0x0008, "sample temperature warning", FAULT, _T400),
        Bit(0x0010, "ozone generator reference warning", FAULT, _T400),
        Bit(0x0020, "ozone generator lamp warning", FAULT, _T400),
        Bit(0x0040, "ozone generator or photometer temperature warning", FAULT, _T400),
        *_teledyne_modes(_T400),
    ),
    _TELEDYNE_UNIT_MASK,
    _TELEDYNE_UNITS,
)

# The operator of a Teledyne can assign other bits in its menu: these are the defaults.
TABLES: Final = {
    "thermo": THERMO,
    "ecotech": ECOTECH,
    "horiba": HORIBA,
    "teledyne-t200": TELEDYNE_T200,
    "teledyne-t300": TELEDYNE_T300,
    "teledyne-t400": TELEDYNE_T400,
}


def laid_over(table: Table, own: Mapping[int, str | None]) -> Table:
    """The table with a station file's bits (mask to flag) in place of its own ones."""
    covered = reduce(or_, own, 0)
    bits = tuple(Bit(mask, f"bit {mask:04x}", flag, "the station file") for mask, flag in own.items())
    return table._replace(bits=(*bits, *(bit for bit in table.bits if not bit.mask & covered)))


def conditions(word: int, table: Table) -> tuple[Bit, ...]:
    """What a word says, in the order of the table, then the bits that it does not name."""
    told = tuple(bit for bit in table.bits if word & bit.mask)
    named = reduce(or_, (bit.mask for bit in table.bits), table.unit_mask)
    unnamed = (1 << place for place in range(16) if word & ~named & 1 << place)
    return told + tuple(
        Bit(mask, f"bit {mask:04x}, which no table names", FAULT if mask < 0x100 else None, "")
        for mask in unnamed
    )


def unit_of(word: int, table: Table) -> str | None:
    """The unit that a word tells: a unit, or volumetric or gravimetric. None: this maker does not tell."""
    return dict(table.units).get(word & table.unit_mask)
