"""systemd hears of us through the poll loops."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from agent.read import Line
from agent.watchdog import Notifier, feed, overdue
from tests.agent.hand_clock import HandClock


def line(name: str, back_by_mono_ms: int) -> Line:
    return Line(name, (), None, HandClock(), lambda *_: None, back_by_mono_ms)  # type: ignore[arg-type]


def test_a_line_that_did_not_come_round_is_named() -> None:
    assert overdue([line("rs485", 1_000), line("tcp", 3_000)], 2_000) == ["rs485"]


def test_without_systemd_nothing_is_sent() -> None:
    Notifier({}).say("READY=1")
    assert Notifier({}).watchdog_s == 0


@pytest.mark.parametrize("abstract", [False, True])
def test_ready_reaches_the_socket_that_systemd_named(tmp_path: Path, *, abstract: bool) -> None:
    address = "@" + tmp_path.as_posix() if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind("\0" + address[1:] if abstract else address)
        Notifier({"NOTIFY_SOCKET": address}).say("READY=1", "STATUS=polling")
        assert inbox.recv(100) == b"READY=1\nSTATUS=polling"


def test_a_supervisor_that_does_not_listen_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(5_000):  # far more than a socket's queue holds
            notifier.say("WATCHDOG=1")
        assert inbox.recv(100) == b"WATCHDOG=1"
    notifier.say("nobody is there any more")


async def test_a_stuck_line_is_not_covered_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"})
        lines = [line("rs485", HandClock().mono + 1)]
        feeding = asyncio.create_task(feed(notifier, lambda: lines, HandClock()))
        assert await asyncio.get_running_loop().sock_recv(inbox, 100) == b"WATCHDOG=1"
        lines[0].back_by_mono_ms = 0
        fed_later = 0
        with contextlib.suppress(TimeoutError):
            while fed_later < 10:  # one may have been on its way when the line got stuck
                async with asyncio.timeout(0.1):
                    await asyncio.get_running_loop().sock_recv(inbox, 100)
                fed_later += 1
        assert fed_later <= 1
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def test_no_watchdog_is_asked_for() -> None:
    feeding = asyncio.create_task(feed(Notifier({}), list, HandClock()))
    await feeding
    assert feeding.done()
