"""One MQTT 5 session, as the agent and the centre see it.

A session is one connection: it begins clean, and when the connection ends it is over, with everything
that was pending in it. Whoever wants another one calls `connect` again; nothing is resumed or resent here.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from mqtt.broker import Broker


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
        `expiry_s`: the broker drops the message when nobody fetched it in that time; None: never.
        """

    async def subscribe(self, *topics: str) -> None:
        """Subscribe with QoS 1; retained messages follow. Raises Refused or Lost."""

    def messages(self) -> AsyncIterator[Message]:
        """Every message in arrival order; what came before the loss is given first, then Lost is raised."""

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that the message is safe with us. Without effect once the connection is gone."""


def connect(broker: Broker) -> AbstractAsyncContextManager[Session]:
    """Open a new connection (clean start, session expiry 0) for the length of an `async with` block.

    Raises Unreachable, Refused or BrokerUnfit. May be cancelled at any moment: nothing stays behind.
    """
    raise NotImplementedError
