"""RTU or ASCII frames over TCP: a serial device server in transparent mode, with its slaves behind it."""

from collections.abc import Callable

from sim.hosts.landing import Landings
from sim.hosts.listener import Conversation, Listener
from sim.hosts.rtu_line import RtuConversation


class RtuTcpHost(Listener):
    """`async with RtuTcpHost(wire) as host:` serves it on host.port."""

    def converse(self, landings: Landings, hang_up: Callable[[], None]) -> Conversation:
        """One conversation per master; the slaves answer the one that asked."""
        return RtuConversation(self.wire, landings)


class AsciiTcpHost(Listener):
    """The same with ASCII frames."""

    def converse(self, landings: Landings, hang_up: Callable[[], None]) -> Conversation:
        """One conversation per master."""
        return RtuConversation(self.wire, landings, ascii_frames=True)
