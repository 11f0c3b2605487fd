"""Where a simulated world takes the place of the real one: chance, network, wires, threads and systemd."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from agent import watched
from agent.destinations import Connect, over_mqtt
from agent.watchdog import Notifier
from buffer.writer import Executor, WriterThread
from drivers.bus import Wire
from drivers.line import LineSettings
from drivers.modbus_wire import modbus_wire


def wired(settings: LineSettings, mono_ms: Callable[[], int]) -> Wire:
    """The real wire of a line."""
    return modbus_wire(settings, mono_ms)


@dataclass(frozen=True, slots=True)
class Seams:
    """`executor` runs the store's work, `offload` reads a damaged file, `showing` lets lines be watched."""

    rng: random.Random = field(default_factory=random.SystemRandom)
    connect: Connect = over_mqtt
    wire: Callable[[LineSettings, Callable[[], int]], Wire] = wired
    executor: Callable[[], Executor] = WriterThread
    offload: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread
    showing: Callable[..., AbstractAsyncContextManager[None]] = watched.showing
    notifier: Notifier = field(default_factory=Notifier)
