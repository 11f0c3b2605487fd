"""A signal that a channel of this unit and range would show on a quiet day. For the twin.

The table's means and swings are guesses at a Vietnamese industrial park; they claim nothing.
"""

from typing import NamedTuple

from sim.signals import Constant, Counter, Signal, living


class Usual(NamedTuple):
    """Around `mean`, `swing` up and down over the day."""

    mean: float
    swing: float


USUAL = {
    "pH": Usual(7.2, 0.3),
    "mg/L": Usual(20, 5),
    "ug/L": Usual(30, 8),
    "g/L": Usual(1.2, 0.2),
    "mg/m3": Usual(60, 15),
    "mg/Nm3": Usual(60, 15),
    "ug/m3": Usual(40, 15),
    "ug/Nm3": Usual(40, 15),
    "degC": Usual(28, 4),
    "oC": Usual(28, 4),
    "Cel": Usual(28, 4),
    "°C": Usual(28, 4),
    "K": Usual(301, 4),
    "%": Usual(50, 10),
    "%RH": Usual(75, 12),
    "%vol": Usual(11, 1),
    "%v/v": Usual(11, 1),
    "%sat": Usual(80, 10),
    "ppm": Usual(5, 2),
    "ppb": Usual(20, 8),
    "NTU": Usual(18, 5),
    "FNU": Usual(18, 5),
    "Pt-Co": Usual(35, 8),
    "uS/cm": Usual(900, 80),
    "mS/cm": Usual(2, 0.2),
    "mV": Usual(220, 30),
    "V": Usual(24, 0.3),
    "mA": Usual(12, 1.5),
    "m3/h": Usual(90, 30),
    "m3/s": Usual(3, 0.8),
    "L/s": Usual(25, 8),
    "L/min": Usual(16.7, 0.1),
    "hPa": Usual(1009, 2),
    "kPa": Usual(100.9, 0.2),
    "mbar": Usual(1009, 2),
    "mmHg": Usual(757, 1.5),
    "bar": Usual(2.5, 0.2),
    "Pa": Usual(-25, 6),
    "m": Usual(2.4, 0.5),
    "cm": Usual(240, 50),
    "mm": Usual(2400, 500),
    "m/s": Usual(2.5, 1.2),
    "km/h": Usual(9, 4),
    "kn": Usual(5, 2.4),
    "mph": Usual(5.6, 2.7),
    "inHg": Usual(29.8, 0.06),
    "W/m2": Usual(350, 300),
    "deg": Usual(180, 60),
    "dBA": Usual(58, 6),
}
_SPELLINGS = {"mg/l": "mg/L", "ug/l": "ug/L", "µg/L": "ug/L", "µg/l": "ug/L", "g/l": "g/L", "l/s": "L/s"}
_SPELLINGS |= {
    "µg/m3": "ug/m3",
    "µg/Nm3": "ug/Nm3",
    "µS/cm": "uS/cm",
    "l/min": "L/min",
    "°": "deg",
    "dB(A)": "dBA",
}
TOTALS = frozenset({"m3", "Nm3", "L", "l", "kg", "t", "kWh", "count", "s", "min", "h"})


def signal(unit: str, low: float | None, high: float | None, seed: int) -> Signal:
    """`low` and `high` are the channel's range in its unit; a signal of a unit nobody knows stands still at 0.

    With a range the signal stays inside it, whatever is usual.
    """
    usual = USUAL.get(_SPELLINGS.get(unit, unit))
    if low is not None and high is not None:
        return _inside(usual, low, high, seed)
    if usual is not None:
        least = 0.0 if usual.mean >= 0 else usual.mean - 3 * usual.swing
        return living(usual.mean, usual.swing, seed, low=least, high=usual.mean + 3 * usual.swing)
    return Counter(0.5) if unit in TOTALS else Constant(0.0)


def _inside(usual: Usual | None, low: float, high: float, seed: int) -> Signal:
    """What is usual when it fits well inside the range, else somewhat below its middle."""
    width = high - low
    floor, ceiling = low + 0.02 * width, high - 0.02 * width
    if usual is None or usual.mean - usual.swing < floor or usual.mean + usual.swing > ceiling:
        usual = Usual(low + 0.4 * width, 0.1 * width)
    return living(usual.mean, usual.swing, seed, low=floor, high=ceiling)
