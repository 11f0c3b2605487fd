"""Hach sc digital sensors with their own Modbus RTU.

Transcribed from the sensors' manuals: 40001 measurement as a float, 40003 its unit (0 mg/l, 1 g/l), 40004 the
parameter (Solitax, UVAS, Nitratax and others); 3400sc: 40003 conductivity, 40005 temperature, floats. Word
order is not stated: high word first is a guess. 40001 is address 0.
"""

from drivers.protocols.modbus import Table
from sim.instrument import Instrument
from sim.layout import float32, words
from sim.signals import Signal

HOLDING: Table = "holding"


def sc_sensor(name: str, channel: str, measurement: Signal) -> Instrument:
    """One measurement in mg/l."""
    return Instrument(
        name,
        (float32(channel, HOLDING, 40001 - 40001, measurement),),
        words(HOLDING, 40003 - 40001, [0, 0]),
        functions=frozenset({3, 6, 16}),
    )


def sc3400(name: str, *, conductivity: Signal, temperature_degc: Signal) -> Instrument:
    """Conductivity (channel EC) and temperature (channel T)."""
    return Instrument(
        name,
        (
            float32("EC", HOLDING, 40003 - 40001, conductivity),
            float32("T", HOLDING, 40005 - 40001, temperature_degc),
        ),
        words(HOLDING, 0, [0, 0]),
        functions=frozenset({3, 6, 16}),
    )
