"""Readiness and watchdog for systemd, sd_notify(3): fed by the poll loops, not by a timer of its own.

The watchdog is fed only while every line comes round by the time it said; a stuck line ends in a restart.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from agent.clock import Clock
from agent.read import Line


class Notifier:
    """Sends to the socket that systemd named; does nothing when there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = int(environment.get("WATCHDOG_USEC", "0")) / 1_000_000

    def say(self, *lines: str) -> None:
        """Such as READY=1, STOPPING=1, WATCHDOG=1, STATUS=text."""
        if not self._address:
            return
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        # A supervisor that is gone, or does not listen, neither ends the polling nor holds it up.
        with socket.socket(socket.AF_UNIX, kind) as out, suppress(OSError):
            out.sendto("\n".join(lines).encode(), self._address)


def overdue(lines: Sequence[Line], mono_ms: int) -> list[str]:
    """The lines that did not come round in time."""
    return [line.line for line in lines if line.back_by_mono_ms < mono_ms]


async def feed(notifier: Notifier, lines: Callable[[], Sequence[Line]], clock: Clock) -> None:
    """Feeds the watchdog twice per interval for ever, while no line is overdue; returns if none is asked for."""
    if not notifier.watchdog_s:
        return
    while True:
        if not overdue(lines(), clock.mono_ms()):
            notifier.say("WATCHDOG=1")
        await asyncio.sleep(notifier.watchdog_s / 2)
