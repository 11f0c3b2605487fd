"""The units of measure that a channel may have, and a suggestion for one that is not among them.

The spelling is what travels in the signed record, so it is never rewritten: `mg/L` and `mg/l` are both
accepted and kept as they are. Sources: RFC 8428 section 12.1, HJ 212-2017 annex B, TT 10/2021/TT-BTNMT
annex 15, and the displays of the instruments in the profiles.
"""

from difflib import get_close_matches

BY_QUANTITY: dict[str, tuple[str, ...]] = {
    "acidity": ("pH",),
    "mass per volume of water": ("mg/L", "mg/l", "ug/L", "ug/l", "µg/L", "µg/l", "g/L", "g/l", "kg/m3"),
    "mass per volume of gas": (
        "mg/m3",
        "mg/Nm3",
        "g/m3",
        "g/Nm3",
        "ug/m3",
        "ug/Nm3",
        "µg/m3",
        "µg/Nm3",
        "ng/m3",
    ),
    "share": ("%", "%RH", "%vol", "%v/v", "%sat", "ppm", "ppb", "ppt"),
    "temperature": ("Cel", "degC", "oC", "°C", "K", "degF"),
    "turbidity and colour": ("NTU", "FNU", "FTU", "Pt-Co", "Hazen", "TCU"),
    "conductivity": ("uS/cm", "µS/cm", "mS/cm", "S/m"),
    "salinity": ("PSU", "g/kg"),
    "redox and electric": ("V", "mV", "kV", "A", "mA", "uA", "W", "kW", "kWh", "Hz", "ohm", "Ohm"),
    "flow": (
        "m3/h",
        "m3/s",
        "m3/min",
        "m3/d",
        "Nm3/h",
        "Nm3/s",
        "L/s",
        "l/s",
        "L/min",
        "l/min",
        "L/h",
        "l/h",
        "kg/h",
        "t/h",
    ),
    "amount": ("m3", "Nm3", "L", "l", "kg", "g", "t"),
    "pressure": ("Pa", "hPa", "kPa", "MPa", "mbar", "bar", "mmHg", "inHg", "atm", "psi"),
    "length and level": ("m", "cm", "mm", "um", "km", "in", "ft"),
    "speed": ("m/s", "km/h", "kn", "mph", "mm/h", "in/h", "rpm"),
    "hail": ("hits", "hits/h", "hits/cm2", "hits/cm2h", "hits/in2", "hits/in2h"),
    "angle": ("deg", "°", "rad"),
    "radiation and light": ("W/m2", "lx", "uSv/h", "µSv/h", "Bq"),
    "sound": ("dB", "dBA", "dB(A)"),
    "counts": ("count", "1", "CFU/100mL", "MPN/100mL", "cells/mL"),
    "data": ("B", "kB", "MB", "GB"),
    "time": ("s", "min", "h", "d", "ms"),
    "opacity and absorption": ("1/m", "/m", "Abs", "mAbs"),
}
KNOWN: frozenset[str] = frozenset(unit for units in BY_QUANTITY.values() for unit in units)

_HABITS = {
    "c": "degC",
    "celsius": "degC",
    "ºc": "degC",
    "percent": "%",
    "rh": "%RH",
    "mgl": "mg/L",
    "m3h": "m3/h",
    "m³/h": "m3/h",
    "m³": "m3",
    "mg/m³": "mg/m3",
    "mg/nm³": "mg/Nm3",
    "µg/m³": "ug/m3",
    "ug/m³": "ug/m3",
    "w/m²": "W/m2",
    "micros/cm": "uS/cm",
    "none": "1",
    "-": "1",
    "bool": "1",
    "degrees": "deg",
    "knots": "kn",
    "kt": "kn",
    "kph": "km/h",
    "mps": "m/s",
    "inch": "in",
    "inches": "in",
    "pcs": "count",
}


def problem(unit: str) -> str | None:
    """What is wrong with this unit of measure, with a suggestion; None when it is a known one."""
    if unit in KNOWN:
        return None
    if not unit.strip():
        return 'a unit of measure is needed, for example "mg/L" ("1" for a number without unit)'
    guess = suggestion(unit)
    better = f', did you mean "{guess}"?' if guess else ', for example "mg/L" ("1" for a number without unit)'
    return f'unknown unit of measure "{unit}"{better}'


def suggestion(unit: str) -> str | None:
    """The known unit that was probably meant; None when nothing is near."""
    plain = unit.strip()
    if plain.lower() in _HABITS:
        return _HABITS[plain.lower()]
    for known in sorted(KNOWN):
        if known.lower() == plain.lower().replace(" ", ""):
            return known
    near = get_close_matches(plain, sorted(KNOWN), n=1, cutoff=0.6)
    return near[0] if near else None
