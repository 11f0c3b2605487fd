"""Moxa ioLogik E1240, eight analog inputs, and E1210, sixteen digital ones, Modbus TCP.

Transcribed from the user manual, A-11 and A-15: function 4, raw 16 bit at 0..7, scaled float at 8 + 2 ch (high
word first), status at 60 + ch (0 normal, 1 burn-out, 2 over range, 3 under range); holding 24 + ch the mode
(2 = 0..20 mA), holding 40 + 2 ch the burn-out value. Raw scale guessed from the sister module 85M: 13107 is
4 mA, 65534 is 20 mA.

E1210 (the same manual, A-8): function 2, input 0..15 at 0..15, 0 off, 1 on.
"""

import struct
from collections.abc import Mapping

from drivers.protocols.modbus import Point
from sim.instrument import Instrument, Quantity
from sim.layout import Loop, bit, uint16, words
from sim.signals import Constant, Signal

MODE_0_20_MA = 2
RAW_AT_4_MA, RAW_AT_20_MA = 13_107, 65_534
BURN_OUT_MA = 3.6
INPUTS = 16


def e1240(name: str, loops: Mapping[str, Loop]) -> Instrument:
    """`loops`: channel to transmitter, inputs 0, 1, ... in their order; the rest is open (burn-out).

    A channel's raw count is `<channel>-raw`, its status `<channel>-status`.
    """
    quantities: list[Quantity] = []
    fixed = words("holding", 24, [MODE_0_20_MA] * 8)
    for number in range(8):
        fixed |= words("holding", 40 + 2 * number, struct.unpack(">HH", struct.pack(">f", BURN_OUT_MA)))
        fixed |= words("input", number, [0]) | words("input", 60 + number, [1])
        fixed |= words("input", 8 + 2 * number, [0, 0])
    for number, (channel, loop) in enumerate(loops.items()):
        raw = Point(f"{channel}-raw", "input", number, "uint16")
        scaled = Point(channel, "input", 8 + 2 * number, "float32", "ABCD", 2)
        quantities += [
            loop.quantity(raw, RAW_AT_4_MA, RAW_AT_20_MA),
            loop.quantity(scaled, 4, 20),
            uint16(f"{channel}-status", "input", 60 + number, Constant(0)),
        ]
    return Instrument(name, quantities, fixed, functions=frozenset({1, 2, 3, 4, 5, 6, 15, 16}))


def e1210(name: str, contacts: Mapping[str, Signal]) -> Instrument:
    """`contacts`: channel to what its contact does (1 closed), inputs 0, 1, ... in their order; the rest is open.

    Not modelled: counters, and the word with all inputs.
    """
    fixed = words("discrete", 0, [0] * INPUTS)
    quantities = [
        bit(channel, "discrete", number, signal) for number, (channel, signal) in enumerate(contacts.items())
    ]
    return Instrument(name, quantities, fixed, functions=frozenset({1, 2, 3, 4, 5, 6, 15, 16}))
