"""SICK MARSIC300 and MCS100E, stack gas.

MARSIC300, transcribed from the technical information, p. 90: function 2, 1000 malfunction, 1001 maintenance request,
1002 maintenance, 1003 out of specification, 1004 data live (0: held); function 4, floats 1000 SO2, 1002 CO2, 1004
SO2/CO2, 1006 H2O, 1008 NO, 1010 NO2, 1012 NOx, 1014 NH3, 1016 CO, 1018 CH4, 1020 O2, 1022 VOC; not measuring
shows 0; 1024 zero, 1025 span, 1026 either of them; 1050 and 1052 active and shown sampling point, 32 bit, 0 is
maintenance. Whether the printed numbers count from 0 and which word is first are not stated: taken literally,
high word first.

MCS100E, transcribed from the operating instructions, p. 126..128: function 3, registers 1..99 are the results of block
1, the request carries the number less 1, a float is sent as byte 1, byte 0, byte 3, byte 2; coils 1..96 outputs.
"""

from collections.abc import Mapping

from drivers.protocols.modbus import Point
from sim.instrument import Instrument, Quantity
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
STATES |= {"zero": 1024, "span": 1025, "zero-or-span": 1026}
POINTS = {"active-point": 1050, "shown-point": 1052}
RESULTS = 49


def marsic300(name: str, gases: Mapping[str, Signal]) -> Instrument:
    """`gases` of GASES that it measures; the others show 0. Data are live from point 1 and nothing is wrong."""
    measured = [float32(gas, "input", GASES[gas], signal) for gas, signal in gases.items()]
    states = [bit(state, "discrete", address, Constant(0)) for state, address in STATES.items()]
    live = bit("live", "discrete", 1004, Constant(1))
    points = [Quantity(Point(p, "input", at, "int32", "ABCD", 2), Constant(1)) for p, at in POINTS.items()]
    return Instrument(
        name,
        (*measured, *states, live, *points),
        words("input", 1000, [0] * 24),
        functions=frozenset({1, 2, 3, 4}),
    )


def mcs100e(name: str, results: Mapping[str, Signal]) -> Instrument:
    """`results`: channel to signal, result 1, 2, ... of block 1 in their order; the rest is 0."""
    shown = [
        float32(channel, "holding", 1 + 2 * number - 1, signal, "CDAB")
        for number, (channel, signal) in enumerate(results.items())
    ]
    fixed = words("holding", 0, [0] * 2 * RESULTS) | words("coil", 0, [0] * 392)
    return Instrument(name, shown, fixed, functions=frozenset({1, 3, 5, 15, 16}))
