"""An event loop with a network in memory and a clock that jumps: the product's own connections, and no socket.

Connections and datagrams between two ends in this process arrive after `LATENCY_S`, whole and in their order.
Not modelled: pieces, a network that loses, names.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.virtual_time import VirtualTimeLoop

T = TypeVar("T")
Address = tuple[str, int]
LATENCY_S = 0.002
_FIRST_PORT = 40_000


class MemoryLoop(VirtualTimeLoop):
    """Ports are counted from 40,000. Nothing is ever resolved: a host is a word."""

    def __init__(self) -> None:
        super().__init__()
        self._next_port = _FIRST_PORT
        self._listeners: dict[Address, _Server] = {}
        self._datagrams: dict[Address, _Datagrams] = {}

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        """A listener."""
        address = (host, port or self._port())
        self._listeners[address] = _Server(self, protocol_factory, address)
        return self._listeners[address]

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any
    ) -> Any:
        """ConnectionRefusedError: nobody listens."""
        await asyncio.sleep(LATENCY_S)
        server = self._listeners.get((host, port))
        if server is None:
            raise ConnectionRefusedError(111, f"nobody listens at {host}:{port}")
        here, there = protocol_factory(), server.factory()
        near, far = _Stream(self, here), _Stream(self, there)
        near.peer, far.peer = far, near
        there.connection_made(far)
        here.connection_made(near)
        return near, here

    async def create_datagram_endpoint(
        self, protocol_factory: Any, local_addr: Any = None, remote_addr: Any = None, **_: Any
    ) -> Any:
        """Bound to a port; one of its own if none is wished."""
        host, port = local_addr or ("127.0.0.1", 0)
        address = (host, port or self._port())
        protocol = protocol_factory()
        transport = self._datagrams[address] = _Datagrams(self, protocol, address, remote_addr)
        protocol.connection_made(transport)
        return transport, protocol

    def later(self, do: Callable[..., object], *arguments: object) -> None:
        """After the latency."""
        self.call_later(LATENCY_S, do, *arguments)

    def shut(self, address: Address) -> None:
        """Nobody is there any more."""
        self._listeners.pop(address, None)
        self._datagrams.pop(address, None)

    def deliver(self, datagram: bytes, sender: Address, to: Address) -> None:
        """To whoever has that port now."""
        found = self._datagrams.get(to)
        if found is not None:
            found.hear(datagram, sender)

    def _port(self) -> int:
        self._next_port += 1
        return self._next_port


class _Named:
    """What `sockets[0].getsockname()` needs."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def getsockname(self) -> Address:
        return self._address


class _Server:
    def __init__(self, loop: MemoryLoop, factory: Callable[[], Any], address: Address) -> None:
        self.factory = factory
        self.sockets = (_Named(address),)
        self._loop = loop
        self._address = address

    def close(self) -> None:
        self._loop.shut(self._address)

    async def wait_closed(self) -> None:
        """At once."""


class _Stream(asyncio.Transport):
    """One end of a connection."""

    peer: "_Stream"

    def __init__(self, loop: MemoryLoop, protocol: Any) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._is_over = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._is_over:
            self._loop.later(self.peer._hear, bytes(data))

    def close(self) -> None:
        if not self._is_over:
            self._loop.later(self.peer._end)
            self._loop.call_soon(self._end)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._is_over

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def _hear(self, data: bytes) -> None:
        if not self._is_over:
            self._protocol.data_received(data)

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._protocol.connection_lost(None)


class _Datagrams(asyncio.DatagramTransport):
    def __init__(self, loop: MemoryLoop, protocol: Any, address: Address, remote: Address | None) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._address = address
        self._remote = remote

    def sendto(self, data: Any, addr: Any = None) -> None:
        self._loop.later(self._loop.deliver, bytes(data), self._address, addr or self._remote)

    def hear(self, datagram: bytes, sender: Address) -> None:
        if self._remote in (None, sender):
            self._protocol.datagram_received(datagram, sender)

    def abort(self) -> None:
        self._loop.shut(self._address)
        self._loop.call_soon(self._protocol.connection_lost, None)

    def close(self) -> None:
        self.abort()

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._address if name == "sockname" else default


def run(story: Coroutine[Any, Any, T]) -> T:
    """From its beginning to its end. An error in a callback is the story's."""
    swallowed: list[BaseException] = []

    def heard(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        swallowed.append(context.get("exception") or RuntimeError(context["message"]))

    with asyncio.Runner(loop_factory=MemoryLoop) as runner:
        runner.get_loop().set_exception_handler(heard)
        told = runner.run(story)
    if swallowed:
        raise swallowed[0]
    return told
