"""What a logger says to instruments that speak in characters, on any stream of bytes, turned into messages."""

import asyncio
from collections.abc import Callable

from drivers.protocols.modbus_pdu import Malformed
from sim.hosts.landing import Landings
from sim.hosts.listener import Conversation, Listener
from sim.talk import Asked, Following, TalkFace
from sim.wire import Wire


class TalkConversation:
    """Requests are answered, noise is passed over; an instrument that talks by itself begins at once."""

    def __init__(self, wire: Wire, landings: Landings) -> None:
        assert isinstance(wire.face, TalkFace)
        self._wire = wire
        self._talker = wire.face.talker
        self._landings = landings
        self._buffer = bytearray()
        self._next: asyncio.TimerHandle | None = None
        self._later: list[asyncio.TimerHandle] = []
        if self._talker.every_s is not None:
            self._next = asyncio.get_running_loop().call_later(0, self._tell)

    def fed(self, received: bytes) -> None:
        """Answer what is complete."""
        self._buffer += received
        while self._buffer:
            try:
                asked = self._talker.take(self._buffer)
            except Malformed:
                continue
            if asked is None:
                return
            self._put(asked.unit, asked.request)

    def stop(self) -> None:
        """Forget the beginning of a request, and fall silent."""
        self._buffer.clear()
        for handle in self._later:
            handle.cancel()
        self._later.clear()
        if self._next is not None:
            self._next.cancel()

    def _tell(self) -> None:
        assert self._talker.every_s is not None
        self._next = asyncio.get_running_loop().call_later(self._talker.every_s, self._tell)
        for unit in self._talker.speakers:
            self._put(unit, b"")

    def _put(self, unit: int, request: bytes) -> None:
        due = self._wire.ask(unit, request)
        if due is not None:
            self._landings.expect(due, lambda _unit, message: message)
        later = self._talker.follows(Asked(unit, request)) if isinstance(self._talker, Following) else None
        if later is not None:
            now = asyncio.get_running_loop().time()
            self._later = [handle for handle in self._later if handle.when() > now]
            self._later.append(asyncio.get_running_loop().call_later(later.after_s, self._put, *later.asked))


class TalkTcpHost(Listener):
    """`async with TalkTcpHost(wire) as host:` serves it on host.port, as a serial server passes it through."""

    def converse(self, landings: Landings, hang_up: Callable[[], None]) -> Conversation:
        """One conversation per logger."""
        return TalkConversation(self.wire, landings)
