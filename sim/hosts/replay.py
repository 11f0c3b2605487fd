"""A recording on any stream of bytes or in datagrams: hears questions, lets the recorded answers come."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.modbus_tcp import take
from sim.hosts.landing import Landings
from sim.hosts.listener import Conversation, Listener
from sim.hosts.pty import PtyHost
from sim.hosts.udp import UdpHost
from sim.replay import HEADER_BYTES, Replay
from sim.wire import Wire

SILENCE_S = 0.05
"""What is no whole question after this is none."""


class ReplayConversation:
    """With one master. A line that streams begins at once and listens to nobody."""

    def __init__(self, replay: Replay, landings: Landings) -> None:
        self._replay = replay
        self._landings = landings
        self._buffer = bytearray()
        self._silence: asyncio.TimerHandle | None = None
        self._next: asyncio.TimerHandle | None = None
        # The longest first: MEASURE may begin like M.
        self._known = sorted(replay.exchanges, key=len, reverse=True)
        if replay.stream:
            self._wait_for(0)

    def fed(self, received: bytes) -> None:
        """Answer what is a whole question."""
        if self._replay.stream:
            return
        self._forget_silence()
        self._buffer += received
        while (question := self._question()) is not None:
            self._put(question)
        if self._buffer:
            self._silence = asyncio.get_running_loop().call_later(SILENCE_S, self._fell_silent)

    def stop(self) -> None:
        """The connection is gone."""
        self._forget_silence()
        self._buffer.clear()
        if self._next is not None:
            self._next.cancel()

    def _put(self, question: bytes) -> None:
        for piece in self._replay.answer(question):
            self._landings.put(piece.after_s, piece.octets)

    def _question(self) -> bytes | None:
        """One that is whole, off the front of the buffer."""
        if self._replay.is_numbered:
            return self._numbered()
        for known in self._known:
            if self._buffer.startswith(known):
                del self._buffer[: len(known)]
                return known
        return None

    def _numbered(self) -> bytes | None:
        whole = bytes(self._buffer)
        try:
            adu = take(self._buffer)
        except Malformed:
            self._buffer.clear()
            self._landings.hang_up()
            return None
        return None if adu is None else whole[: HEADER_BYTES + 1 + len(adu.pdu)]

    def _fell_silent(self) -> None:
        """What is here is no question of the recording; half a frame of a numbered one is nothing at all."""
        self._silence = None
        heard = bytes(self._buffer)
        self._buffer.clear()
        if not self._replay.is_numbered:
            self._put(heard)

    def _forget_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _wait_for(self, number: int) -> None:
        piece = self._replay.stream[number % len(self._replay.stream)]
        self._next = asyncio.get_running_loop().call_later(piece.after_s, self._tell, number)

    def _tell(self, number: int) -> None:
        self._landings.put(0, self._replay.stream[number % len(self._replay.stream)].octets)
        self._wait_for(number + 1)


class ReplayTcpHost(Listener):
    """`async with ReplayTcpHost(replay, wire) as host:` serves it on host.port. Nobody else is on the wire."""

    def __init__(self, replay: Replay, wire: Wire, *, port: int = 0) -> None:
        super().__init__(wire, port=port)
        self._replay = replay

    def converse(self, landings: Landings, hang_up: Callable[[], None]) -> Conversation:
        """One conversation per master; they share the place in the recording."""
        return ReplayConversation(self._replay, landings)


class ReplayUdpHost(UdpHost):
    """The same in datagrams."""

    def __init__(self, replay: Replay, wire: Wire, *, port: int = 0) -> None:
        super().__init__(wire, port=port)
        self._replay = replay

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers who asked; what is no frame is dropped."""
        if len(data) > HEADER_BYTES:
            for piece in self._replay.answer(data):
                self.landings(addr).put(piece.after_s, piece.octets)


class ReplayPtyHost(PtyHost):
    """The same on a pseudo-terminal."""

    def __init__(
        self, replay: Replay, wire: Wire, *, link: Path | None = None, baudrate: int | None = None
    ) -> None:
        super().__init__(wire, link=link, baudrate=baudrate)
        self._replay = replay

    def converse(self, landings: Landings) -> Conversation:
        """The recording."""
        return ReplayConversation(self._replay, landings)
