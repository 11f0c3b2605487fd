"""In which of the units that an instrument can say its stand-in speaks, for a channel of the station file."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from drivers.protocols.conversion import conversion
from sim.speaker import Figure


def spoken(figure: Figure, unit: str, sayable: Mapping[str, str]) -> tuple[str, Figure]:
    """The letter of a unit that leads to `unit`, and the figure in it: the same unit where it can be said.

    ValueError: none of them does.
    """
    letters = sorted(sayable, key=lambda letter: sayable[letter] != unit)
    for letter in letters:
        linear = conversion(sayable[letter], unit)
        if linear is not None:
            return letter, Figure(
                figure.channel,
                figure.field,
                figure.signal,
                _decimal(linear.factor),
                _decimal(linear.shift) + figure.offset,
                figure.decimals,
            )
    raise ValueError(f"{figure.field} in {unit} cannot be said in any of {', '.join(sayable.values())}")


def _decimal(exact: Fraction) -> Decimal:
    return Decimal(exact.numerator) / Decimal(exact.denominator)
