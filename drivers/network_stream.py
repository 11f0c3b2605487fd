"""A TCP connection on the event loop, for instruments and serial servers that pass characters through."""

import asyncio
import errno
import ssl
from collections.abc import Callable
from typing import cast

from drivers.diagnosis import unreachable
from drivers.endpoint import TcpHost
from drivers.errors import Unreachable
from drivers.tls import dial

SERVER = "the serial server or the instrument"


class NetworkStream(asyncio.Protocol):
    """`received` gets bytes as they come; `lost` is called once, when the other side is gone."""

    def __init__(
        self, where: TcpHost, received: Callable[[bytes], None], lost: Callable[[Unreachable], None]
    ) -> None:
        self._where = where
        self._received = received
        self._lost = lost
        self._transport: asyncio.Transport | None = None

    async def open(self, connect_s: float, tls: ssl.SSLContext | None = None) -> None:
        """Unreachable, with the reason and what to do."""
        host, port = self._where.host, self._where.port
        ready = False
        try:
            async with asyncio.timeout(connect_s):
                if tls is not None:
                    await dial(lambda: self, host, port, tls, connect_s)
                else:
                    await asyncio.get_running_loop().create_connection(lambda: self, host, port)
            ready = True
        except (OSError, ValueError) as error:  # ValueError: a name that is none, as 10.0.0..5
            raise unreachable(self._where, error, server=SERVER) from None
        finally:
            if not ready:
                self.close()  # also when the caller is cancelled: whoever opens anew must not hear of this loss

    def write(self, data: bytes) -> None:
        """Now, or as soon as the kernel has room."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Lets go of the connection and of what was not written."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._transport is not None:
            self._received(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop, also after `close`, when nobody is to be told."""
        if self._transport is not None:
            self._transport = None
            self._lost(
                unreachable(
                    self._where, error or ConnectionResetError(errno.ECONNRESET, "closed"), server=SERVER
                )
            )
