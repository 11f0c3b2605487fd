"""One connection of a line of characters: what was heard, for whom, and when.

Two kinds of instrument, one wire. Of one that is **asked**, bytes that come while nobody asks are never given
to the next question: behind a timeout they may be a late answer, else they are stray, and the bus keeps silent for
both. Noise is no late answer: one spike would lengthen the guard for good, and with it every silence of the line.
Of one that **streams**, they are kept with the time at which they came until the driver listens. What was
going on when we came in, or what is left behind bytes that were dropped, may be the end of a message: `2.5` of
`12.5`. It is never given to anybody, unless the line was silent before it began. Nor is what comes at once when a
connection is made: a serial server may have kept it since the last one was lost, and it would be signed as of now.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from drivers.characters import Heard, Take
from drivers.endpoint import SerialPort, TcpHost
from drivers.errors import DriverError, Garbled, NoAnswer, Refused, Unreachable
from drivers.given_up import GivenUp
from drivers.line import LineSettings
from drivers.network_stream import NetworkStream
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal
from drivers.serial_stream import SerialStream
from drivers.tap import Tap, read_aloud
from drivers.tls import tls_context

T = TypeVar("T")

MOST_KEPT_BYTES = 65_536
"""Of a stream that nobody listens to, the newest bytes are kept."""
PAUSE_S = 0.25
"""Nobody pauses so long within a message: what comes after it is a beginning."""
SHOWN_CHARACTERS = 40


class Stream(Protocol):
    """An open connection."""

    def write(self, data: bytes) -> None:
        """Send."""

    def close(self) -> None:
        """Let go."""


Connect = Callable[[LineSettings, Callable[[bytes], None], Callable[[Unreachable], None]], Awaitable[Stream]]
"""An open connection, which tells what it received and, once, that it is lost; or Unreachable."""


async def connected(
    settings: LineSettings, received: Callable[[bytes], None], lost: Callable[[Unreachable], None]
) -> Stream:
    """To the serial port or the host of the settings."""
    where = settings.endpoint
    if isinstance(where, SerialPort):
        port = SerialStream(where, received, lost)
        port.open()
        return port
    assert isinstance(where, TcpHost)  # the station file's check refuses characters in datagrams
    host = NetworkStream(where, received, lost)
    await host.open(settings.connect_s, tls_context(str(where), settings) if where.tls else None)
    return host


@dataclass(slots=True)
class Counts:
    """What came while nobody asked."""

    late: int = 0
    stray: int = 0


class CharacterWire:
    """One connection at a time, one question at a time; the bus sees to both.

    `last_byte_at` is the event loop's time of the last byte that came.
    """

    def __init__(
        self,
        settings: LineSettings,
        mono_ms: Callable[[], int],
        *,
        streams: bool = False,
        connect: Connect = connected,
    ) -> None:
        self._settings = settings
        self._where = settings.endpoint
        self._mono_ms = mono_ms
        self._streams = streams
        self._connect = connect
        self.unasked = Counts()
        self.last_byte_at = float("-inf")
        self.tap = Tap()
        self._stream: Stream | None = None
        self._arrived = asyncio.Event()
        self._asking = False
        self._given_up = GivenUp()
        self._buffer = bytearray()
        self._buffered_mono_ms = 0
        self._pieces: deque[tuple[bytes, int]] = deque()
        self._kept_bytes = 0
        self._silent_since = float("-inf")
        self._live_from = float("-inf")
        self._old_bytes = 0
        self._torn = False
        self._lost: Unreachable | None = None

    @property
    def is_open(self) -> bool:
        """Whether a question can be asked."""
        return self._stream is not None

    async def open(self) -> None:
        """Connects, or raises Unreachable with the reason and what to do."""
        self.close()
        self._lost = None
        began = asyncio.get_running_loop().time()
        self._live_from = float("inf")
        self._stream = await self._connect(self._settings, self._received, self._is_lost)
        now = asyncio.get_running_loop().time()
        # What was sent before the other side knew of us is under way for no longer than connecting took.
        self._silent_since = now + (now - began)
        self._live_from = self._silent_since + PAUSE_S
        self._torn = self._streams

    def close(self) -> None:
        """Lets go of the connection, and of what it brought that was not complete."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        self._forget()
        self._given_up.answered()

    async def ask(self, request: bytes, take: Take[T], *, timeout_s: float | None = None) -> Heard[T]:
        """See `drivers.characters.Talk`."""
        stream = self._stream
        if stream is None:
            raise self._lost or Unreachable(f"{self._where}: the line is not open")
        self._forget()
        self._asking = True
        self._given_up.expect(take)
        patience_s = self._settings.timeout_s if timeout_s is None else timeout_s
        if self.tap.is_watched:
            take = read_aloud(self.tap, take)
            self.tap.tell("sent", request)
        try:
            if request:
                stream.write(request)
            heard = await self._wait(take, patience_s, _shown(request))
        except Refused:
            self._given_up.answered()
            raise
        finally:
            self._asking = False
            self._given_up.begun(self._buffer)
        self._given_up.answered()
        self.unasked.stray += bool(self._pieces or self._buffer)
        self._forget()
        return heard

    async def listen(self, take: Take[T], *, within_s: float) -> list[Heard[T]]:
        """See `drivers.characters.CharacterLine`."""
        if self._stream is None:
            raise self._lost or Unreachable(f"{self._where}: the line is not open")
        if self.tap.is_watched:
            take = read_aloud(self.tap, take)
        first = await self._wait(take, within_s, "")
        return [first, *self._rest(take)]

    def _rest(self, take: Take[T]) -> list[Heard[T]]:
        heard: list[Heard[T]] = []
        while True:
            try:
                message = self._next(take)
            except Malformed:
                continue
            if message is None:
                return heard
            heard.append(message)

    async def _wait(self, take: Take[T], patience_s: float, asked: str) -> Heard[T]:
        """The first message. Refused: in it the instrument says no."""
        noise: list[bytes] = []
        try:
            async with asyncio.timeout(patience_s):
                return await self._message(take, noise)
        except TimeoutError:
            # Of a stream, what is not complete yet is no noise: the rest of it is on its way.
            begun = bytes(self._buffer) if self._asking else b""
            heard = noise[-1] if noise else begun
            raise self._verdict(heard, patience_s, asked) from None

    async def _message(self, take: Take[T], noise: list[bytes]) -> Heard[T]:
        """The next one, however long it takes; `noise` gets what came before it."""
        while True:
            message, passed_over = self._first(take)
            if passed_over:
                noise[:] = [passed_over]
            if message is not None:
                return message
            await self._more()

    def _first(self, take: Take[T]) -> tuple[Heard[T] | None, bytes]:
        """The next message of what is here, and the noise before it."""
        noise = b""
        while True:
            try:
                return self._next(take), noise
            except Refusal as refusal:
                raise Refused(f"{self._where}: {refusal}", code=0, evidence=refusal.evidence) from None
            except Malformed as malformed:
                noise = malformed.evidence

    def _next(self, take: Take[T]) -> Heard[T] | None:
        """A message and the time of the piece that completed it."""
        while True:
            message = self._whole(take)
            if message is not None:
                return Heard(message, self._buffered_mono_ms)
            if not self._pieces:
                return None
            piece, self._buffered_mono_ms = self._pieces.popleft()
            self._kept_bytes -= len(piece)
            self._buffer += piece

    def _whole(self, take: Take[T]) -> T | None:
        """A message of the buffer that has its beginning, and began when we were there."""
        while self._torn or self._old_bytes:
            before = len(self._buffer)
            with suppress(Malformed):
                take(self._buffer)
            taken = before - len(self._buffer)
            if not taken:
                return None
            self._torn = False
            self._old_bytes = max(0, self._old_bytes - taken)
        return take(self._buffer)

    async def _more(self) -> None:
        # The loss may be older than this call: a port that is gone says so when it is written to.
        if self._lost is None:
            self._arrived.clear()
            await self._arrived.wait()
        if self._lost is not None:
            raise self._lost

    def _verdict(self, noise: bytes, patience_s: float, asked: str) -> DriverError:
        question = f" to {asked}" if asked else ""
        if noise:
            what = f"what came{' as an answer' + question if asked else ''} cannot be read"
            return Garbled(f"{self._where}: {what}", evidence=noise)
        missing = f"no answer{question}" if asked else "nothing came"
        return NoAnswer(f"{self._where}: {missing} within {patience_s:g} s")

    def _received(self, data: bytes) -> None:
        self.last_byte_at = now = asyncio.get_running_loop().time()
        if self.tap.is_watched:
            self.tap.tell("heard" if self._asking or self._streams else "unasked", data)
        silent_s, self._silent_since = now - self._silent_since, now
        if not (self._asking or self._streams):
            is_late = self._given_up.is_answered_by(data)
            self.unasked.late += is_late
            self.unasked.stray += not is_late
            return
        if silent_s >= PAUSE_S and not (self._pieces or self._buffer):
            self._torn = False
        self._pieces.append((data, self._mono_ms()))
        self._kept_bytes += len(data)
        self._old_bytes += len(data) if self._streams and now < self._live_from else 0
        while self._kept_bytes > MOST_KEPT_BYTES and len(self._pieces) > 1:
            dropped = len(self._pieces.popleft()[0])
            self._kept_bytes -= dropped
            self._old_bytes = max(0, self._old_bytes - dropped)
            self._torn = True
        self._arrived.set()

    def _is_lost(self, error: Unreachable) -> None:
        self._lost = error
        self._stream = None
        self._arrived.set()

    def _forget(self) -> None:
        self._pieces.clear()
        self._buffer.clear()
        self._kept_bytes = 0
        self._old_bytes = 0
        self._buffered_mono_ms = 0


def _shown(request: bytes) -> str:
    text = request.decode("ascii", "backslashreplace").strip()
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")
