"""Advantech ADAM-6017, eight analog inputs, Modbus TCP, unit 1.

Transcribed from the user manual's Modbus table: inputs 0..7 as raw 16 bit at holding 0..7 (40001..40008),
0..65535 over the input range; type codes at holding 200 + ch, 0x0182 is 0..20 mA; two outputs are coils 16, 17.
"""

from collections.abc import Mapping

from drivers.protocols.modbus import Point, Table
from sim.instrument import Instrument
from sim.layout import Loop, words

RANGE_0_20_MA = 0x0182
COUNTS_AT_4_MA, COUNTS_AT_20_MA = 13107, 65535


def adam6017(name: str, loops: Mapping[str, Loop]) -> Instrument:
    """`loops`: channel to transmitter, inputs 0, 1, ... in their order; the rest is open (0 mA)."""
    fixed = (
        words("holding", 0, [0] * 8) | words("holding", 200, [RANGE_0_20_MA] * 8) | words("coil", 16, [0, 0])
    )
    quantities = [
        loop.quantity(Point(channel, "holding", number, "uint16"), COUNTS_AT_4_MA, COUNTS_AT_20_MA)
        for number, (channel, loop) in enumerate(loops.items())
    ]
    outputs: frozenset[tuple[Table, int]] = frozenset({("coil", 16), ("coil", 17)})
    return Instrument(name, quantities, fixed, functions=frozenset({1, 3, 5, 6, 15, 16}), writable=outputs)
