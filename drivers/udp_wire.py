"""Modbus in datagrams: the frames of Modbus TCP, one in each. A lost one is a silence.

The checks are those of TCP: an answer repeats the question's number and comes from the host that was asked; unit,
function and byte count are the question's. A datagram that is no frame is noise.
"""

import asyncio
from collections.abc import Callable

from drivers.character_wire import Counts
from drivers.diagnosis import unreachable
from drivers.endpoint import UdpHost
from drivers.errors import DriverError, Garbled, NoAnswer, Unreachable
from drivers.exchange import Answer
from drivers.inbox import Question, answers, not_the_answer, question
from drivers.line import LineSettings
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.modbus_tcp import Adu, encode, take
from drivers.tap import Tap

SILENCE = "check the unit address, port and firewall; is it Modbus over UDP?"


class UdpWire(asyncio.DatagramProtocol):
    """One socket at a time, one question at a time; the bus sees to both."""

    def __init__(self, settings: LineSettings, mono_ms: Callable[[], int]) -> None:
        where = settings.endpoint
        assert isinstance(where, UdpHost)
        self._where = where
        self._settings = settings
        self._mono_ms = mono_ms
        self.unasked = Counts()
        self.last_byte_at = float("-inf")
        self.tap = Tap()
        self._socket: asyncio.DatagramTransport | None = None
        self._transaction = 0
        self._asked: Question | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._noise = b""

    @property
    def is_open(self) -> bool:
        """Whether a question can be asked."""
        return self._socket is not None

    async def open(self) -> None:
        """Unreachable: the name is not known, or there is no way to it. Nobody is asked yet."""
        self.close()
        loop = asyncio.get_running_loop()
        remote = (self._where.host, self._where.port)
        try:
            async with asyncio.timeout(self._settings.connect_s):
                socket, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=remote)
        except (OSError, ValueError) as error:  # ValueError: a name that is none, as 10.0.0..5
            raise unreachable(self._where, error) from None
        self._socket = socket

    def close(self) -> None:
        """Lets go of the socket; answers that are under way find nobody."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.abort()

    async def ask(self, unit: int, pdu: bytes) -> Answer:
        """The answer's PDU, an exception reply included. NoAnswer, Garbled or Unreachable."""
        socket = self._socket
        if socket is None:
            raise Unreachable(f"{self._where}: the line is not open")
        self._transaction = (self._transaction + 1) & 0xFFFF
        self._asked = asked = question(unit, pdu)
        self._noise = b""
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting = waiting
        datagram = encode(Adu(self._transaction, unit, pdu))
        if self.tap.is_watched:
            self.tap.tell("sent", datagram)
        try:
            socket.sendto(datagram)
            async with asyncio.timeout(self._settings.timeout_s):
                return await waiting
        except TimeoutError:
            raise self._verdict(asked) from None
        finally:
            self._asked = self._waiting = None

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Called by the event loop. The socket is connected: others' datagrams do not come here."""
        self.last_byte_at = asyncio.get_running_loop().time()
        if self.tap.is_watched:
            self.tap.tell("heard" if self._asked else "unasked", data)
        adu = _frame(data)
        if adu is None:
            self.unasked.stray += 1
            self._noise = data
        elif self._asked is None or self._waiting is None or adu.transaction != self._transaction:
            self.unasked.late += 1
        elif answers(self._asked, adu.unit, adu.pdu):
            self._end(Answer(adu.pdu, self._mono_ms()))
        else:
            self._end(not_the_answer(str(self._where), self._asked, adu.unit, adu.pdu))

    def error_received(self, exc: Exception) -> None:
        """Called by the event loop: the host says that nobody listens, or a router that there is no way."""
        self._end(unreachable(self._where, exc))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop, also after `close`."""
        self._end(Unreachable(f"{self._where}: the line was closed"))

    def _end(self, outcome: Answer | DriverError) -> None:
        waiting = self._waiting
        if waiting is None or waiting.done():
            return
        if isinstance(outcome, DriverError):
            waiting.set_exception(outcome)
        else:
            waiting.set_result(outcome)

    def _verdict(self, asked: Question) -> DriverError:
        if self._noise:
            what = f"{self._where}: what came is no Modbus in a datagram"
            return Garbled(what, hint="is the port right?", evidence=self._noise)
        return NoAnswer(f"{self._where}: no answer to {asked}", hint=SILENCE)


def _frame(datagram: bytes) -> Adu | None:
    """The one frame that a datagram is; None: it is something else."""
    buffer = bytearray(datagram)
    try:
        adu = take(buffer)
    except Malformed:
        return None
    return None if buffer else adu
