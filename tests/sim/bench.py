"""A bench with one simple instrument, for the tests of the room."""

from collections.abc import Callable
from decimal import Decimal

from drivers.protocols.modbus import Point
from sim.instrument import Instrument, Quantity
from sim.layout import float32
from sim.moment import Moment
from sim.signals import Constant, Counter

NOON = Moment(1_795_000_000.0, 5_000)


def ph_meter(name: str = "ph", *, ph: float = 7.5) -> Instrument:
    """Float pH at holding 0, temperature x 0.1 at 2, a total at 10; a lamp coil; one writable register 100."""
    return Instrument(
        name,
        (
            Quantity(Point("pH", "holding", 0, "float32", "ABCD", 2), Constant(ph)),
            Quantity(Point("temperature", "holding", 2, "int16"), Constant(28.4), scale=Decimal("0.1")),
            Quantity(Point("total", "holding", 10, "uint32", "CDAB", 2), Counter(10.0)),
            Quantity(Point("alarm", "discrete", 3, "bit"), Constant(1)),
        ),
        fixed={("holding", 100): 7, ("coil", 0): 0},
        plate={0: b"Tram", 1: b"Bench pH", 2: b"1"},
        writable=frozenset({("holding", 100), ("coil", 0)}),
    )


def flow_meter() -> Instrument:
    """86.4 m3/h as a float at holding 4000, low word first; its manual, which counts from 1, says 4001."""
    return Instrument("flow", [float32("flow", "holding", 4000, Constant(86.4), "CDAB")])


def ticking(start: Moment = NOON) -> tuple[Callable[[], Moment], Callable[[float], None]]:
    """A clock, and the hand that moves it on by seconds."""
    at = [start]

    def move(seconds: float) -> None:
        at[0] = Moment(at[0].utc_s + seconds, at[0].mono_ms + round(seconds * 1000))

    return (lambda: at[0]), move
