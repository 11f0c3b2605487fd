"""Siemens SIPROCESS GA700, continuous gas analysis, Modbus TCP.

Transcribed from the operating manual A5E31930478-05 (p. 286, 287, 291, 298) and the Bedienhandbuch A5E31930441-03
(p. 303): component blocks at 0x0000, 0x000C, 0x0018, 0x0024, 0x0030 and the first pressure at 0x003C, each: code, unit,
value (float), status (32 bit, the status byte is the low byte of its first register), factor, offset (floats), two
reserved; 0x0100 device state, 0x0101 substate, 0x0102 global status. Functions 03, 0F, 2B. Status 0x80 is good, 0x00
not available (0.0 is shown). Word order, code numbers of the states and of the units in use are not in the source: high
word first, 0.
"""

from collections.abc import Mapping

from drivers.protocols.modbus import Table
from sim.instrument import Instrument, Quantity
from sim.layout import float32, uint16, words
from sim.signals import Constant, Signal

HOLDING: Table = "holding"
COMPONENTS = (0x0000, 0x000C, 0x0018, 0x0024, 0x0030)
PRESSURE = 0x003C
BLOCK = 0x000C
GOOD = 0x80
GAS_CODES = {"O2": 2, "CO": 3, "CO2": 4, "CH4": 5, "SO2": 6, "NO": 7, "N2O": 8, "NH3": 9, "H2O": 10}
"""Table A-14, p. 298."""
DEVICE_STATE, DEVICE_SUBSTATE, GLOBAL_STATUS = 0x0100, 0x0101, 0x0102
PLATE = {0: b"Siemens", 1: b"SIPROCESS GA700", 2: b"05"}


def ga700(name: str, gases: Mapping[str, Signal], *, pressure_hpa: Signal) -> Instrument:
    """`gases`: of GAS_CODES, components 1, 2, ... in their order. A channel's status is `<channel>-status`."""
    quantities: list[Quantity] = []
    fixed = words(HOLDING, DEVICE_STATE, [0, 0, 0])
    for base in (*COMPONENTS, PRESSURE):
        fixed |= words(HOLDING, base, [0] * BLOCK)
    for base, (gas, signal) in zip(COMPONENTS, gases.items(), strict=False):
        fixed |= words(HOLDING, base, [GAS_CODES[gas]])
        quantities += _shown(gas, base, signal)
    quantities += _shown("pressure", PRESSURE, pressure_hpa)
    return Instrument(name, quantities, fixed, plate=PLATE, functions=frozenset({3, 15, 43}))


def _shown(channel: str, base: int, signal: Signal) -> tuple[Quantity, Quantity]:
    return (
        float32(channel, HOLDING, base + 2, signal),
        uint16(f"{channel}-status", HOLDING, base + 4, Constant(GOOD)),
    )
