"""`python -m bench.centre FOLDER HOST PORT TRACE`: the centre itself, with a note of each message and receipt.

The note of a stored message is taken where the centre acknowledges it, which is right behind its commit.
"""

import asyncio
import contextlib
import itertools
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.trace import ARRIVED, READY, SAID, STORED, Event, Writer, now_us
from central.serve import Seams, serve
from mqtt.broker import Broker
from mqtt.session import Message, Session, connect


class Noted:
    """A session that writes down what passes through it."""

    def __init__(self, session: Session, writer: Writer, numbers: Iterator[int]) -> None:
        self._session = session
        self._writer = writer
        self._numbers = numbers
        self._by_mid: dict[int, int] = {}

    @property
    def receive_maximum(self) -> int:
        """As the session's."""
        return self._session.receive_maximum

    @property
    def maximum_packet_bytes(self) -> int | None:
        """As the session's."""
        return self._session.maximum_packet_bytes

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """A receipt leaves."""
        self._writer.write(Event(SAID, now_us(), 0, topic, payload))
        await self._session.publish(topic, payload, retain=retain, expiry_s=expiry_s)

    async def subscribe(self, *topics: str) -> None:
        """The centre is there."""
        await self._session.subscribe(*topics)
        self._writer.write(Event(READY, now_us(), 0))

    async def messages(self) -> AsyncIterator[Message]:
        """A message arrives."""
        async for message in self._session.messages():
            at_us, number = now_us(), next(self._numbers)
            self._by_mid[message.mid] = number
            self._writer.write(Event(ARRIVED, at_us, number, message.topic, message.payload))
            yield message

    def acknowledge(self, message: Message) -> None:
        """A message is stored."""
        self._writer.write(Event(STORED, now_us(), self._by_mid.pop(message.mid)))
        self._session.acknowledge(message)


async def run(folder: Path, broker: Broker, trace: Path) -> None:
    """Until SIGTERM."""
    writer, numbers = Writer(trace), itertools.count(1)

    @asynccontextmanager
    async def noted(broker: Broker) -> AsyncIterator[Session]:
        async with connect(broker) as session:
            yield Noted(session, writer, numbers)

    serving = asyncio.ensure_future(serve(folder, broker, ready=print, seams=Seams(connect=noted)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


if __name__ == "__main__":
    place, host, port, trace_file = sys.argv[1:]
    asyncio.run(run(Path(place), Broker(host, int(port), "bench-centre"), Path(trace_file)))
