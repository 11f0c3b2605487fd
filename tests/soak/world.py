"""The demo's station with a real agent, broker and centre, and everything that can be done to them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple, cast

from agent.clock import SystemClock
from agent.rehearsal import Process, Rehearsal
from sim.hosts.pty import PtyHost
from sim.hosts.tcp import TcpHost
from sim.script import Script
from sim.stations import SERIAL_LINE, DemoStation, ServedStation, demo_station, serve
from tests.brokers import Iotcore
from tests.soak.watch import ENOUGH_S, Health, health
from tests.system.plant import Plant
from tests.system.station import Station

TIMEOUT_S, GUARD_S = 0.5, 1.0
BEFORE_A_KILL_MS = 3_000
"""What was answered so shortly before a kill may not be durable yet: 100 ms of linger, a commit, a busy machine."""
AFTER_A_START_MS = 200
"""An agent asks nothing so soon after its start: whatever instruments answer until then was asked by the dead one."""
NOT_YET_MS = 2**62


class DemoPlant(Plant):
    """The demo's ten instruments, six on TCP and four on one serial line whose adapter can be pulled."""

    demo: DemoStation
    served_at: ServedStation

    def show(self, station: str, seed: int, adapter: Path) -> None:
        """Put them on the air. `adapter`: the lasting name of the serial line."""
        self.demo = demo_station(station, seed=seed, served=self._served)
        self.served_at = self.wait_for(lambda: self._open.enter_async_context(serve(self.demo, link=adapter)))

    @property
    def adapter(self) -> PtyHost:
        """The serial line's."""
        host = self.served_at.hosts[SERIAL_LINE]
        assert isinstance(host, PtyHost)
        return host

    @property
    def cables(self) -> list[TcpHost]:
        """The network lines."""
        return [host for host in self.served_at.hosts.values() if isinstance(host, TcpHost)]

    @property
    def scripts(self) -> list[Script]:
        """The faults of every wire."""
        return [wire.script for wire in self.demo.wires.values()]


class Death(NamedTuple):
    """CLOCK_BOOTTIME ms between which an answer may have been served and not signed: until an agent starts again."""

    from_ms: int
    to_ms: int


class World:
    """Made by `world_at`, with the centre up and no agent yet."""

    def __init__(self, station: Station, plant: DemoPlant, rng: Random) -> None:
        self.station = station
        self.plant = plant
        self.rng = rng
        self.deaths: list[Death] = []
        self.agent: Process | None = None
        self._clock = SystemClock()
        self._guards = 0

    @property
    def broker(self) -> Iotcore:
        """Of the stage."""
        return cast("Iotcore", self.station.stage.broker)

    @property
    def pid(self) -> int:
        """Of the agent that runs."""
        assert self.agent is not None
        return self.agent.pid

    def describe(self) -> None:
        """Write the station file; another time with another guard, so that reading it again changes something."""
        self._guards += 1
        text = self.plant.demo.toml(
            self.plant.served_at.urls,
            timeout=f"{TIMEOUT_S * 1_000:.0f}ms",
            guard=f"{GUARD_S * 1_000 + self._guards % 2:.0f}ms",
        )
        self.station.file.write_text(text + "\n" + self.station.receipted(), encoding="utf-8")

    def start(self) -> None:
        """The agent; returns when it polls."""
        self._revived()
        self.agent = self.station.start()

    def start_only(self) -> None:
        """The agent; returns at once."""
        self._revived()
        self.agent = self.station.stage.start_agent(self.station.name, self.station.file)

    def _revived(self) -> None:
        if self.deaths and self.deaths[-1].to_ms == NOT_YET_MS:
            to_ms = self._clock.mono_ms() + AFTER_A_START_MS
            self.deaths[-1] = self.deaths[-1]._replace(to_ms=to_ms)

    def kill(self) -> None:
        """The agent, as a power cut does."""
        assert self.agent is not None
        before_ms = self._clock.mono_ms() - BEFORE_A_KILL_MS
        self.agent.kill()
        self.deaths.append(Death(before_ms, NOT_YET_MS))

    def stop(self) -> None:
        """The agent, in order."""
        assert self.agent is not None
        code = self.agent.stop()
        assert code == 0, f"the agent ended with {code} after SIGTERM; see {self.agent.log}"

    def reload(self) -> None:
        """A changed station file and SIGHUP; returns when it is in force."""
        assert self.agent is not None
        self.describe()
        self.station.reload(self.agent)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The agent stands still, as in a virtual machine that is suspended."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def health(self, since_s: float = ENOUGH_S) -> Health:
        """As the agent tells it. `since_s`: every device must have answered in the last so many seconds."""
        return health(self.station.status(), min(since_s, ENOUGH_S))


@contextmanager
def world_at(folder: Path, seed: int) -> Iterator[World]:
    """Everything but the agent, until the end of the block."""
    rng = Random(seed)
    with Rehearsal(folder, Iotcore(folder / "broker")) as stage, DemoPlant(folder / "served.jsonl") as plant:
        stage.start_centre()
        station = Station(stage, plant)
        plant.show(station.name, seed, folder / "usb-adapter")
        world = World(station, plant, rng)
        world.describe()
        station.trust()
        yield world
