"""Simulated instruments in a thread of their own, so that a story can be told step by step.

Every gauge shows a value that no other one ever shows: the millisecond, with its own number in the last digits. So
an answer that was given to the wrong question, an old one or a mixed one differs from what was served.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from drivers.protocols.modbus import Point
from sim.face import Face
from sim.hosts.pty import PtyHost
from sim.hosts.tcp import TcpHost
from sim.instrument import Instrument, Quantity
from sim.served import Served, ServedLog
from sim.signals import Constant, Signal
from sim.wire import Wire

LANES = 16
PATIENCE_S = 10.0

Got = TypeVar("Got")


@dataclass(frozen=True, slots=True)
class Ticking:
    """The millisecond and `lane` (0..15), below 2**28: comparing two of them to nine digits still tells them apart."""

    lane: int

    def at(self, utc_s: float, up_s: float) -> float:
        """A whole number that comes again after four hours and a half."""
        return float((int(utc_s * 1_000) * LANES + self.lane) % 2**28)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One device: its id and unit on a line, and how often it is polled."""

    id: str
    unit: int
    every_ms: int


@dataclass(slots=True)
class Line:
    """One wire of the plant and where it is."""

    id: str
    url: str
    gauges: Sequence[Gauge]
    host: TcpHost | PtyHost
    timeout_ms: int = 1_000
    guard_ms: int = 100

    def toml(self) -> str:
        """Its tables in a station file."""
        patience = f'timeout = "{self.timeout_ms}ms"\nguard = "{self.guard_ms}ms"\n'
        head = f'[[line]]\nid = "{self.id}"\nurl = "{self.url}"\n{patience}'
        return "\n".join([head, *(device(gauge, self.id) for gauge in self.gauges)])


def device(gauge: Gauge, line: str) -> str:
    """A gauge's table in a station file."""
    channels = "".join(
        f'\n[[device.channel]]\nid = "{point.channel}"\ntable = "{point.table}"\naddress = {point.address}\n'
        f'type = "{point.type}"\nunit = "count"\n'
        for point in POINTS
    )
    return (
        f'[[device]]\nid = "{gauge.id}"\nline = "{line}"\ndriver = "modbus"\nunit = {gauge.unit}\n'
        f'every = "{gauge.every_ms}ms"\n{channels}'
    )


POINTS = (
    Point("tick", "holding", 0, "float64", "ABCD", 4),
    Point("lane", "holding", 4, "uint16", "ABCD", 1),
)


class Plant:
    """`with Plant(file) as plant:` makes lines that answer until its end. `answers` are also written to the file."""

    def __init__(self, account: Path) -> None:
        self._stream = account.open("a", encoding="utf-8")
        self._served = ServedLog(self._stream, keep=10**7)
        self._lanes = count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="plant")
        self._open = AsyncExitStack()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wait_for(self._open.aclose)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._stream.close()

    def tcp(self, name: str, *, every_ms: int = 300) -> Line:
        """A Modbus TCP gauge on a port of its own."""
        gauge = Gauge(name, 1, every_ms)
        host = TcpHost(self._wire(f"{name}-tcp", [gauge], gateway=True))
        self.wait_for(lambda: self._open.enter_async_context(host))
        return Line(f"{name}-tcp", f"tcp://127.0.0.1:{host.port}", (gauge,), host)

    def instrument(self, name: str, instrument: Instrument) -> TcpHost:
        """Another Modbus TCP instrument, unit 1, on a port of its own."""
        host = TcpHost(Wire(name, Face({1: instrument}, gateway=True)))
        self.serve(host)
        return host

    def serve(self, host: TcpHost | PtyHost) -> None:
        """Any other line, until the end of the plant."""
        self.wait_for(lambda: self._open.enter_async_context(host))

    def serial(self, name: str, *ids: str, every_ms: int = 500, link: Path | None = None) -> Line:
        """Gauges on one pseudo-terminal, units from 1. `link`: the adapter's lasting name."""
        gauges = [Gauge(gauge, unit, every_ms) for unit, gauge in enumerate(ids, 1)]
        host = PtyHost(self._wire(name, gauges, gateway=False), link=link)
        self.wait_for(lambda: self._open.enter_async_context(host))
        return Line(name, f"serial://{host.path}?baudrate=115200&parity=N", gauges, host, timeout_ms=200)

    def do(self, step: Callable[[], Got]) -> Got:
        """Run something where the instruments live, such as pulling a plug."""

        async def in_the_loop() -> Got:
            return step()

        return self.wait_for(in_the_loop)

    def wait_for(self, step: Callable[[], Awaitable[Got]]) -> Got:
        """The same for something that waits."""

        async def in_the_loop() -> Got:
            return await step()

        return asyncio.run_coroutine_threadsafe(in_the_loop(), self._loop).result(PATIENCE_S)

    def answers(self) -> list[Served]:
        """Everything served so far."""
        return self.do(lambda: list(self._served.kept))

    def _wire(self, name: str, gauges: Sequence[Gauge], *, gateway: bool) -> Wire:
        units: Mapping[int, Instrument] = {gauge.unit: self._instrument(gauge.id) for gauge in gauges}
        return Wire(name, Face(units, gateway=gateway), served=self._served)

    def _instrument(self, name: str) -> Instrument:
        lane = next(self._lanes)
        signals: dict[str, Signal] = {"tick": Ticking(lane), "lane": Constant(lane)}
        return Instrument(name, [Quantity(point, signals[point.channel]) for point in POINTS])
