"""A TCP port with any number of connections, each with a conversation of its own."""

import asyncio
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, cast

from sim.hosts.landing import Landings
from sim.wire import Wire


class Conversation(Protocol):
    """What the master says on one connection, turned into replies."""

    def fed(self, received: bytes) -> None:
        """Bytes arrived."""
        ...

    def stop(self) -> None:
        """The connection is gone."""
        ...


class Listener:
    """Serves `wire` on `host`:`port` (0: the kernel chooses; `port` then tells which).

    A cable can be pulled and put back: `unplug` closes the port and every connection, `plug_in` opens the
    same port again.
    """

    def __init__(self, wire: Wire, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.wire = wire
        self.host = host
        self.port = port
        self.tls: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Transport] = set()

    def converse(self, landings: Landings, hang_up: Callable[[], None]) -> Conversation:
        """The conversation of a new connection."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.plug_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.unplug()

    async def plug_in(self) -> None:
        """Listen. OSError: the port is taken or may not be used."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self.host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Close the port and reset every connection."""
        if self._server is None:
            return
        self._server.close()
        self.drop_connections()
        await self._server.wait_closed()
        self._server = None

    def drop_connections(self) -> None:
        """Reset every connection; the port goes on listening."""
        for transport in tuple(self._connections):
            transport.abort()

    @property
    def connections(self) -> int:
        """Masters connected now."""
        return len(self._connections)

    def joined(self, transport: asyncio.Transport) -> None:
        """A master connected."""
        self._connections.add(transport)

    def left(self, transport: asyncio.Transport) -> None:
        """A master is gone."""
        self._connections.discard(transport)


class _Connection(asyncio.Protocol):
    """Bytes between one socket and its conversation; the loop tells the end of the stream exactly once."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._landings = Landings(self._listener.wire, self._transport.write, self._transport.close)
        self._conversation = self._listener.converse(self._landings, self._transport.close)
        self._listener.joined(self._transport)

    def data_received(self, data: bytes) -> None:
        self._conversation.fed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._conversation.stop()
        self._landings.stop()
        self._listener.left(self._transport)
