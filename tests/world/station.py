"""The station: the real agent, life after life, over simulated wires, network, disk and clock."""

import asyncio
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from agent.run import Agent
from agent.seams import Seams
from agent.station import load_station
from buffer.store import Entry
from buffer.writer import Executor, Inline
from config.station import Destination
from config.station import Station as StationFile
from drivers.bus import Wire
from drivers.line import LineSettings
from telemetry.keys import SigningKey, public_to_pem
from tests.world.clock import StationClock
from tests.world.disk import Disk
from tests.world.instruments import LAYOUT, Instrument
from tests.world.network import Network
from tests.world.story import Story
from tests.world.wire import Life, Line, WorldWire
from tests.world.witness import Witness
from tests.world.writer import SlowWriter

STATION = "WORLD"
DATABASE = "data/ledger.db"
SIDECAR = "keys/station.ledger"
KEEP_LONG_MS = 90 * 86_400_000


@dataclass(frozen=True)
class Build:
    """What does not change while the world lasts. `keep_ms`, `quota_bytes`: shorter and smaller than a file may say."""

    devices: Sequence[Instrument]
    lines: dict[str, Line]
    urls: dict[str, str]
    line_of: dict[str, str]
    keep_ms: int
    quota_bytes: int
    linger_ms: int
    slow_writer: bool


def lay_out(folder: Path, build: Build, key: SigningKey, centre: bytes) -> None:
    """The folder as `tram init` and a technician leave it."""
    (folder / "keys").mkdir()
    (folder / "data").mkdir(mode=0o700)
    pem = folder / "keys/station.pem"
    pem.write_bytes(key.to_pem())
    pem.chmod(0o600)
    (folder / "keys/centre.pub").write_bytes(public_to_pem(centre))
    (folder / "station.toml").write_text(station_file(build), encoding="utf-8")


def station_file(build: Build) -> str:
    """The station file."""
    tables = [f'[station]\nid = "{STATION}"', f'[buffer]\nlinger = "{build.linger_ms}ms"']
    tables += [f'[[line]]\nid = "{line}"\nurl = "{url}"' for line, url in build.urls.items()]
    for device in build.devices:
        tables.append(
            f'[[device]]\nid = "{device.name}"\nline = "{build.line_of[device.name]}"\ndriver = "modbus"\n'
            f'unit = {device.unit}\nevery = "{device.every_ms}ms"'
        )
        tables += [
            f'[[device.channel]]\nid = "{c.channel}"\ntable = "holding"\naddress = {c.address}\ntype = "{c.type}"\n'
            f'order = "{c.order}"\nscale = {c.scale}\nunit = "mg/L"'
            for c in LAYOUT
        ]
    tables.append(
        '[[destination]]\nid = "centre"\nurl = "mqtt://broker"\nack = "receipt"\n'
        'receipt_keys = ["keys/centre.pub"]'
    )
    return "\n\n".join(tables) + "\n"


class WatchedAgent(Agent):
    """The agent; what it was told to be durable is told to the witness too."""

    witness: Witness
    is_alive: Callable[[], bool]

    def _committed(self, batch: Sequence[Entry], ledger: bytes) -> None:
        if self.is_alive():
            self.witness.committed(entry.envelope for entry in batch)
        super()._committed(batch, ledger)


