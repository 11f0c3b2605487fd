"""The wires in memory: real frames through the driver's own inboxes, later than asked, damaged, or not at all.

A late answer comes before timeout + guard are over: what is later than that no RTU master can tell (design, section 6).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from drivers.endpoint import TcpHost
from drivers.errors import Garbled, Unreachable
from drivers.exchange import Answer
from drivers.inbox import Inbox, RtuInbox, TcpInbox, question
from drivers.line import LineSettings
from drivers.protocols import modbus_rtu, modbus_tcp
from drivers.protocols.modbus_pdu import ExceptionReply, encode_exception
from drivers.tap import Tap
from tests.world.clock import now_s
from tests.world.instruments import Answered, Instrument

QUICK_S = (0.02, 0.3)
MARGIN_S = 0.05
BUSY = 6


class Life:
    """Whether the process that a wire belongs to still lives, and its clock."""

    def __init__(self, mono_ms: Callable[[], int]) -> None:
        self.is_alive = True
        self.mono_ms = mono_ms


@dataclass(eq=False)
class Line:
    """One physical line and what hangs on it. `is_down`: the adapter is gone, the host refuses."""

    instruments: Sequence[Instrument]
    rng: Random
    is_down: bool = False
    attached: "WorldWire | None" = None
    wires: list["WorldWire"] = field(default_factory=list)

    def asked(self, wire: "WorldWire", unit: int, pdu: bytes) -> None:
        """A question is on the line; what comes back is scheduled."""
        found = next((i for i in self.instruments if i.unit == unit), None)
        if found is None or self.is_down:
            return
        answer = found.reply(pdu)
        temper = found.temper
        rng = self.rng
        at_ms = round(now_s() * 1_000)
        if temper.is_silent:
            found.noted(at_ms, Answered.NEVER, "silent")
        elif rng.random() < temper.late:
            lowest, highest = wire.timeout_s + MARGIN_S, wire.timeout_s + wire.guard_s - MARGIN_S
            found.noted(at_ms, Answered.NEVER, "late")
            self._send(wire, rng.uniform(lowest, highest), wire.framed(unit, answer))
        elif rng.random() < temper.garbled:
            found.noted(at_ms, Answered.NEVER, "garbled")
            frame = wire.framed(unit, answer)
            frame = rng.randbytes(len(frame)) if wire.is_tcp else self._garbled(frame)  # TCP has its own sums
            self._send(wire, rng.uniform(*QUICK_S), frame)
        elif rng.random() < temper.foreign:
            found.noted(at_ms, Answered.NEVER, "under another unit")
            self._send(wire, rng.uniform(*QUICK_S), wire.framed(unit % 200 + 17, answer))
        elif rng.random() < temper.refuses:
            found.noted(at_ms, Answered.NEVER, "busy")
            refusal = encode_exception(ExceptionReply(pdu[0], BUSY))
            self._send(wire, rng.uniform(*QUICK_S), wire.framed(unit, refusal))
        else:
            found.noted(at_ms, Answered.WELL, "well")
            self._send(wire, rng.uniform(*QUICK_S), wire.framed(unit, answer))

    def deliver(self, wire: "WorldWire", frame: bytes) -> None:
        """Bytes arrive: on a serial line at whoever listens now, on a connection at its own end or nowhere."""
        listener = wire if wire.is_tcp else self.attached
        if listener is not None and listener.is_open and not self.is_down:
            listener.hear(frame)

    def break_off(self) -> None:
        """Adapter or host go away."""
        self.is_down = True
        for wire in self.wires:
            wire.lose()

    def _send(self, wire: "WorldWire", after_s: float, frame: bytes) -> None:
        pieces = [frame]
        if self.rng.random() < 0.2 and len(frame) > 1:
            cut = self.rng.randrange(1, len(frame))
            pieces = [frame[:cut], frame[cut:]]
        for number, piece in enumerate(pieces):
            asyncio.get_running_loop().call_later(after_s + number * 0.01, self.deliver, wire, piece)

    def _garbled(self, frame: bytes) -> bytes:
        at = self.rng.randrange(len(frame))
        how = self.rng.randrange(3)
        if how == 0:
            return frame[:at] + bytes([frame[at] ^ 1 << self.rng.randrange(8)]) + frame[at + 1 :]
        return frame[:at] if how == 1 else self.rng.randbytes(len(frame))


class WorldWire:
    """drivers.bus.Wire of one life of the agent on one line. Numbered when it is Modbus TCP."""

    def __init__(self, line: Line, settings: LineSettings, life: Life) -> None:
        where = settings.endpoint
        self.is_tcp = isinstance(where, TcpHost)
        self.timeout_s = settings.timeout_s
        self.guard_s = settings.guard_s
        self.inbox: Inbox = TcpInbox(str(where)) if self.is_tcp else RtuInbox(str(where))
        self.last_byte_at = float("-inf")
        self.tap = Tap()
        self._where = where
        self._line = line
        self._life = life
        self._transaction = 0
        self._connected = False
        self._waiting: asyncio.Future[bytes] | None = None
        self._asked_under = 0
        line.wires.append(self)

    @property
    def unasked(self) -> Inbox:
        """The inbox counts what came late or astray."""
        return self.inbox

    @property
    def is_open(self) -> bool:
        """See Wire."""
        return self._connected

    async def open(self) -> None:
        """See Wire."""
        await asyncio.sleep(self._line.rng.uniform(0.001, 0.05))
        if self._line.is_down or not self._life.is_alive:
            raise Unreachable(f"{self._where}: nobody answers")
        self.inbox.opened()
        self._connected = True
        self._line.attached = self

    def close(self) -> None:
        """See Wire."""
        self._connected = False
        if self._line.attached is self:
            self._line.attached = None

    def lose(self) -> None:
        """The connection ends from the other side."""
        if self._connected:
            self.close()
            self._fail(Unreachable(f"{self._where}: the connection was lost"))

    async def ask(self, unit: int, pdu: bytes) -> Answer:
        """See Wire."""
        if not self._connected or not self._life.is_alive:
            raise Unreachable(f"{self._where}: the line is not open")
        self._transaction = self._transaction % 0xFFFF + 1
        self._asked_under = self._transaction
        self.inbox.expect(question(unit, pdu), self.framed(unit, pdu))
        waiting = self._waiting = asyncio.get_running_loop().create_future()
        self._line.asked(self, unit, pdu)
        try:
            async with asyncio.timeout(self.timeout_s):
                frame = await waiting
        except TimeoutError:
            raise self.inbox.verdict() from None
        finally:
            self._waiting = None
            self.inbox.done()
        return Answer(frame[7:] if self.is_tcp else frame[1:-2], self._life.mono_ms())

    def framed(self, unit: int, pdu: bytes) -> bytes:
        """As it goes over this wire; an answer under the number of the question in hand."""
        if self.is_tcp:
            return modbus_tcp.encode(modbus_tcp.Adu(self._asked_under, unit, pdu))
        return modbus_rtu.encode_frame(unit, pdu)

    def hear(self, chunk: bytes) -> None:
        """Bytes from the line."""
        self.last_byte_at = now_s()
        try:
            frame = self.inbox.feed(chunk)
        except Garbled as error:
            self._fail(error)
            if not self.inbox.in_step:
                self.close()
            return
        if frame and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(frame)

    def _fail(self, error: Garbled | Unreachable) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
