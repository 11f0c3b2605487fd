"""What befalls the way to the centre, the centre itself, and the instruments."""

import asyncio
import shutil
from pathlib import Path
from random import Random

from tests.world import centre as centres
from tests.world.disk import DEATHS, Fate
from tests.world.mishaps import pause_s
from tests.world.world import World


class OuterMishaps:
    """Of one world."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world = world
        self._rng = rng
        self._story = world.story

    # the network

    async def broker_away(self) -> None:
        """So long that a small store is filled by what nobody gets."""
        await self._broker_down(self._rng.uniform(900, 2_400))

    async def broker_down(self) -> None:
        """It dies, and may forget what it retained."""
        await self._broker_down(self._rng.choice([1, 20, 120, 600]))

    async def _broker_down(self, for_s: float) -> None:
        forgets = self._rng.random() < 0.5
        self._story.fault("broker down", "and forgets what it retained" if forgets else "")
        network = self.world.network
        network.troubles.is_down = True
        network.cut(why="the broker is gone")
        if forgets:
            network.retained.clear()
        await asyncio.sleep(for_s)
        network.troubles.is_down = False

    async def line_cut(self) -> None:
        """One connection or both end."""
        who = self._rng.choice(["station", "station", "centre", ""])
        self._story.fault("line cut", who or "both")
        self.world.network.cut(who)

    async def line_dead(self) -> None:
        """Nothing moves, and nobody says so."""
        self._story.fault("line dead", "a black hole")
        network = self.world.network
        network.troubles.is_silent = True
        await asyncio.sleep(self._rng.uniform(10, 300))
        network.troubles.is_silent = False
        network.cut(why="reset after a silence")

    async def broker_refuses(self) -> None:
        """It lets one side not in, or announces what is too small."""
        troubles = self.world.network.troubles
        how = self._rng.choice(["station", "centre", "unfit"])
        self._story.fault("broker refuses", how)
        troubles.is_unfit, troubles.refuses = how == "unfit", "" if how == "unfit" else how
        self.world.network.cut()
        await asyncio.sleep(self._rng.choice([10, 60, 300]))
        troubles.is_unfit, troubles.refuses = False, ""

    async def messages(self) -> None:
        """For a while messages are refused, dropped, doubled, overtaken or slow."""
        troubles, rng = self.world.network.troubles, self._rng
        how = rng.choice(["publish_refused", "dropped", "doubled", "overtaken", "slow_s"])
        self._story.tell("fault", f"messages: {how}")
        setattr(troubles, how, rng.uniform(1, 20) if how == "slow_s" else rng.choice([0.1, 0.5, 1.0]))
        if how == "slow_s":
            self._story.fault("messages slow", "up to 20 s")
        await asyncio.sleep(rng.uniform(20, 300))
        setattr(troubles, how, 0.0)

    # the centre

    async def centre_killed(self) -> None:
        """At any moment."""
        if self.world.centre.is_up:
            self._story.fault("centre killed", "kill -9")
            self.world.centre.pause_s = pause_s(self._rng)
            self.world.centre.kill()

    async def centre_killed_at_commit(self) -> None:
        """Its next COMMIT is its last."""
        self.world.centre_disk.doom = fate = self._rng.choice(DEATHS)
        self.world.centre.pause_s = pause_s(self._rng)
        self._story.fault(f"centre killed at a commit: {fate.value}", "the next COMMIT is its last")

    async def centre_disk_fails(self) -> None:
        """Its COMMITs end in errors."""
        disk = self.world.centre_disk
        disk.failing = self._rng.choice([Fate.LOST, Fate.WRITTEN, Fate.FULL])
        self._story.fault("centre's disk", disk.failing.value)
        await asyncio.sleep(self._rng.choice([1, 20, 120]))
        disk.failing = None

    async def centre_restored(self) -> None:
        """It is put back to a backup, and says so."""
        backup = self.world.root / "backup"
        if backup.exists():
            shutil.rmtree(backup)
        folder = self.world.centre_disk.folder
        backup.mkdir()
        for name in (centres.DATABASE, f"{centres.DATABASE}-wal"):
            if (folder / name).exists():
                shutil.copy(folder / name, backup / name)
        self._story.tell("somebody", "makes a backup of the centre")
        await asyncio.sleep(self._rng.uniform(30, 900))
        if self.world.centre.is_up:
            self._story.fault("centre restored", "from its backup")
            self.world.centre.kill()
            self.world.centre.between.append(lambda: self._restore_centre(backup))

    # the instruments

    async def instrument(self) -> None:
        """One of them is silent, late, damaged on its way, or busy."""
        rng = self._rng
        found = rng.choice(self.world.instruments)
        how = rng.choice(["is_silent", "late", "garbled", "foreign", "refuses"])
        self._story.tell("fault", f"{found.name}: {how}")
        setattr(found.temper, how, True if how == "is_silent" else rng.choice([0.2, 0.6, 1.0]))
        await asyncio.sleep(rng.choice([30, 120, 400]))
        setattr(found.temper, how, False if how == "is_silent" else 0.0)

    async def wire(self) -> None:
        """Adapter or host go away."""
        name = self._rng.choice(sorted(self.world.build.lines))
        self._story.fault("wire down", name)
        self.world.build.lines[name].break_off()
        await asyncio.sleep(self._rng.choice([10, 100, 400]))
        self.world.build.lines[name].is_down = False

    def _restore_centre(self, backup: Path) -> None:
        folder = self.world.centre_disk.folder
        for name in (centres.DATABASE, f"{centres.DATABASE}-wal"):
            (folder / name).unlink(missing_ok=True)
            if (backup / name).exists():
                shutil.copy(backup / name, folder / name)
        before = set(self.world.centre_rows.present)
        disk = self.world.centre_disk
        disk.doom, failing, disk.failing = None, disk.failing, None
        centres.rename_store(folder, self._rng.randbytes(16))
        disk.failing = failing
        self.world.centre_rows.reread(folder / centres.DATABASE)
        lost = before - self.world.centre_rows.present
        self.world.witness.forgotten |= lost
        self._story.tell("somebody", f"{len(lost)} records are not in the backup")
