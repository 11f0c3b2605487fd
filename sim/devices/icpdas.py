"""ICP DAS M-7017C, eight current inputs on RS-485.

Transcribed from the quick start: inputs 0..7 at 30001/40001 (address 0..7), over or under range at 10129/00129
(address 128..135) for 4..20 and 0..20 mA. Engineering format is selected; its step is not in the source: a
signed 16 bit number of microamperes is a guess.
"""

from collections.abc import Mapping

from drivers.protocols.modbus import Point, Table
from sim.instrument import Instrument
from sim.layout import Loop, words

UA_AT_4_MA, UA_AT_20_MA = 4000, 20_000
TABLES: tuple[Table, ...] = ("holding", "input")


def m7017c(name: str, loops: Mapping[str, Loop]) -> Instrument:
    """`loops`: channel to transmitter, inputs 0, 1, ... in their order; the rest is 0 mA."""
    fixed = words("discrete", 128, [0] * 8) | words("coil", 128, [0] * 8)
    quantities = []
    for table in TABLES:
        fixed |= words(table, 0, [0] * 8)
        quantities += [
            loop.quantity(Point(channel, table, number, "int16"), UA_AT_4_MA, UA_AT_20_MA)
            for number, (channel, loop) in enumerate(loops.items())
        ]
    return Instrument(name, quantities, fixed, functions=frozenset({1, 2, 3, 4}))
