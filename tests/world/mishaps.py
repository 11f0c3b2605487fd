"""The mishaps one by one. Each tells the story what it does, and keeps account of what the world itself destroys."""

import asyncio
import shutil
from pathlib import Path
from random import Random

from buffer import salvage
from telemetry import carve
from tests.world import centre as centres
from tests.world import damage
from tests.world.clock import now_s
from tests.world.damage import Damage
from tests.world.disk import DEATHS, Fate
from tests.world.station import SIDECAR, sidecar
from tests.world.world import World

HOUR_MS = 3_600_000


class Mishaps:
    """Of one world. `calm` ends what goes on by itself."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world = world
        self._rng = rng
        self._story = world.story
        self._steps_left: int | None = None
        self._copy: Path | None = None
        self._is_calm = False
        self._damaged_in = -1
        self._put_back_unseen: set[bytes] = set()
        world.disk.after_commit = lambda: self._tempt("commit")
        published = world.network.published

        def seen(who: str, topic: str, payload: bytes) -> None:
            published(who, topic, payload)
            self._tempt("publish")

        world.network.published = seen
        self._tempting = ""

    def calm(self) -> None:
        """Nothing strikes any more."""
        self._is_calm = True
        self._tempting = ""

    def synchronise(self) -> None:
        """The time server is heard."""
        if self.world.clock.off_ms:
            self._story.tell("world", "the time server is heard")
            if abs(self.world.clock.off_ms) > 1_000:
                self._story.fault(
                    "clock stepped by the time server", f"{-self.world.clock.off_ms / HOUR_MS:+.2f} h"
                )
        self.world.clock.synchronise()

    # the station's process

    async def kill(self) -> None:
        """Between two instants that matter, mostly."""
        self._kill("killed", "kill -9")

    async def kill_at_commit(self) -> None:
        """The next COMMIT is its last, and nobody learns whether it was one."""
        self.world.disk.doom = fate = self._rng.choice(DEATHS)
        self.world.station.pause_s = self._pause_s()
        killed = self.world.station.killed
        await asyncio.sleep(120)
        if self.world.station.killed > killed:
            self._story.fault(f"killed at a commit: {fate.value}", "a COMMIT was its last")

    async def kill_after_steps(self) -> None:
        """Some turns of its loop after a commit, or after a message reached the broker."""
        self._steps_left = self._rng.randrange(12)
        self._tempting = self._rng.choice(["commit", "publish"])
        await asyncio.sleep(60)

    async def power_cut(self) -> None:
        """The machine starts again; its clock may have no battery, and the time server may be heard at any moment."""
        without_battery = self._rng.random() < 0.5
        self._kill("power cut", "without a battery for the clock" if without_battery else "of the gateway")
        self.world.station.between.append(lambda: self._boot(without_battery=without_battery))
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """SIGTERM, and a new start."""
        if self.world.station.is_up:
            self._story.fault("stopped", "SIGTERM")
            self.world.station.pause_s = self._pause_s()
            self.world.station.stop()

    async def reload(self) -> None:
        """SIGHUP with the same file."""
        if self.world.station.is_up and self.world.station.agent is not None:
            self._story.fault("reloaded", "SIGHUP")
            self.world.station.agent.reload()

    async def clock_step(self) -> None:
        """Somebody sets the clock; later the time server is heard."""
        hours = self._rng.choice([-6, -2, -0.5, 0.01, 0.5, 3, 12]) * self._rng.uniform(0.5, 1)
        self._story.fault("clock stepped", f"by {hours:+.2f} h")
        self.world.clock.step(hours * HOUR_MS)
        await asyncio.sleep(self._rng.uniform(5, 900))
        self.synchronise()

    # the station's disk

    async def disk_full(self) -> None:
        """For a while nothing can be written."""
        await self._fails(Fate.FULL, "disk full", self._rng.choice([30, 120, 300, 900]))

    async def commit_fails(self) -> None:
        """One COMMIT, or all for a while, end in an error that says nothing about what was written."""
        fate = self._rng.choice([Fate.LOST, Fate.WRITTEN])
        if self._rng.random() < 0.6:
            self._story.fault(f"commit fails: {fate.value}", "once")
            self.world.disk.doom = fate
        else:
            await self._fails(fate, f"commit fails: {fate.value}", self._rng.choice([5, 30, 120]))

    async def disk_slow(self) -> None:
        """A worn card."""
        if self.world.build.slow_writer:
            self._story.fault("disk slow", "up to some seconds for a COMMIT")
            self.world.station.slow_s = self._rng.uniform(0.5, 6.0)
            await asyncio.sleep(self._rng.uniform(20, 200))
            self.world.station.slow_s = 0.0

    async def old_copy(self) -> None:
        """Somebody copies the store, and later puts the copy back, perhaps with the file beside the key."""
        if not self.world.disk.database.exists():
            return
        copy = self.world.root / "copy"
        damage.copied(self.world.disk.folder, copy)
        had = set(self.world.rows.rows.values())
        self._story.tell("somebody", "makes a copy of the store")
        await asyncio.sleep(self._rng.uniform(10, 900))
        with_sidecar = self._rng.random() < 0.4
        self._kill("old copy", f"is put back {'with' if with_sidecar else 'without'} the file beside the key")
        self.world.station.between.append(lambda: self._put_back(copy, had, with_sidecar=with_sidecar))

    async def damage(self) -> None:
        """The file is damaged while the station is off."""
        how = self._rng.choice(damage.DAMAGES)
        self._kill("damage", how.__name__.replace("_", " "))

        def strike() -> None:
            if self.world.disk.database.exists() and self._damaged_in != self.world.disk.life:
                self._damaged_in = self.world.disk.life
                self._damage(how)

        self.world.station.between.append(strike)

    async def store_lost(self) -> None:
        """The card is exchanged: no store any more."""
        self._kill("store lost", "a new card")

        def strike() -> None:
            self._destroy(set(self.world.witness.written), "lost")
            for part in damage.parts(self.world.disk.folder)[:2]:
                part.unlink(missing_ok=True)
            shutil.rmtree(self.world.disk.database.parent / "quarantine", ignore_errors=True)

        self.world.station.between.append(strike)

    async def sidecar_lost(self) -> None:
        """The file beside the key is gone."""
        self._kill("sidecar lost", "the file beside the key is gone")

        def strike() -> None:
            (self.world.disk.folder / SIDECAR).unlink(missing_ok=True)
            self.world.witness.forkable |= self._put_back_unseen
            self.world.witness.known_to.clear()

        self.world.station.between.append(strike)

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
            self.world.centre.pause_s = self._pause_s()
            self.world.centre.kill()

    async def centre_killed_at_commit(self) -> None:
        """Its next COMMIT is its last."""
        self.world.centre_disk.doom = fate = self._rng.choice(DEATHS)
        self.world.centre.pause_s = self._pause_s()
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

    # how it is done

    def _kill(self, kind: str, what: str) -> None:
        self._story.fault(kind, what)
        self.world.station.pause_s = self._pause_s()
        self.world.station.kill()

    def _pause_s(self) -> float:
        return self._rng.choice([1.0, 1.0, 5.0, 20.0, 120.0, 400.0])

    def _tempt(self, what: str) -> None:
        if self._tempting == what and self._steps_left is not None:
            self._tempting = ""
            self._doom(self._steps_left, self.world.disk.life, what)

    def _doom(self, steps: int, life: int, what: str) -> None:
        if steps:
            asyncio.get_running_loop().call_soon(self._doom, steps - 1, life, what)
        elif self.world.disk.life == life and not self._is_calm:
            self._kill("killed after steps", f"some turns after a {what}")

    async def _fails(self, fate: Fate, kind: str, for_s: float) -> None:
        self._story.fault(kind, f"for {for_s} s")
        self.world.disk.failing = fate
        await asyncio.sleep(for_s)
        self.world.disk.failing = None

    def _boot(self, *, without_battery: bool) -> None:
        clock = self.world.clock
        if without_battery:
            clock.boot_without_battery(now_s())
            soon_s = self._rng.choice([0.0, 0.01, 0.05, 5.0, 60.0, 600.0]) * self._rng.random()
            asyncio.get_running_loop().call_later(soon_s, self.synchronise)
        else:
            clock.boot(now_s())

    def _destroy(self, envelopes: set[bytes], how: str) -> None:
        beside = sidecar(self.world.disk.folder)
        self.world.witness.destroy(envelopes, how, beside)

    def _damage(self, how: Damage) -> None:
        file = self.world.disk.database
        before = file.read_bytes()
        if not salvage.holds_any(file, carve.starts):
            return  # nothing to lose
        said = how(file, self._rng)
        if file.stat().st_size and not salvage.holds_any(file, carve.starts):
            file.write_bytes(before)  # nobody could tell it from somebody else's file, which is left alone
            return
        self._destroy(set(self.world.rows.rows.values()), "damaged")
        self._story.tell("somebody", said)

    def _put_back(self, copy: Path, had: set[bytes], *, with_sidecar: bool) -> None:
        world, witness = self.world, self.world.witness
        newer = witness.written - had
        self._destroy(newer, "restored")
        damage.put_back(world.disk.folder, copy, with_sidecar=with_sidecar)
        tops: dict[bytes, int] = {}
        for ledger, seq in map(witness.place, had):
            tops[ledger] = max(seq, tops.get(ledger, 0))
        ledgers = {ledger for ledger, seq in map(witness.place, newer) if seq > tops.get(ledger, seq)}
        self._put_back_unseen |= ledgers
        beside = sidecar(world.disk.folder)
        if beside is None or beside[1] <= tops.get(beside[0], 0):  # nothing but a receipt will betray it
            witness.forkable |= ledgers

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
