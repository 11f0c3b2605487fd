"""What befalls a world: some kinds of trouble in each seed, each at its own times, until the calm."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from telemetry.record import Kind
from tests.world import centre as centres
from tests.world.mishaps import StationMishaps
from tests.world.network import Troubles
from tests.world.outer_mishaps import OuterMishaps
from tests.world.world import QUOTA_LARGE_BYTES, World

SHARE_OF_KINDS = 0.5
LATE_ENROLMENT = 0.15
DENSITY = 0.6
TORN_LEDGERS = frozenset({"old copy", "damage"})
"""Of a ledger of which only parts are left no receipt proves much: these stay for ever, and fill a small store."""


@dataclass(frozen=True)
class Sort:
    """One kind of trouble: about how often, and what happens."""

    every_s: float
    strike: Callable[[], Awaitable[None]]


class Weather:
    """`prepare` before the first life, `begin`, `calm`, and `count` when all is over."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.chance.of("weather")
        self._mishaps = StationMishaps(world, self._rng)
        self._outer = OuterMishaps(world, self._rng)
        self._tasks: list[asyncio.Task[None]] = []

    def prepare(self) -> None:
        """Whether the centre knows the station from the beginning."""
        world = self._world
        if self._rng.random() >= LATE_ENROLMENT:
            centres.enrol(world.centre_disk.folder, world.key.public)

    def begin(self) -> None:
        """Half of the kinds, each on its own."""
        kinds = self._kinds()
        chosen = [name for name in kinds if self._rng.random() < SHARE_OF_KINDS]
        if self._world.build.quota_bytes < QUOTA_LARGE_BYTES:
            chosen = [name for name in chosen if name not in TORN_LEDGERS]
        self._world.story.tell("world", f"to come: {', '.join(chosen)}")
        for name in chosen:
            rng = self._world.chance.of(f"weather of {name}")
            coming = self._comes(kinds[name], rng)
            self._tasks.append(asyncio.get_running_loop().create_task(coming, name=name))

    async def calm(self) -> None:
        """Everything that was put in the way is taken away."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.result()
        world = self._world
        world.network.troubles = Troubles()
        self._mishaps.calm()
        for disk in (world.disk, world.centre_disk):
            disk.failing = disk.doom = None
        world.station.slow_s = 0.0
        self._mishaps.synchronise()
        for instrument in world.instruments:
            instrument.temper = type(instrument.temper)()
        for line in world.build.lines.values():
            line.is_down = False
        centres.enrol(world.centre_disk.folder, world.key.public)

    def count(self) -> None:
        """What the network did by its shares, and what the instruments did."""
        world, faults = self._world, self._world.story.faults
        network = world.network
        for name in ("dropped", "doubled", "overtaken", "refused"):
            if getattr(network, name):
                faults[f"message {name}"] += getattr(network, name)
        kinds = [record.kind for record in world.witness.records.values()]
        for kind, name in ((Kind.TOMBSTONE, "quota used up"), (Kind.RECOVERY, "damaged store read")):
            if kind in kinds:
                faults[name] += kinds.count(kind)
        for instrument in world.instruments:
            for question in instrument.questions:
                if question.how != "well":
                    faults[f"answer {question.how}"] += 1

    async def _comes(self, sort: Sort, rng: Random) -> None:
        while True:
            await asyncio.sleep(rng.expovariate(1 / (sort.every_s * DENSITY)))
            await sort.strike()

    def _kinds(self) -> dict[str, Sort]:
        m, outer = self._mishaps, self._outer
        return {
            "kill": Sort(500, m.kill),
            "kill at a commit": Sort(400, m.kill_at_commit),
            "kill after a step": Sort(400, m.kill_after_steps),
            "power cut": Sort(900, m.power_cut),
            "stop": Sort(900, m.stop),
            "reload": Sort(900, m.reload),
            "clock step": Sort(700, m.clock_step),
            "disk full": Sort(900, m.disk_full),
            "commit fails": Sort(300, m.commit_fails),
            "disk slow": Sort(500, m.disk_slow),
            "old copy": Sort(900, m.old_copy),
            "damage": Sort(900, m.damage),
            "store lost": Sort(2_500, m.store_lost),
            "sidecar lost": Sort(1_500, m.sidecar_lost),
            "broker down": Sort(600, outer.broker_down),
            "broker away": Sort(1_200, outer.broker_away),
            "line cut": Sort(300, outer.line_cut),
            "line dead": Sort(700, outer.line_dead),
            "broker refuses": Sort(800, outer.broker_refuses),
            "messages": Sort(300, outer.messages),
            "centre killed": Sort(500, outer.centre_killed),
            "centre killed at a commit": Sort(500, outer.centre_killed_at_commit),
            "centre's disk": Sort(700, outer.centre_disk_fails),
            "centre restored": Sort(1_500, outer.centre_restored),
            "instrument": Sort(150, outer.instrument),
            "wire": Sort(600, outer.wire),
        }
