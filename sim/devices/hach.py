"""Hach sc digital sensors with Modbus RTU through the network card of their controller.

Transcribed from the sensors' manuals: 40001 measurement as a float, 40003 its unit (0 mg/l, 1 g/l), 40004 the
parameter (UVAS sc, p. 39; Solitax, Nitratax and others alike); TSS sc, p. 33: 40001 turbidity, 40005 solids in mg/L,
floats, 40036 serial number; 3400sc, p. 45: 40003 conductivity, 40005 temperature, floats. Word order from the sc100
controller, p. 53: low word first as delivered ("swapped"), a setting of its network menu. 40001 is address 0.
"""

from drivers.protocols.modbus import ByteOrder, Point, Table
from sim.instrument import Instrument, Quantity
from sim.layout import float32, uint16, words
from sim.signals import Constant, Signal

HOLDING: Table = "holding"
SWAPPED: ByteOrder = "CDAB"
READS_AND_WRITES = frozenset({3, 6, 16})
SERIAL = "1234567"


def sc_sensor(name: str, channel: str, measurement: Signal) -> Instrument:
    """One measurement in mg/l; its unit and its parameter are `<channel>-unit` and `<channel>-parameter`."""
    return Instrument(
        name,
        (
            float32(channel, HOLDING, 40001 - 40001, measurement, SWAPPED),
            uint16(f"{channel}-unit", HOLDING, 40003 - 40001, Constant(0)),
            uint16(f"{channel}-parameter", HOLDING, 40004 - 40001, Constant(0)),
        ),
        functions=READS_AND_WRITES,
    )


def tss_sc(name: str, *, turbidity_fnu: Signal, solids_mg_l: Signal) -> Instrument:
    """Turbidity (channel turbidity) and suspended solids (channel TSS)."""
    serial = Point("serial", HOLDING, 40036 - 40001, "string", "ABCD", 6)
    return Instrument(
        name,
        (
            float32("turbidity", HOLDING, 40001 - 40001, turbidity_fnu, SWAPPED),
            float32("TSS", HOLDING, 40005 - 40001, solids_mg_l, SWAPPED),
            Quantity(serial, Constant(0), text=SERIAL),
        ),
        functions=READS_AND_WRITES,
        gaps_read_zero=True,
    )


def sc3400(name: str, *, conductivity: Signal, temperature_degc: Signal) -> Instrument:
    """Conductivity (channel EC) and temperature (channel T)."""
    return Instrument(
        name,
        (
            float32("EC", HOLDING, 40003 - 40001, conductivity, SWAPPED),
            float32("T", HOLDING, 40005 - 40001, temperature_degc, SWAPPED),
        ),
        words(HOLDING, 0, [0, 0]),
        functions=READS_AND_WRITES,
    )
