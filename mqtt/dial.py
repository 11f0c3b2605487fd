"""From an address to a connected wire, in the event loop: no thread, and nothing left when cancelled.

aiomqtt connects in a thread that a cancelled task leaves behind with its socket (measured); this does not.
Only a host name that is no number is looked up in asyncio's resolver thread, which ends by itself.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from operator import itemgetter

from mqtt import words
from mqtt.broker import Broker
from mqtt.errors import Unreachable
from mqtt.wire import Wire

_Watch = Callable[[int, Callable[[], object]], None]
_Unwatch = Callable[[int], bool]
_Destination = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
_Address = tuple[socket.AddressFamily, _Destination]


async def dial(broker: Broker) -> Wire:
    """Connect TCP and, if asked for, TLS within `connect_timeout_s`. Raises Unreachable."""
    where = f"{broker.host}:{broker.port}"
    try:
        async with asyncio.timeout(broker.connect_timeout_s):
            sock = await _connect(broker.host, broker.port, broker.connect_timeout_s)
            if broker.tls is not None:
                sock = await _handshake(sock, broker.tls, broker.host)
    except TimeoutError as error:
        if error.errno is not None:  # the kernel's own, not ours
            raise Unreachable(f"{where}: {words.of_failure(error)}") from error
        raise Unreachable(
            f"{where}: no answer in {broker.connect_timeout_s:g} s: check address, network and firewall"
        ) from error
    except OSError as error:
        raise Unreachable(f"{where}: {words.of_failure(error)}") from error
    return Wire(sock)


async def _connect(host: str, port: int, connect_s: float) -> socket.socket:
    """The first of the host's addresses that takes the connection; the last one's error if none does.

    Each but the last may take half of the time that is left: one that is silent, as all of IPv6 is behind a modem
    that does not carry it, keeps no one from those that follow.
    """
    refusal: OSError | None = None
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + connect_s
    addresses = _by_turns(await _addresses(host, port))
    for number, (family, address) in enumerate(addresses, 1):
        left_s = ends_s - loop.time()
        try:
            async with asyncio.timeout(left_s if number == len(addresses) else left_s / 2):
                return await _connect_to(family, address)
        except OSError as error:
            refusal = error
    raise refusal or socket.gaierror(socket.EAI_NONAME, "no address")


def _by_turns(addresses: list[_Address]) -> list[_Address]:
    """IPv6 and IPv4 in turn (RFC 8305, 4), each in the order of the resolver, whose first is the first."""
    places: Counter[socket.AddressFamily] = Counter()
    placed: list[tuple[int, _Address]] = []
    for each in addresses:
        places[each[0]] += 1
        placed.append((places[each[0]], each))
    return [each for _, each in sorted(placed, key=itemgetter(0))]


async def _addresses(host: str, port: int) -> list[_Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


async def _connect_to(family: socket.AddressFamily, address: _Destination) -> socket.socket:
    with ExitStack() as undo:
        sock = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
        undo.pop_all()
    return sock


async def _handshake(sock: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    with ExitStack() as undo:
        undo.enter_context(sock)
        secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        undo.enter_context(secured)
        while (watch := _step(secured)) is not None:
            await _ready(secured.fileno(), *watch)
        undo.pop_all()
    return secured


def _step(secured: ssl.SSLSocket) -> tuple[_Watch, _Unwatch] | None:
    """One step of the TLS handshake: what has to be waited for, or None when it is done."""
    loop = asyncio.get_running_loop()
    try:
        secured.do_handshake()
    except ssl.SSLWantReadError:
        return loop.add_reader, loop.remove_reader
    except ssl.SSLWantWriteError:
        return loop.add_writer, loop.remove_writer
    return None


async def _ready(fileno: int, watch: _Watch, unwatch: _Unwatch) -> None:
    ready = asyncio.Event()
    watch(fileno, ready.set)
    try:
        await ready.wait()
    finally:
        unwatch(fileno)
