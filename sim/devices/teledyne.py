"""Teledyne API T100 (sulphur dioxide), T300 (carbon monoxide) and T400 (ozone).

Transcribed from the Modbus appendices (A-7) of the manuals: addresses from 0, function 4 floats high word first,
function 2 states.
T300, p. A-35: 14 concentration during calibration, 18 concentration (ppm), 22 stability (ppm), 24 bench temperature,
32 sample temperature, 34 pressure (inHg), 36 box temperature (degC). Its states are not in the source; those of the
T360 (05233C, p. A-39) are taken: 0..13 warnings, 14 invalid, 15 zero, 16 span, 17 multi-point, 18 system OK.
T400, p. A-28: 14 concentration during calibration, 18 concentration (ppb), 22 stability, 38 sample temperature, 40 flow
(cc/m), 42 pressure (inHg), 44 box temperature; p. A-29, A-30: 0..18 warnings, 19 invalid, 20 zero, 21 low span, 22
span, 23 multi-point, 24 system OK, 25 and 26 alarms.
T100, p. A-38, A-39: 0..14 warnings, 15 invalid, 16 zero, 17 span, 18 multi-point, 19 system OK, 20, 21, 23 warnings, 22
low span, 24 and 25 alarms, 26 Hessen manual mode. Its page A-37 with the concentration is not in the source: the T101's
list (p. A-34) without its H2S rows gives 22 concentration (ppb), 26 stability.
"""

from collections.abc import Mapping, Sequence

from sim.instrument import Instrument, Quantity
from sim.layout import bit, float32, words
from sim.signals import Constant, Noise, Signal, Sum

FUNCTIONS = frozenset({1, 2, 3, 4, 5})
T100_STATES = {"invalid": 15, "zero": 16, "span": 17, "multi-point": 18, "ok": 19, "low-span": 22}
T300_STATES = {"invalid": 14, "zero": 15, "span": 16, "multi-point": 17, "ok": 18}
T400_STATES = {"invalid": 19, "zero": 20, "low-span": 21, "span": 22, "multi-point": 23, "ok": 24}
LAST_STATE = 26


def t100(name: str, so2_ppb: Signal, *, seed: int) -> Instrument:
    """The concentration is given; it measures and nothing is wrong."""
    stability = Sum((Constant(0.2), Noise(0.02, seed)))
    shown = (float32("SO2", "input", 22, so2_ppb), float32("stability", "input", 26, stability))
    return _analyzer(name, shown, T100_STATES)


def t300(name: str, co_ppm: Signal, *, seed: int) -> Instrument:
    """The concentration is given; what the bench says of itself is steady."""
    shown = (
        float32("CO-in-calibration", "input", 14, co_ppm),
        float32("CO", "input", 18, co_ppm),
        float32("stability", "input", 22, Constant(0.05)),
        float32("bench-temperature", "input", 24, Sum((Constant(48.0), Noise(0.02, seed)))),
        float32("sample-temperature", "input", 32, Sum((Constant(44.0), Noise(0.1, seed + 1)))),
        float32("sample-pressure", "input", 34, Sum((Constant(28.4), Noise(0.02, seed + 2)))),
        float32("box-temperature", "input", 36, Sum((Constant(31.0), Noise(0.2, seed + 3)))),
    )
    return _analyzer(name, shown, T300_STATES)


def t400(name: str, o3_ppb: Signal, *, seed: int) -> Instrument:
    """The concentration is given; what the bench says of itself is steady."""
    shown = (
        float32("O3-in-calibration", "input", 14, o3_ppb),
        float32("O3", "input", 18, o3_ppb),
        float32("stability", "input", 22, Constant(0.3)),
        float32("sample-temperature", "input", 38, Sum((Constant(33.0), Noise(0.1, seed)))),
        float32("sample-flow", "input", 40, Sum((Constant(780.0), Noise(2.0, seed + 1)))),
        float32("sample-pressure", "input", 42, Sum((Constant(28.9), Noise(0.02, seed + 2)))),
        float32("box-temperature", "input", 44, Sum((Constant(30.0), Noise(0.2, seed + 3)))),
    )
    return _analyzer(name, shown, T400_STATES)


def _analyzer(name: str, shown: Sequence[Quantity], states: Mapping[str, int]) -> Instrument:
    """Every state is off but "ok"; the floats between those that are shown read 0."""
    bits = [bit(state, "discrete", at, Constant(int(state == "ok"))) for state, at in states.items()]
    return Instrument(
        name,
        (*shown, *bits),
        words("discrete", 0, [0] * (LAST_STATE + 1)),
        functions=FUNCTIONS,
        gaps_read_zero=True,
    )
