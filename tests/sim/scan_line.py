"""A serial line with five instruments at two speeds, which keeps every byte that it was sent."""

from dataclasses import replace

from sim.devices.endress import cm44
from sim.devices.hach import sc3400, sc_sensor
from sim.devices.siemens import ga700
from sim.face import Face
from sim.hosts.landing import Landings
from sim.hosts.listener import Conversation
from sim.hosts.pty import PtyHost
from sim.instrument import Instrument
from sim.signals import Constant
from sim.wire import Wire
from tests.sim.bench import ph_meter

SPEEDS = {3: 9600, 12: 9600, 200: 9600, 5: 19200, 247: 19200}


def five() -> dict[int, Instrument]:
    """At 9600 Bd a COD probe, a gas analyzer and a pH meter; at 19200 Bd a conductivity probe and a Liquiline."""
    units = {
        3: sc_sensor("cod", "COD", Constant(62.5)),
        12: ga700("gas", {"CO": Constant(12.5)}, pressure_hpa=Constant(1003.0)),
        200: ph_meter(),
        5: sc3400("salt", conductivity=Constant(2.1), temperature_degc=Constant(27.9)),
        247: cm44("water", {"pH": Constant(7.2), "temperature": Constant(29.5)}),
    }
    return {unit: replace(instrument, baudrate=SPEEDS[unit]) for unit, instrument in units.items()}


class KeptLine(PtyHost):
    """`received` is all that came, at whatever speed."""

    def __init__(self, units: dict[int, Instrument]) -> None:
        super().__init__(Wire("rs485", Face(units)))
        self.received = bytearray()

    def converse(self, landings: Landings) -> Conversation:
        return _Kept(super().converse(landings), self.received)


class _Kept:
    def __init__(self, conversation: Conversation, received: bytearray) -> None:
        self._conversation = conversation
        self._received = received

    def fed(self, received: bytes) -> None:
        self._received += received
        self._conversation.fed(received)

    def stop(self) -> None:
        self._conversation.stop()
