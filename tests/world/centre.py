"""The centre: the real `serve`, life after life, on a disk that may fail."""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

from central.folder import Folder, prepare
from central.now import Now
from central.serve import Seams, serve
from central.store import Store
from mqtt.broker import Broker
from telemetry.keys import SigningKey, public_to_pem
from tests.world.clock import now_s, true_wall_ms
from tests.world.disk import Disk
from tests.world.network import Network
from tests.world.station import STATION, put_away
from tests.world.story import Story

DATABASE = "central.db"


def lay_out(folder: Path, key: SigningKey, store_id: bytes) -> None:
    """Its folder with the key that the station pins, and a store."""
    pem = folder / "centre.pem"
    pem.write_bytes(key.to_pem())
    pem.chmod(0o600)
    prepare(Folder(folder))
    rename_store(folder, store_id)


def rename_store(folder: Path, store_id: bytes) -> None:
    """`tram central restored`, with an id that the world's chance decides."""
    with closing(Store.open(Folder(folder).database)) as store, store.transaction():
        store.renew_store_id(store_id)


def enrol(folder: Path, public: bytes) -> None:
    """The operator believes the station's key."""
    Folder(folder).station_key(STATION).write_bytes(public_to_pem(public))


class Centre:
    """One process at a time. `between`: what is done to the folder before the next life."""

    def __init__(self, disk: Disk, network: Network, story: Story, rng: Random) -> None:
        self.disk = disk
        self.between: list[Callable[[], None]] = []
        self.pause_s = 1.0
        self._network = network
        self._story = story
        self._rng = rng
        self._task: asyncio.Task[None] | None = None
        self._alive = [False]
        self._ending = False
        disk.on_death = self._died

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self._task is not None and not self._task.done() and self._alive[0]

    async def live(self) -> None:
        """One life after the other, until `end`."""
        while not self._ending:
            self._alive = [True]
            folder = self.disk.folder
            self._task = asyncio.get_running_loop().create_task(self._one_life(self._alive), name="centre")
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
        """Its machine loses power: now."""
        if self.is_up:
            self.disk.die()

    async def end(self) -> None:
        """Stop for good."""
        self._ending = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _died(self) -> None:
        self._alive[0] = False
        self._network.cut("centre", "the process is gone")
        if self._task is not None:
            put_away(self._task)

    def _judge(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and self._alive[0] and not self._ending:
            self._story.violated("recovery", f"the centre ended by itself: {error!r}")

    async def _one_life(self, alive: list[bool]) -> None:
        def say(line: str) -> None:
            if alive[0]:
                self._story.tell("centre", line[:200])

        seams = Seams(
            connect=lambda _: self._network.connector("centre")(),
            now=lambda: Now(true_wall_ms(), round(now_s() * 1_000)),
            wait=asyncio.sleep,
            jitter=self._rng.random,
        )
        await serve(self.disk.folder, Broker("broker", 1883, "centre"), ready=say, seams=seams)
