"""Endress+Hauser Liquiline CM442/CM444/CM448, Modbus RTU or TCP.

Transcribed from SD01189C: addresses from 0, functions 3 and 4 show the same registers; analog input n (1..16)
has its float at 4(n-1), its status byte at 4(n-1)+2 (0 good, 1 uncertain, 2 bad, 3 not assigned) and its unit
code at 4(n-1)+3; no value is NaN. Setting 9000 is the bus address, 247 as delivered; holding 1018 the baud
rate (3 = 9600), 1022 the parity (3 = none). Word order is a setting of the device: here high word first.
The unit codes are not in the source: 0.
"""

from collections.abc import Mapping

from drivers.protocols.modbus import Table
from sim.instrument import Instrument, Quantity
from sim.layout import float32, uint16, words
from sim.signals import Constant, Signal

BUS_ADDRESS = 247
GOOD, NOT_ASSIGNED = 0, 3
TABLES: tuple[Table, ...] = ("holding", "input")


def cm44(name: str, inputs: Mapping[str, Signal], *, bus_address: int = BUS_ADDRESS) -> Instrument:
    """`inputs`: channel to signal, analog inputs 1, 2, ... in their order. Status is `<channel>-status`."""
    quantities: list[Quantity] = []
    fixed = words("holding", 1018, [3]) | words("holding", 1022, [3])
    for table in TABLES:
        fixed |= words(table, 9000, [bus_address])
        for number in range(16):
            fixed |= words(table, 4 * number, [0x7FA0, 0, NOT_ASSIGNED, 0])
        for number, (channel, signal) in enumerate(inputs.items()):
            quantities.append(float32(channel, table, 4 * number, signal))
            quantities.append(uint16(f"{channel}-status", table, 4 * number + 2, Constant(GOOD)))
    return Instrument(name, quantities, fixed, functions=frozenset({3, 4, 6, 16}))