class Station:
    """One agent at a time. `between`: what is done to the folder and the clock before the next life."""

    def __init__(  # noqa: PLR0917 - a station is made of these
        self,
        build: Build,
        disk: Disk,
        clock: StationClock,
        network: Network,
        witness: Witness,
        story: Story,
        rng: Random,
    ) -> None:
        self.disk = disk
        self.build = build
        self.slow_s = 0.0
        self.between: list[Callable[[], None]] = []
        self.pause_s = 1.0
        self.agent: WatchedAgent | None = None
        self.killed = 0
        self._clock = clock
        self._network = network
        self._witness = witness
        self._story = story
        self._rng = rng
        self._life = Life(clock.mono_ms)
        self._task: asyncio.Task[None] | None = None
        self._ending = False
        disk.on_death = self._died

    @property
    def is_up(self) -> bool:
        """Whether an agent runs."""
        return self._task is not None and not self._task.done() and self._life.is_alive

    async def live(self) -> None:
        """One life after the other, until `end`."""
        while not self._ending:
            self._life = Life(self._clock.mono_ms)
            self._task = asyncio.get_running_loop().create_task(self._one_life(), name="agent")
            folder = self.disk.folder
            await asyncio.wait({self._task})
            self._judge(self._task)
            if self.disk.folder != folder:
                shutil.rmtree(folder)
            if not self._ending:
                await asyncio.sleep(self.pause_s)
                self.pause_s = 1.0
                while self.between:
                    self.between.pop(0)()

    def kill(self) -> None:
        """SIGKILL, or the power: now."""
        if self.is_up:
            self.disk.die()

    def stop(self) -> None:
        """SIGTERM."""
        if self.is_up and self.agent is not None:
            self.agent.stop()

    async def end(self) -> None:
        """Stop for good."""
        self._ending = True
        self.stop()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=60)
            if not self._task.done():
                self._story.violated("recovery", "the agent does not stop when it is told to")

    def _died(self) -> None:
        self._life.is_alive = False
        self.killed += 1
        self._network.cut("station", "the process is gone")
        for line in self.build.lines.values():
            if line.attached is not None:
                line.attached.close()
        if self._task is not None:
            put_away(self._task)

    def _judge(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or not self._life.is_alive:
            if not task.cancelled():
                task.exception()  # what a dying process says is nobody's business
            return
        error = task.exception()
        if error is not None:
            self._story.violated("recovery", f"the agent ended by itself: {_said(error)}")
            self._network.cut("station", "the process is gone")

    async def _one_life(self) -> None:
        life, disk_life = self._life, self.disk.life
        file = self._loaded()

        def report(event: str, fields: dict[str, object]) -> None:
            if life.is_alive:
                self._story.report(event, fields)

        agent = self.agent = WatchedAgent(
            file, clock=self._clock, report=report, load=self._loaded, seams=self._seams(life)
        )
        agent.witness = self._witness
        agent.is_alive = lambda: life.is_alive and self.disk.life == disk_life
        await agent.run()

    def _loaded(self) -> StationFile:
        file = load_station(self.disk.folder / "station.toml")
        changed: dict[str, Any] = {"keep_ms": self.build.keep_ms, "quota_bytes": self.build.quota_bytes}
        return replace(file, buffer=file.buffer.model_copy(update=changed))

    def _seams(self, life: Life) -> Seams:
        def wire(settings: LineSettings, _: Callable[[], int]) -> Wire:
            name = next(name for name, url in self.build.urls.items() if url == settings.url)
            return WorldWire(self.build.lines[name], settings, life)

        def connect(_: Destination, __: str) -> Any:
            return self._network.connector("station")

        def executor() -> Executor:
            return SlowWriter(self._rng, lambda: self.slow_s) if self.build.slow_writer else Inline()

        return Seams(
            rng=self._rng, connect=connect, wire=wire, executor=executor, offload=_inline, showing=_unseen
        )


def put_away(task: asyncio.Task[None]) -> None:
    """What is dead may not refuse to go, however it takes a cancellation."""
    if not task.done():
        task.cancel()
        asyncio.get_running_loop().call_later(0.1, put_away, task)


def _unseen(*_: object) -> AbstractAsyncContextManager[None]:
    """Nobody comes to watch, and no socket is made."""
    return nullcontext()


async def _inline(work: Callable[[], Any]) -> Any:
    await asyncio.sleep(0.01)
    return work()


def _said(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_said(inner) for inner in error.exceptions)
    return repr(error)


def sidecar(folder: Path) -> tuple[bytes, int] | None:
    """Ledger and last seq in the file beside the key; None: there is none."""
    try:
        said = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return bytes.fromhex(said["ledger"]), int(said["last_seq"])
