"""Modbus TCP instruments on a port: many masters, many requests in one segment, each answered."""

from collections.abc import Callable

from drivers.protocols import modbus_tcp
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.modbus_tcp import Adu
from sim.hosts.landing import Landings
from sim.hosts.listener import Conversation, Listener
from sim.wire import Wire


class TcpConversation:
    """Every request of one connection is answered on its own: a slow answer holds up no other."""

    def __init__(self, wire: Wire, landings: Landings, hang_up: Callable[[], None]) -> None:
        self._wire = wire
        self._landings = landings
        self._hang_up = hang_up
        self._buffer = bytearray()

    def fed(self, received: bytes) -> None:
        """Answer what is complete; hang up on what is not Modbus TCP."""
        self._buffer += received
        try:
            while (adu := modbus_tcp.take(self._buffer)) is not None:
                self._answer(adu)
        except Malformed:
            self._buffer.clear()
            self._hang_up()

    def stop(self) -> None:
        """Forget the beginning of a request."""
        self._buffer.clear()

    def _answer(self, adu: Adu) -> None:
        due = self._wire.ask(adu.unit, adu.pdu)
        if due is not None:
            self._landings.expect(due, lambda unit, pdu: modbus_tcp.encode(Adu(adu.transaction, unit, pdu)))


class TcpHost(Listener):
    """`async with TcpHost(wire) as host:` serves it on host.port."""

    def converse(self, landings: Landings, hang_up: Callable[[], None]) -> Conversation:
        """One conversation per master."""
        return TcpConversation(self.wire, landings, hang_up)
