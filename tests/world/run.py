"""One seed from its beginning to its verdict."""

import asyncio
import gc
import logging
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from agent import salvage
from central import post
from tests.virtual_time import VirtualTimeLoop
from tests.world.clock import now_s
from tests.world.disk import on_disks
from tests.world.invariants import judge, settled
from tests.world.story import Story
from tests.world.weather import Weather
from tests.world.world import World

MOST_RECORDS = (20, 25, 35, 50, 80, 250)
"""When the faults end, by the seed: most of what goes wrong needs few records, and a few worlds grow old."""

LONGEST_S = 3_600.0
RECOVERY_S = 45 * 60.0
PATIENCE_S = 120.0
LOOK_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """What one seed showed. `recovered_s`: virtual, from the end of the faults until all was well."""

    seed: int
    digest: str
    records: int
    virtual_s: float
    recovered_s: float
    faults: dict[str, int]
    violations: tuple[str, ...]
    cpu_s: float
    story: str


def run(seed: int, *, with_story: bool = False, most_records: int | None = None) -> Outcome:
    """The world of that seed. Nothing is left behind. `most_records`: another length than the seed's own."""
    began_s = time.process_time()
    shelf = "/dev/shm" if Path("/dev/shm").is_dir() else None
    root = Path(tempfile.mkdtemp(prefix=f"tram-world-{seed}-", dir=shelf))
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    gc.disable()
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(_told(seed, root, began_s, with_story, most_records))
    except Exception as error:  # noqa: BLE001 - the world itself is broken: the other seeds go on
        broken = f"the world is broken: {error!r} at {traceback.extract_tb(error.__traceback__)[-1]}"
        return Outcome(seed, "", 0, 0.0, 0.0, {}, (broken,), time.process_time() - began_s, "")
    finally:
        gc.enable()
        gc.collect()
        shutil.rmtree(root, ignore_errors=True)


async def _told(seed: int, root: Path, began_s: float, with_story: bool, most_records: int | None) -> Outcome:
    world = World(seed, root)
    story = world.story
    _listen(story)
    with on_disks(world.disk, world.centre_disk), in_proportion():
        weather = Weather(world)
        weather.prepare()
        lives = [
            asyncio.get_running_loop().create_task(world.station.live(), name="station"),
            asyncio.get_running_loop().create_task(world.centre.live(), name="the centre"),
        ]
        await _rage(world, weather, most_records or world.chance.of("length").choice(MOST_RECORDS))
        recovered_s = await _recover(world)
        await world.station.end()
        await asyncio.sleep(LOOK_S)
        await world.centre.end()
        await asyncio.wait(lives)
        for life in lives:
            life.result()
        judge(world)
    virtual_s = now_s()
    weather.count()
    return Outcome(
        seed,
        story.digest(world.centre_rows.present),
        len(world.witness.records),
        virtual_s,
        recovered_s,
        dict(sorted(story.faults.items())),
        tuple(story.violations),
        time.process_time() - began_s,
        "\n".join(map(str, story.lines)) if with_story else "",
    )


async def _rage(world: World, weather: Weather, most_records: int) -> None:
    weather.begin()
    while now_s() < LONGEST_S and len(world.witness.records) < most_records:
        await asyncio.sleep(LOOK_S)
    await weather.calm()
    world.story.tell("world", f"the faults are over, {len(world.witness.records)} records")


async def _recover(world: World) -> float:
    began_s = now_s()
    while why := settled(world, is_patient=now_s() - began_s < PATIENCE_S):
        if now_s() - began_s > RECOVERY_S:
            world.story.violated("recovery", f"{RECOVERY_S / 60:.0f} minutes after the last fault {why}")
            break
        await asyncio.sleep(LOOK_S)
    world.story.tell("world", f"all is well after {now_s() - began_s:.0f} s")
    return now_s() - began_s


@contextmanager
def in_proportion() -> Iterator[None]:
    """The centre looks round once a second, and not four times: that is most of a quiet world's work. And what is
    saved of a damaged store is kept in portions that fit into a store a tenth of the smallest allowed.
    """
    with (
        mock.patch.object(post, "TICK_S", 1.0),
        mock.patch.object(post, "LOOK_EVERY_MS", 5_000),
        mock.patch.object(salvage, "STEP", 20),
    ):
        yield


def _listen(story: Story) -> None:
    """A defect in a callback or in a task that nobody asks about is a defect all the same."""

    def heard(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if not isinstance(error, asyncio.CancelledError):
            story.violated("defect", f"{context.get('message')}: {error!r}")

    asyncio.get_running_loop().set_exception_handler(heard)
