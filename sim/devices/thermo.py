"""Thermo 5030i SHARP, particulate matter.

Transcribed from the instruction manual, C-9: register numbers are the numbers in the request, and 0 is invalid;
floats in pairs, 1 and 2 PM, 5 and 6 barometric pressure, 7 and 8 vacuum, 11 and 12 flow pressure, 15 and 16
ambient humidity, 17 and 18 sample humidity, 21 and 22 ambient temperature. Tables, units and word order are not
stated: holding and input alike, ug/m3, mmHg, %, degC, high word first are guesses.
"""

from drivers.protocols.modbus import Table
from sim.instrument import Instrument
from sim.layout import float32
from sim.signals import Constant, Signal

PRESSURES = {"vacuum": (7, 120.0), "flow-pressure": (11, 18.0)}
TABLES: tuple[Table, ...] = ("holding", "input")


def sharp5030i(
    name: str, *, pm_ug_m3: Signal, pressure_mmhg: Signal, humidity: Signal, temperature_degc: Signal
) -> Instrument:
    """Ambient conditions are given; inside the instrument it is dry and steady."""
    moving = {
        "PM": (1, pm_ug_m3),
        "pressure": (5, pressure_mmhg),
        "RH": (15, humidity),
        "T": (21, temperature_degc),
    }
    steady = PRESSURES | {"sample-RH": (17, 35.0)}
    rows = moving | {channel: (place, Constant(value)) for channel, (place, value) in steady.items()}
    return Instrument(
        name,
        [
            float32(channel, table, place, signal)
            for table in TABLES
            for channel, (place, signal) in rows.items()
        ],
        functions=frozenset({1, 2, 3, 4}),
        gaps_read_zero=True,
    )
