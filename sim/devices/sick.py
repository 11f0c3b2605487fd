"""SICK MARSIC300, stack gas.

Transcribed from the operating instructions, p. 90: function 2, 1000 malfunction, 1001 maintenance request, 1002
maintenance, 1003 out of specification, 1004 data live (0: held); function 4, floats 1000 SO2, 1002 CO2, 1004
SO2/CO2, 1006 H2O, 1008 NO, 1010 NO2, 1012 NOx, 1014 NH3, 1016 CO, 1018 CH4, 1020 O2, 1022 VOC; not measuring
shows 0. Whether the printed numbers count from 0 and which word is first are not stated: taken literally,
high word first.
"""

from collections.abc import Mapping

from sim.instrument import Instrument
from sim.layout import bit, float32, words
from sim.signals import Constant, Signal

GASES = {
    "SO2": 1000,
    "CO2": 1002,
    "SO2/CO2": 1004,
    "H2O": 1006,
    "NO": 1008,
    "NO2": 1010,
    "NOx": 1012,
    "NH3": 1014,
    "CO": 1016,
    "CH4": 1018,
    "O2": 1020,
    "VOC": 1022,
}
STATES = {"malfunction": 1000, "maintenance-request": 1001, "maintenance": 1002, "out-of-specification": 1003}


def marsic300(name: str, gases: Mapping[str, Signal]) -> Instrument:
    """`gases` of GASES that it measures; the others show 0. Data are live and nothing is wrong."""
    measured = [float32(gas, "input", GASES[gas], signal) for gas, signal in gases.items()]
    states = [bit(state, "discrete", address, Constant(0)) for state, address in STATES.items()]
    live = bit("live", "discrete", 1004, Constant(1))
    return Instrument(
        name, (*measured, *states, live), words("input", 1000, [0] * 24), functions=frozenset({1, 2, 3, 4})
    )
