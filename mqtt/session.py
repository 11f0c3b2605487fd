"""One MQTT 5 session, as the agent and the centre see it.

A session is one connection: it begins clean, and when the connection ends it is over, with everything
that was pending in it. Whoever wants another one calls `connect` again; nothing is resumed or resent here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import NamedTuple, Protocol

from mqtt.broker import Broker
from mqtt.client import Client, check
from mqtt.dial import dial
from mqtt.errors import BrokerUnfit, Lost, TooLarge
from mqtt.properties import Limits

SMALLEST_PACKET_BYTES = 40 * 1024
"""An envelope may have 32 KiB; a broker that announces less than this for a packet cannot serve us."""


class Message(NamedTuple):
    """A message that arrived. The broker keeps it in its window until `acknowledge`.

    `retained`: it was stored at the broker before we subscribed. `mid`: its packet identifier; 0 for QoS 0.
    """

    topic: str
    payload: bytes
    retained: bool
    mid: int


class Session(Protocol):
    """What a connection can do. All of it ends with `Lost` when the connection does.

    `receive_maximum`: unacknowledged publishes at once: the smaller of ours and the broker's.
    `maximum_packet_bytes`: what the broker takes in one packet; None: it announced no limit.
    """

    @property
    def receive_maximum(self) -> int: ...

    @property
    def maximum_packet_bytes(self) -> int | None: ...

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """Publish with QoS 1 and return when the broker took it (PUBACK below 0x80).

        Waits while the window is full. Raises Refused, TooLarge (nothing was sent) or Lost (unknown outcome).
        `expiry_s`: the broker drops the message when nobody fetched it in that time; None: never. A caller that
        is cancelled leaves the publish on its way: its place in the window is taken until its PUBACK.
        """

    async def subscribe(self, *topics: str) -> None:
        """Subscribe with QoS 1; retained messages follow. Raises Refused or Lost."""

    def messages(self) -> AsyncIterator[Message]:
        """Every message in arrival order; what came before the loss is given first, then Lost is raised."""

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that the message is safe with us. Without effect once the connection is gone."""


@asynccontextmanager
async def connect(broker: Broker) -> AsyncIterator[Session]:
    """Open a new connection (clean start, session expiry 0) for the length of an `async with` block.

    Raises Unreachable, Refused or BrokerUnfit. May be cancelled at any moment: nothing stays behind.
    """
    with closing(await dial(broker)) as wire:
        inbox = _Inbox()
        with closing(Client(broker, wire, inbox)) as client:
            limits = await client.open()
            _check_fit(limits, client.where)
            yield _Connected(client, limits, inbox)


class _Inbox:
    """Messages that wait for their reader, and behind them the loss."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Message | Lost] = asyncio.Queue()

    def message(self, topic: str, payload: bytes, retained: bool, mid: int) -> None:
        self._queue.put_nowait(Message(topic, payload, retained, mid))

    def ended(self, lost: Lost) -> None:
        self._queue.put_nowait(lost)

    async def next(self) -> Message:
        item = await self._queue.get()
        if isinstance(item, Lost):
            self._queue.put_nowait(item)  # for whoever asks after this one
            raise item.again()
        return item


class _Connected:
    """The one implementation of Session; it lives as long as the block of `connect`."""

    def __init__(self, client: Client, limits: Limits, inbox: _Inbox) -> None:
        self.receive_maximum = client.outgoing.size
        self.maximum_packet_bytes = limits.maximum_packet_bytes
        self._client = client
        self._inbox = inbox

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        self._check_size(topic, payload, expiry_s)
        await self._client.outgoing.place()
        try:
            answer = self._client.send(topic, payload, retain, expiry_s)
        except ValueError:  # no topic name: the caller's mistake
            self._client.outgoing.give_back()
            raise
        check(f"{topic}: publish refused", await answer)

    async def subscribe(self, *topics: str) -> None:
        for topic, reason_code in zip(topics, await self._client.ask_for(topics), strict=True):
            check(f"{topic}: subscription refused", reason_code)

    async def messages(self) -> AsyncIterator[Message]:
        while True:
            yield await self._inbox.next()

    def acknowledge(self, message: Message) -> None:
        if message.mid:
            self._client.acknowledge(message.mid)

    def _check_size(self, topic: str, payload: bytes, expiry_s: int | None) -> None:
        limit = self.maximum_packet_bytes
        if limit is None or (size := packet_bytes(topic, payload, expiry_s)) <= limit:
            return
        raise TooLarge(
            f"{topic}: a packet of {size} bytes, and the broker takes {limit}", size=size, limit=limit
        )


def packet_bytes(topic: str, payload: bytes, expiry_s: int | None = None) -> int:
    """The size on the wire of a PUBLISH with QoS 1 (MQTT 5.0, 3.3)."""
    # topic length, topic, packet identifier, length of properties, message expiry, payload
    remaining = 2 + len(topic.encode()) + 2 + 1 + (0 if expiry_s is None else 5) + len(payload)
    length_bytes = max(1, -(-remaining.bit_length() // 7))
    return 1 + length_bytes + remaining


def _check_fit(limits: Limits, where: str) -> None:
    most = limits.maximum_packet_bytes
    if most is not None and most < SMALLEST_PACKET_BYTES:
        raise BrokerUnfit(
            f"{where}: the broker takes packets of {most} bytes and records need {SMALLEST_PACKET_BYTES}: "
            "raise its maximum packet size"
        )
    if limits.maximum_qos < 1:
        raise BrokerUnfit(f"{where}: the broker offers no QoS 1, so it acknowledges nothing: allow QoS 1")
    if not limits.retains:
        raise BrokerUnfit(f"{where}: the broker keeps no retained messages: allow them")
