"""A broker in memory: what arrives is handed to whoever is connected, what is retained stays, and it can go away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mqtt.broker import Broker
from mqtt.errors import Lost, Refused, Unreachable
from mqtt.session import Message, Session

BROKER = Broker("hub", 1883, "centre")


@dataclass(eq=False)
class Hub:
    """`up` False: nobody gets in. `forbidden` topics refuse a publish. `connects` counts connections."""

    up: bool = True
    connects: int = 0
    attempts: int = 0
    forbidden: set[str] = field(default_factory=set)
    retained: dict[str, bytes] = field(default_factory=dict)
    published: list[tuple[str, bytes]] = field(default_factory=list)
    acknowledged: list[Message] = field(default_factory=list)
    session: "FakeSession | None" = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def connect(self, broker: Broker) -> AsyncIterator[Session]:
        """As mqtt.session.connect."""
        self.attempts += 1
        if not self.up:
            raise Unreachable(f"{broker.host}: nobody answers")
        self.connects += 1
        self.session = FakeSession(self)
        try:
            yield self.session
        finally:
            self.session = None

    def deliver(self, topic: str, payload: bytes) -> Message:
        """The broker hands a message to the centre."""
        assert self.session is not None
        return self.session.arrive(topic, payload)

    def drop(self) -> None:
        """The connection is gone, and with it everything retained."""
        self.retained.clear()
        if self.session is not None:
            self.session.inbox.put_nowait(None)
            self.session.lost = True

    async def until(self, n_published: int) -> None:
        """Wait until so many receipts were published, in all."""
        while len(self.published) < n_published:
            self.changed.clear()
            await self.changed.wait()


class FakeSession:
    """One connection to the hub."""

    receive_maximum = 20
    maximum_packet_bytes: int | None = None

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._mid = 0
        self.lost = False
        self.topics: tuple[str, ...] = ()
        self.inbox: asyncio.Queue[Message | None] = asyncio.Queue()

    def arrive(self, topic: str, payload: bytes) -> Message:
        """A message for the centre."""
        self._mid += 1
        message = Message(topic, payload, False, self._mid)
        self.inbox.put_nowait(message)
        return message

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """Taken at once, unless forbidden."""
        await asyncio.sleep(0)
        if self.lost:
            raise Lost("the hub is gone")
        if topic in self._hub.forbidden:
            raise Refused(f"{topic}: not authorized", reason_code=0x87, words="not authorized")
        assert retain
        self._hub.retained[topic] = payload
        self._hub.published.append((topic, payload))
        self._hub.changed.set()

    async def subscribe(self, *topics: str) -> None:
        """Taken as they are."""
        self.topics = topics

    async def messages(self) -> AsyncIterator[Message]:
        """Everything that arrives, then Lost."""
        while True:
            message = await self.inbox.get()
            if message is None:
                raise Lost("the hub is gone")
            yield message

    def acknowledge(self, message: Message) -> None:
        """Remembered."""
        self._hub.acknowledged.append(message)
        self._hub.changed.set()
