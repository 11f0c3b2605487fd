"""A line in memory for the bus: a device that answers after `latency_s`, seen through the product's inbox."""

import asyncio
import struct
from collections.abc import Callable

from drivers.errors import Garbled, Unreachable
from drivers.exchange import Answer
from drivers.inbox import Inbox, RtuInbox, TcpInbox, question
from drivers.tap import Tap
from tests.drivers.raw_slave import mbap, rtu

SILENT = float("inf")


class SimulatedWire:
    """`latency_s` is asked once per request; `frame` may damage the answer; `opening` may refuse to open.

    Every answer's registers are the request's running number: whose answer it is can be told.
    """

    def __init__(self, latency_s: Callable[[], float], *, timeout_s: float, numbered: bool = False) -> None:
        self.inbox: Inbox = TcpInbox("line") if numbered else RtuInbox("line")
        self.last_byte_at = float("-inf")
        self.tap = Tap()
        self.frame: Callable[[bytes], bytes] = lambda right: right
        self.opening: list[Unreachable | None] = []
        self.sent_at: list[float] = []
        self.opened_at: list[float] = []
        self.closed = 0
        self.heard: list[tuple[float, bytes]] = []
        self._latency_s = latency_s
        self._timeout_s = timeout_s
        self._numbered = numbered
        self._open = False
        self._waiting: asyncio.Future[bytes] | None = None

    @property
    def unasked(self) -> Inbox:
        return self.inbox

    @property
    def is_open(self) -> bool:
        return self._open

    async def open(self) -> None:
        self.opened_at.append(now())
        refusal = self.opening.pop(0) if self.opening else None
        if refusal is not None:
            raise refusal
        self._open = True
        self.inbox.opened()

    def close(self) -> None:
        self._open = False
        self.closed += 1

    async def ask(self, unit: int, pdu: bytes) -> Answer:
        if not self._open:
            raise Unreachable("not open")
        self.sent_at.append(now())
        number = len(self.sent_at)
        count = struct.unpack(">H", pdu[3:5])[0]
        reply = bytes([pdu[0], 2 * count]) + struct.pack(">H", number) * count
        if self._numbered:
            transaction = struct.pack(">H", number)
            request, answer = mbap(transaction, unit, pdu), mbap(transaction, unit, reply)
        else:
            request, answer = rtu(unit, pdu), rtu(unit, reply)
        self.inbox.expect(question(unit, pdu), request)
        self._waiting = asyncio.get_running_loop().create_future()
        latency_s = self._latency_s()
        if latency_s != SILENT:
            asyncio.get_running_loop().call_later(latency_s, self.arrive, self.frame(answer))
        try:
            async with asyncio.timeout(self._timeout_s):
                frame = await self._waiting
        except TimeoutError:
            raise self.inbox.verdict() from None
        finally:
            self.inbox.done()
            self._waiting = None
        return Answer(frame[7:] if self._numbered else frame[1:-2], round(1000 * now()))

    def arrive(self, data: bytes) -> None:
        """Bytes come, whether anybody asked or not."""
        self.last_byte_at = now()
        self.heard.append((now(), data))
        waiting = self._waiting
        try:
            frame = self.inbox.feed(data)
        except Garbled as error:
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
            if not self.inbox.in_step:
                self.close()
            return
        if frame and waiting is not None and not waiting.done():
            waiting.set_result(frame)


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()
