"""Teledyne API T300, carbon monoxide.

Transcribed from the T300 manual's Modbus appendix: addresses from 0, function 4, float high word first; 14
concentration during calibration, 18 concentration (ppm), 22 stability (ppm), 24 bench temperature, 32 sample
temperature, 34 pressure (inHg), 36 box temperature (degC). Its discrete inputs are not in the source.
"""

from sim.instrument import Instrument
from sim.layout import float32
from sim.signals import Constant, Noise, Signal, Sum


def t300(name: str, co_ppm: Signal, *, seed: int) -> Instrument:
    """The concentration is given; what the bench says of itself is steady."""
    return Instrument(
        name,
        (
            float32("CO-in-calibration", "input", 14, co_ppm),
            float32("CO", "input", 18, co_ppm),
            float32("stability", "input", 22, Constant(0.05)),
            float32("bench-temperature", "input", 24, Sum((Constant(48.0), Noise(0.02, seed)))),
            float32("sample-temperature", "input", 32, Sum((Constant(44.0), Noise(0.1, seed + 1)))),
            float32("sample-pressure", "input", 34, Sum((Constant(28.4), Noise(0.02, seed + 2)))),
            float32("box-temperature", "input", 36, Sum((Constant(31.0), Noise(0.2, seed + 3)))),
        ),
        functions=frozenset({1, 2, 3, 4, 5}),
        gaps_read_zero=True,
    )
