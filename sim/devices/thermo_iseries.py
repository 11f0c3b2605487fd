"""Thermo iSeries gas analyzers: 42i and 49i over Bayern-Hessen (Geysitech), 48i and 49i in C-Link.

Transcribed from the 42i Trace Level manual, p. D-6: in single range four values, NO, NO2, NOx, PRE, identifications
from the instrument's address upward, ten zeros behind the status; the 49i's page D-6 has the same frame and no list
of its values: one is a guess. C-Link: 48i p. B-5 and B-13 (`co`, `pres 753.4 mmHg`, `flow` in LPM, `flags`); 49i p.
B-18 (`o3`, flows A and B, `pres`). How the answers to the flows spell their unit is not in the source: `l/m`, as a
42i (p. B-34) does it.
"""

from collections.abc import Sequence

from drivers.protocols.bayern_hessen import THERMO
from drivers.protocols.clink import Wire
from sim.signals import Constant, Signal
from sim.speaker import Figure, Speaker
from sim.talk import Voice
from sim.talkers.bayern_hessen import AnalyzerFace, Slot
from sim.talkers.clink import ClinkFace

FUTURE = "0" * 10
"""Behind the status: space for special functions."""
PLAIN = Wire()


def i42(name: str, unit: int, *, no_ppb: Signal, no2_ppb: Signal, nox_ppb: Signal) -> Voice[AnalyzerFace]:
    """Channels NO, NO2, NOx and PRE (as NO)."""
    return _geysitech(name, unit, [("NO", no_ppb), ("NO2", no2_ppb), ("NOx", nox_ppb), ("PRE", no_ppb)])


def i49(name: str, unit: int, *, o3_ppb: Signal) -> Voice[AnalyzerFace]:
    """Channel O3."""
    return _geysitech(name, unit, [("O3", o3_ppb)])


def i48_clink(name: str, *, co_ppm: Signal, pressure_mmhg: Signal, flow_l_min: Signal) -> Voice[ClinkFace]:
    """Channels CO, pressure, flow and flags."""
    figures = [
        Figure("CO", "co", co_ppm),
        Figure("pressure", "pres", pressure_mmhg, decimals=1),
        Figure("flow", "flow", flow_l_min),
        Figure("flags", "flags", Constant(0), decimals=0),
    ]
    return Voice(
        Speaker(name, figures), ClinkFace(PLAIN, {"co": "ppm", "pres": "mmHg", "flow": "l/m", "flags": ""})
    )


def i49_clink(name: str, *, o3_ppb: Signal, pressure_mmhg: Signal, flow_l_min: Signal) -> Voice[ClinkFace]:
    """Channels O3, pressure, flow-a and flow-b (both cells alike), and flags."""
    figures = [
        Figure("O3", "o3", o3_ppb),
        Figure("pressure", "pres", pressure_mmhg, decimals=1),
        Figure("flow-a", "flow a", flow_l_min),
        Figure("flow-b", "flow b", flow_l_min),
        Figure("flags", "flags", Constant(0), decimals=0),
    ]
    units = {"o3": "ppb", "pres": "mmHg", "flow a": "l/m", "flow b": "l/m", "flags": ""}
    return Voice(Speaker(name, figures), ClinkFace(PLAIN, units))


def _geysitech(name: str, unit: int, gases: Sequence[tuple[str, Signal]]) -> Voice[AnalyzerFace]:
    slots = tuple(Slot(unit + place, (FUTURE,), gas) for place, (gas, _) in enumerate(gases))
    figures = [Figure(gas, gas, signal) for gas, signal in gases]
    return Voice(Speaker(name, figures), AnalyzerFace(THERMO, slots))
