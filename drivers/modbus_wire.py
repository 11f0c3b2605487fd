"""Which wire carries a line's Modbus: pymodbus for TCP and RTU, our own for ASCII and for datagrams."""

from collections.abc import Callable

from drivers.ascii_wire import AsciiWire
from drivers.endpoint import SerialPort, UdpHost
from drivers.line import LineSettings
from drivers.pymodbus_line import PymodbusWire
from drivers.udp_wire import UdpWire


def modbus_wire(settings: LineSettings, mono_ms: Callable[[], int]) -> PymodbusWire | AsciiWire | UdpWire:
    """Nothing is opened yet."""
    where = settings.endpoint
    if isinstance(where, UdpHost):
        return UdpWire(settings, mono_ms)
    is_ascii = where.framer == "ascii" if isinstance(where, SerialPort) else where.ascii
    return AsciiWire(settings, mono_ms) if is_ascii else PymodbusWire(settings, mono_ms)
