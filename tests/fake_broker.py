"""A small MQTT 5 broker in the test's own event loop, that misbehaves on demand.

It routes publishes to subscribers (QoS 1, retained messages too), so that both ends of a protocol can meet on
it, and every fault is an attribute that may be changed at any moment. Nothing in it sleeps; tests wait with
`until`. It differs from real brokers on purpose: messages that were not acknowledged are delivered again, with
the DUP flag, when the same client id connects and subscribes again, clean start or not.
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Self

import pytest_asyncio

from tests.fake_wire import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Greeting,
    Published,
    matches,
    packet,
    properties,
    publish_packet,
    read_greeting,
    read_packet,
    read_properties,
    read_publish,
    read_text,
)


@dataclass(eq=False)
class Peer:
    """One client's connection, as the broker sees it."""

    writer: asyncio.StreamWriter
    greeting: Greeting
    filters: list[str] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)
    """Identifiers of the publishes that wait for their PUBACK."""
    published: int = 0
    owed: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    """Messages that this client did not acknowledge in an earlier connection."""
    next_mid: int = 1


@dataclass
class FakeBroker:
    """Faults, to be set before or while clients are connected.

    `connack`: reason code; `announce`: CONNACK's properties; `mute`: it reads and never answers.
    `puback`: reason code, or a function of the publish. `stall`: PUBACKs are held until `release`.
    `suback`: reason code. `drop_after`: the n-th publish of a connection is taken and the connection reset
    before its PUBACK. `raw_connack`: bytes to send in place of a CONNACK.
    """

    connack: int = 0
    announce: dict[int, int] = field(default_factory=dict)
    mute: bool = False
    raw_connack: bytes | None = None
    puback: int | Callable[[Published], int] = 0
    stall: bool = False
    suback: int = 1
    drop_after: int | None = None
    tls: ssl.SSLContext | None = None

    port: int = 0
    greetings: list[Greeting] = field(default_factory=list)
    received: list[Published] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    goodbyes: list[int] = field(default_factory=list)
    """Reason codes of the DISCONNECTs that clients sent."""
    most_unanswered: int = 0
    bytes_received: int = 0
    """In packets after CONNECT, fixed headers included."""
    peers: list[Peer] = field(default_factory=list)
    retained: dict[str, Published] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._unacknowledged: dict[str, dict[int, tuple[str, bytes]]] = {}
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, after a stop on the same port again."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything, as a dying broker does. Retained and unacknowledged messages stay."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self.drop()
        if self._serving:
            await asyncio.wait(self._serving)

    def drop(self) -> None:
        """Reset all connections."""
        for peer in self.peers:
            peer.writer.transport.abort()

    def disconnect(self, reason_code: int) -> None:
        """End all connections with a DISCONNECT."""
        for peer in self.peers:
            peer.writer.write(packet(DISCONNECT, 0, bytes([reason_code, 0])))
            peer.writer.close()

    def release(self) -> None:
        """Send the PUBACKs that were held back, and stop holding."""
        self.stall = False
        for peer in self.peers:
            for mid in peer.unanswered[:]:
                self._puback(peer, mid, 0)

    def deliver(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Send a message to everyone who subscribed to its topic."""
        for peer in self.peers:
            if any(matches(pattern, topic) for pattern in peer.filters):
                self._deliver(peer, topic, payload, retained=retained)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10) -> None:
        """Wait until something that arrived makes the condition true."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._serving.discard(task)
            writer.transport.abort()
            self._changed.set()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind, _, body = await read_packet(reader)
        assert kind == CONNECT
        peer = Peer(writer, read_greeting(body))
        peer.owed = dict(self._unacknowledged.get(peer.greeting.client_id, {}))
        peer.next_mid = max(peer.owed, default=0) + 1
        self.greetings.append(peer.greeting)
        self._changed.set()
        if not self._welcome(peer):
            await reader.read()  # until the client has had enough
            return
        self.peers.append(peer)
        said_goodbye = False
        try:
            while not said_goodbye:
                kind, flags, body = await read_packet(reader)
                said_goodbye = kind == DISCONNECT
                self.bytes_received += len(packet(kind, flags, body))
                self._take(peer, kind, flags, body)
                self._changed.set()
                await writer.drain()
        finally:
            self.peers.remove(peer)
            if not said_goodbye and peer.greeting.will is not None:
                self._route(peer.greeting.will)

    def _welcome(self, peer: Peer) -> bool:
        if self.mute:
            return False
        if self.raw_connack is not None:
            peer.writer.write(self.raw_connack)
            return False
        peer.writer.write(packet(CONNACK, 0, bytes([0, self.connack]) + properties(self.announce)))
        if self.connack:
            peer.writer.close()
        return self.connack == 0

    def _take(self, peer: Peer, kind: int, flags: int, body: bytes) -> None:
        if kind == PUBLISH:
            self._take_publish(peer, flags, body)
        elif kind == PUBACK:
            (mid,) = struct.unpack_from("!H", body)
            self.acknowledged.append(mid)
            self._unacknowledged.get(peer.greeting.client_id, {}).pop(mid, None)
        elif kind == SUBSCRIBE:
            if not self.mute:
                self._take_subscribe(peer, body)
        elif kind == UNSUBSCRIBE:
            peer.writer.write(packet(UNSUBACK, 0, body[:2] + b"\x00\x00"))
        elif kind == PINGREQ and not self.mute:
            peer.writer.write(packet(PINGRESP, 0, b""))
        elif kind == DISCONNECT:
            self.goodbyes.append(body[0] if body else 0)

    def _take_publish(self, peer: Peer, flags: int, body: bytes) -> None:
        publish = read_publish(flags, body, peer.greeting.client_id)
        self.received.append(publish)
        peer.published += 1
        if publish.qos:
            peer.unanswered.append(publish.mid)
            self.most_unanswered = max(self.most_unanswered, len(peer.unanswered))
        if peer.published == self.drop_after:
            peer.writer.transport.abort()
            return
        reason_code = self.puback(publish) if callable(self.puback) else self.puback
        if reason_code < 0x80:
            self._route(publish)
        if publish.qos and not self.stall and not self.mute:
            self._puback(peer, publish.mid, reason_code)

    def _puback(self, peer: Peer, mid: int, reason_code: int) -> None:
        peer.unanswered.remove(mid)
        body = struct.pack("!H", mid)
        peer.writer.write(packet(PUBACK, 0, body if reason_code == 0 else body + bytes([reason_code])))

    def _route(self, publish: Published) -> None:
        if publish.retain:
            self.retained[publish.topic] = publish
        self.deliver(publish.topic, publish.payload)

    def _take_subscribe(self, peer: Peer, body: bytes) -> None:
        mid = body[:2]
        _, at = read_properties(body, 2)
        patterns = []
        while at < len(body):
            pattern, at = read_text(body, at)
            patterns.append(pattern)
            at += 1
        peer.writer.write(packet(SUBACK, 0, mid + b"\x00" + bytes([self.suback] * len(patterns))))
        if self.suback >= 0x80:
            return
        peer.filters += patterns
        for topic, message in self.retained.items():
            if any(matches(pattern, topic) for pattern in patterns):
                self._deliver(peer, topic, message.payload, retained=True)
        while peer.owed:
            oldest = min(peer.owed)
            topic, payload = peer.owed.pop(oldest)
            peer.writer.write(publish_packet(topic, payload, oldest, retain=False, dup=True))

    def _deliver(self, peer: Peer, topic: str, payload: bytes, *, retained: bool) -> None:
        mid, peer.next_mid = peer.next_mid, peer.next_mid + 1
        self._unacknowledged.setdefault(peer.greeting.client_id, {})[mid] = (topic, payload)
        peer.writer.write(publish_packet(topic, payload, mid, retain=retained, dup=False))


@pytest_asyncio.fixture
async def fake_broker() -> AsyncIterator[FakeBroker]:
    """A running fake broker without faults."""
    async with FakeBroker() as broker:
        yield broker
