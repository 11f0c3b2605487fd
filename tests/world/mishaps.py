"""What befalls the station's process, its clock and its disk; with an account of what the world itself destroys."""

import asyncio
import shutil
from pathlib import Path
from random import Random

from buffer import salvage
from telemetry import carve
from tests.world import damage
from tests.world.clock import now_s
from tests.world.damage import Damage
from tests.world.disk import DEATHS, Fate
from tests.world.station import SIDECAR, sidecar
from tests.world.world import World

HOUR_MS = 3_600_000


def pause_s(rng: Random) -> float:
    """How long it takes until what ended is started again."""
    return rng.choice([1.0, 1.0, 5.0, 20.0, 120.0, 400.0])


class StationMishaps:
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
        self.world.station.pause_s = pause_s(self._rng)
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
            self.world.station.pause_s = pause_s(self._rng)
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
        """Somebody makes a copy of the store, and later puts it back, perhaps with the file beside the key."""
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

    # how it is done

    def _kill(self, kind: str, what: str) -> None:
        self._story.fault(kind, what)
        self.world.station.pause_s = pause_s(self._rng)
        self.world.station.kill()

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
