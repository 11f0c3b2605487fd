"""Connecting: what a technician reads when it does not work, and that nothing stays behind."""

import asyncio
import errno
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mqtt.broker import Broker, tls_context
from mqtt.dial import dial
from mqtt.errors import Unreachable
from tests.certificates import Authority

pytestmark = pytest.mark.system


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a listener that takes connections in the kernel and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _open_sockets() -> list[str]:
    kinds = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sorted(kind for kind in kinds if kind.startswith("socket:"))


async def test_nothing_listens() -> None:
    with socket.socket() as held:  # bound and not listening: the port is nobody else's
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises(Unreachable, match=rf"127.0.0.1:{port}: connection refused: nothing listens"):
            await dial(Broker("127.0.0.1", port, "c"))


async def test_a_name_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nobody)
    with pytest.raises(Unreachable, match=r"brokr.example:1883: name not found: check the host's spelling"):
        await dial(Broker("brokr.example", 1883, "c"))


async def test_a_name_with_a_dead_address_and_a_living_one_is_connected(
    monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    async def two(*_: object, **__: object) -> list[object]:
        dead, living = ("127.0.0.2", silent), ("127.0.0.1", silent)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (dead, living)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
    (await dial(Broker("broker.example", silent, "c"))).close()


async def test_ipv6_that_no_modem_carries_does_not_keep_us_from_ipv4(
    monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    """The first addresses are all silent: nobody refuses, nobody answers."""
    loop = asyncio.get_running_loop()
    before, connect = _open_sockets(), loop.sock_connect

    async def two_of_each(*_: object, **__: object) -> list[object]:
        six = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (f"2001:db8::{n}", silent, 0, 0)) for n in (1, 2)]
        four = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", silent)) for n in (1, 2)]
        return [*six, *four]

    async def reach(sock: socket.socket, address: tuple[str, int]) -> None:
        await (asyncio.Event().wait() if sock.family == socket.AF_INET6 else connect(sock, address))

    monkeypatch.setattr(loop, "getaddrinfo", two_of_each)
    monkeypatch.setattr(loop, "sock_connect", reach)
    (await dial(Broker("broker.example", silent, "c", connect_timeout_s=0.4))).close()
    assert _open_sockets() == before


async def test_an_answer_that_never_comes_is_given_up_in_time_and_leaves_no_socket(
    silent: int, tmp_path: Path
) -> None:
    tls = tls_context(Authority(tmp_path).ca)
    before, threads = _open_sockets(), threading.active_count()
    with pytest.raises(Unreachable, match=r"no answer in 0.1 s: check address, network and firewall"):
        await dial(Broker("127.0.0.1", silent, "c", tls=tls, connect_timeout_s=0.1))
    assert _open_sockets() == before
    assert threading.active_count() == threads


async def test_a_cancelled_handshake_leaves_no_socket_and_no_thread(silent: int, tmp_path: Path) -> None:
    tls = tls_context(Authority(tmp_path).ca)
    before, threads = _open_sockets(), threading.active_count()
    dialling = asyncio.create_task(dial(Broker("127.0.0.1", silent, "c", tls=tls)))
    while len(_open_sockets()) == len(before):
        await asyncio.sleep(0)
    dialling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialling
    assert _open_sockets() == before
    assert threading.active_count() == threads


async def test_the_kernel_that_gives_up_first_is_quoted(monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
    async def give_up(*_: object) -> None:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", give_up)
    with pytest.raises(Unreachable, match="the other side stopped answering"):
        await dial(Broker("127.0.0.1", silent, "c"))
