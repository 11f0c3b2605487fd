"""Lines and a broker in memory: what is published takes its time, and may be lost, doubled, overtaken or refused."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from mqtt.errors import BrokerUnfit, Lost, Refused, Unreachable
from mqtt.session import Message, Session
from tests.fake_wire import matches
from tests.world.clock import now_s

HEARTBEAT_S = 60.0
"""After so long a dead line is noticed."""
DIAL_S = 10.0


@dataclass
class Troubles:
    """What is wrong with the way to the broker; shares are of messages, 0 to 1."""

    is_down: bool = False
    is_silent: bool = False
    refuses: str = ""
    is_unfit: bool = False
    publish_refused: float = 0.0
    dropped: float = 0.0
    doubled: float = 0.0
    overtaken: float = 0.0
    slow_s: float = 0.0


class Network:
    """One broker and who is connected. `published` sees every message that reaches it."""

    def __init__(self, rng: Random) -> None:
        self.troubles = Troubles()
        self.links: list[Link] = []
        self.retained: dict[str, bytes] = {}
        self.published: Callable[[str, str, bytes], None] = lambda who, topic, payload: None
        self.rng = rng
        self.dropped = self.doubled = self.overtaken = self.refused = 0

    def connector(self, who: str) -> Callable[[], AbstractAsyncContextManager[Session]]:
        """A session factory for one side."""

        @asynccontextmanager
        async def connect() -> AsyncIterator[Session]:
            await self._dial(who)
            self.cut(who, "another connection took its name")
            link = Link(self, who)
            self.links.append(link)
            try:
                yield link
            finally:
                link.end("closed")

        return connect

    async def _dial(self, who: str) -> None:
        await asyncio.sleep(self.delay_s())
        troubles = self.troubles
        if troubles.is_silent:
            await asyncio.sleep(DIAL_S)
            raise Unreachable("broker: no answer")
        if troubles.is_down:
            raise Unreachable("broker: connection refused")
        if troubles.is_unfit:
            raise BrokerUnfit("broker: takes packets of 1024 bytes")
        if troubles.refuses == who:
            self.refused += 1
            raise Refused("broker: not authorized", reason_code=0x87, words="not authorized")

    def cut(self, who: str = "", why: str = "the line broke") -> None:
        """Connections end, all or one side's. What was on its way arrives or not."""
        for link in list(self.links):
            if who in {"", link.who}:
                link.end(why)

    def delay_s(self) -> float:
        """Of one message in one direction."""
        return self.rng.uniform(0.001, 0.05) + self.rng.random() * self.troubles.slow_s

    def happens(self, share: float) -> bool:
        """By chance."""
        return share > 0 and self.rng.random() < share

    def route(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """To everybody who wants it."""
        if retain:
            self.retained[topic] = payload
        for link in self.links:
            if link.wants(topic):
                link.deliver(topic, payload)
                if self.happens(self.troubles.doubled):
                    self.doubled += 1
                    link.deliver(topic, payload)


@dataclass(eq=False)
class Link:
    """One connection: mqtt.session.Session."""

    network: Network
    who: str
    receive_maximum: int = 20
    maximum_packet_bytes: int | None = None
    lost: str = ""
    _filters: tuple[str, ...] = ()
    _pending: set[asyncio.Future[None]] = field(default_factory=set)
    _inbox: asyncio.Queue[Message | None] = field(default_factory=asyncio.Queue)
    _newest_s: float = 0.0
    _mid: int = 0

    def __post_init__(self) -> None:
        self._window = asyncio.Semaphore(self.receive_maximum)

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """See Session.publish."""
        self._check()
        await self._window.acquire()
        self._check()
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.add(answer)
        answer.add_done_callback(self._answered)
        if self.network.troubles.is_silent:
            self._later(HEARTBEAT_S, self.end, "no answer to a ping")
        else:
            self._later(self.network.delay_s(), self._reached, topic, payload, retain, answer)
        await asyncio.shield(answer)

    async def subscribe(self, *topics: str) -> None:
        """See Session.subscribe."""
        await asyncio.sleep(self.network.delay_s())
        self._check()
        self._filters = topics
        for topic, payload in self.network.retained.items():
            if self.wants(topic):
                self.deliver(topic, payload, retained=True)

    async def messages(self) -> AsyncIterator[Message]:
        """See Session.messages."""
        while True:
            message = await self._inbox.get()
            if message is None:
                self._inbox.put_nowait(None)
                raise Lost(f"broker: {self.lost}")
            yield message

    def acknowledge(self, message: Message) -> None:
        """Nothing is kept for a connection that ended, acknowledged or not: sessions are clean."""

    def wants(self, topic: str) -> bool:
        """Whether it is subscribed to."""
        return any(matches(pattern, topic) for pattern in self._filters)

    def deliver(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """The broker sends; in order, unless something overtakes."""
        at_s = now_s() + self.network.delay_s()
        if self.network.happens(self.network.troubles.overtaken):
            self.network.overtaken += 1
            at_s += self.network.rng.uniform(0.1, 20.0)
        else:
            at_s = self._newest_s = max(at_s, self._newest_s)
        asyncio.get_running_loop().call_at(at_s, self._arrive, topic, payload, retained)

    def end(self, why: str) -> None:
        """The connection is over."""
        if self.lost:
            return
        self.lost = why
        self.network.links.remove(self)
        for answer in list(self._pending):
            if not answer.done():
                answer.set_exception(Lost(f"broker: {why}"))
        self._inbox.put_nowait(None)

    def _reached(self, topic: str, payload: bytes, retain: bool, answer: asyncio.Future[None]) -> None:
        network = self.network
        if network.troubles.is_silent:
            self._later(HEARTBEAT_S, self.end, "no answer to a publish")
            return
        if self.lost and network.rng.random() < 0.5:
            return
        network.published(self.who, topic, payload)
        if network.happens(network.troubles.publish_refused):
            network.refused += 1
            self._later(network.delay_s(), _refuse, answer, topic)
            return
        if network.happens(network.troubles.dropped):
            network.dropped += 1
        else:
            network.route(topic, payload, retain=retain)
        self._later(network.delay_s(), _acknowledge, answer)

    def _arrive(self, topic: str, payload: bytes, retained: bool) -> None:
        if not self.lost and not self.network.troubles.is_silent:
            self._mid += 1
            self._inbox.put_nowait(Message(topic, payload, retained, self._mid))

    def _answered(self, answer: asyncio.Future[None]) -> None:
        self._pending.discard(answer)
        self._window.release()
        if not answer.cancelled():
            answer.exception()  # whoever was cancelled does not ask any more

    def _check(self) -> None:
        if self.lost:
            raise Lost(f"broker: {self.lost}")

    def _later(self, seconds: float, do: Callable[..., None], *arguments: object) -> None:
        asyncio.get_running_loop().call_later(seconds, do, *arguments)


def _acknowledge(answer: asyncio.Future[None]) -> None:
    if not answer.done():
        answer.set_result(None)


def _refuse(answer: asyncio.Future[None], topic: str) -> None:
    if not answer.done():
        answer.set_exception(Refused(f"{topic}: quota exceeded", reason_code=0x97, words="quota exceeded"))
