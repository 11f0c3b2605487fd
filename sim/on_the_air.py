"""Wires on the air: each, or its recording, on a terminal or a port of this machine, as the url of its line has it."""

import errno
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol, cast
from urllib.parse import parse_qsl, urlsplit

from config.station import Line, Station
from sim.hosts.listener import Listener
from sim.hosts.pty import PtyHost
from sim.hosts.replay import ReplayPtyHost, ReplayTcpHost, ReplayUdpHost
from sim.hosts.rtu_tcp import AsciiTcpHost, RtuTcpHost
from sim.hosts.talk import TalkTcpHost
from sim.hosts.tcp import TcpHost
from sim.hosts.tls import Certificate, secure
from sim.hosts.udp import UdpHost
from sim.replay import Replay
from sim.talk import TalkFace
from sim.wire import Wire

MODBUS_TCP_PORT = 502
MODBUS_TLS_PORT = 802
Host = Listener | UdpHost
_HOSTS: Mapping[str, type[Host]] = {
    "tcp": TcpHost,
    "tls": TcpHost,
    "udp": UdpHost,
    "rtu+tcp": RtuTcpHost,
    "ascii+tcp": AsciiTcpHost,
}


class LineSettings(Protocol):
    """What is asked of a line's settings."""

    url: str


class Where(NamedTuple):
    """How lines are served, by line id.

    `ports`: 0 for any that is free; of a line that is not named the file's own when it is free and we may use it,
    else any. `links`: the folder for stable names of serial lines. `tls`: what lines with TLS show; without it a
    certificate that nobody can trust. `replays`: the recordings that answer in place of a wire's face.
    """

    ports: Mapping[str, int]
    links: Path | None = None
    tls: Certificate | None = None
    replays: Mapping[str, Replay] = MappingProxyType({})


def url_of(line: Line) -> str:
    """Where the station file says that the line is."""
    return cast("LineSettings", line.settings).url


def scheme_of(line: Line) -> str:
    """What kind of line it is."""
    return urlsplit(url_of(line)).scheme


@asynccontextmanager
async def on_the_air(
    station: Station, built: Mapping[str, Wire], where: Where
) -> AsyncIterator[Mapping[str, str]]:
    """Each of these wires as its line's url has it: the url of every line. OSError: a wished port is taken."""
    async with AsyncExitStack() as stack:
        urls: dict[str, str] = {}
        for line in station.lines:
            wire = built.get(line.id)
            urls[line.id] = url_of(line) if wire is None else await _serve(stack, line, wire, where)
        yield urls


async def _serve(stack: AsyncExitStack, line: Line, wire: Wire, where: Where) -> str:
    scheme = scheme_of(line)
    if scheme == "serial":
        return await _terminal(stack, line, wire, where)
    host = await _listen(stack, line, wire, where)
    return f"{scheme}://{host.host}:{host.port}"


async def _terminal(stack: AsyncExitStack, line: Line, wire: Wire, where: Where) -> str:
    options = dict(parse_qsl(urlsplit(url_of(line)).query))
    is_ascii, baudrate = options.get("framer") == "ascii", options.get("baudrate", "9600")
    link = where.links / f"{line.id}.tty" if where.links else None
    replay = where.replays.get(line.id)
    host = (
        ReplayPtyHost(replay, wire, link=link, baudrate=int(baudrate))
        if replay
        else PtyHost(wire, link=link, ascii_frames=is_ascii, baudrate=int(baudrate))
    )
    terminal = await stack.enter_async_context(host)
    # A pseudo-terminal has neither parity nor a second stop bit.
    return f"serial://{terminal.path}?baudrate={baudrate}&parity=N{'&framer=ascii' if is_ascii else ''}"


async def _listen(stack: AsyncExitStack, line: Line, wire: Wire, where: Where) -> Host:
    """On the wished port; else on the file's own when it is free and we may; else on any."""
    kind = _kind(line, wire, where.replays.get(line.id))

    def host(port: int) -> Host:
        made = kind(wire, port=port)
        if scheme_of(line) == "tls":
            assert isinstance(made, Listener)
            secure(made, where.tls)
        return made

    if line.id in where.ports:
        return await _listen_on(stack, host(where.ports[line.id]), line)
    usual = MODBUS_TLS_PORT if scheme_of(line) == "tls" else MODBUS_TCP_PORT
    try:
        return await stack.enter_async_context(host(urlsplit(url_of(line)).port or usual))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return await stack.enter_async_context(host(0))


def _kind(line: Line, wire: Wire, replay: Replay | None) -> Callable[..., Host]:
    """What makes a host of the wire and a port."""
    if replay is not None:
        return partial(ReplayUdpHost if scheme_of(line) == "udp" else ReplayTcpHost, replay)
    return TalkTcpHost if isinstance(wire.face, TalkFace) else _HOSTS[scheme_of(line)]


async def _listen_on(stack: AsyncExitStack, host: Host, line: Line) -> Host:
    """On the wished port and no other. OSError, for the technician."""
    try:
        return await stack.enter_async_context(host)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(
            f"line {line.id} cannot be served on port {host.port}: {why}; end the program that has it, "
            f"or choose another: --port {line.id}=PORT (0: any that is free)"
        ) from error
