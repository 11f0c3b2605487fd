"""The disk under the whole agent: full and back, limited, failing, slow. Polling goes on through all of it."""

import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

from agent.rehearsal import Process
from sim.served import Served
from tests.chaos.fault import Fault, Outcome
from tests.chaos.mounts import ext4, fill, in_memory, own_mounts, resize
from tests.chaos.reckoning import Reckoned, Reckoning
from tests.chaos.trace import tampered
from tests.system.patience import until
from tests.system.station import Station, station_at

GAUGES: Final = 3
EVERY_MS: Final = 200
HOLDS_S: Final = 4.0
"""How long a fault lasts."""
LATE_S: Final = 1.5
"""A poll that is so much later than its period is one that waited for the disk."""


@contextmanager
def going(folder: Path) -> Iterator[tuple[Station, Reckoning]]:
    """A station that a centre trusts, not yet started."""
    with station_at(folder, gauges=GAUGES, every_ms=EVERY_MS) as station:
        station.trust()
        station.describe(station.receipted())
        yield station, Reckoning(station)


def through(
    station: Station, reckoning: Reckoning, trouble: Callable[[Process], float], agent: Process | None = None
) -> tuple[Reckoned, float]:
    """The trouble in the middle of a station's work. `trouble` gives the moment at which the disk is well again.

    Gives what was found, and the seconds from that moment until a record signed after it is durable.
    """
    agent = agent or station.start()
    station.arrives()
    reckoning.look()
    ended_s = trouble(agent)
    before = station.readings()
    until(lambda: station.readings() > before, "readings in the store again", within_s=60)
    back_s = time.monotonic() - ended_s
    station.grows()
    station.arrives(within_s=60)
    assert agent.is_running(), f"the agent ended; see {agent.log}"
    found = reckoning.close()
    wait_s = longest_wait_s(station.plant.answers())
    assert wait_s < EVERY_MS / 1_000 + LATE_S, f"a device was not polled for {wait_s:.1f} s"
    return found, back_s


def longest_wait_s(answers: list[Served]) -> float:
    """The longest time between two polls of one device."""
    asked: dict[str, list[int]] = defaultdict(list)
    for answer in answers:
        asked[answer.device].append(answer.asked_mono_ms)
    pairs = (pair for times in asked.values() for pair in pairwise(times))
    return max(after - before for before, after in pairs) / 1_000


def full_in_memory(folder: Path, rng: Random) -> Outcome:
    """No room on a tmpfs, which then grows."""
    place = folder / "TEST_1" / "data"
    with own_mounts(), going(folder) as (station, reckoning), in_memory(place, "3m"):

        def trouble(agent: Process) -> float:
            fill(place)
            agent.wait_for("store.failing", within_s=60)
            time.sleep(HOLDS_S)
            resize(place, "16m")
            return time.monotonic()

        found, back_s = through(station, reckoning, trouble)
        for process in (*station.stage.agents.values(),):
            process.kill()
    return _outcome(f"disk full for {HOLDS_S:g} s, then larger (tmpfs)", found, back_s)


def full_on_ext4(folder: Path, rng: Random) -> Outcome:
    """No room on ext4, until something else is deleted."""
    place = folder / "TEST_1" / "data"
    with own_mounts(), going(folder) as (station, reckoning), ext4(folder / "disk", place, size="16m"):

        def trouble(agent: Process) -> float:
            ballast = fill(place)
            agent.wait_for("store.failing", within_s=60)
            time.sleep(HOLDS_S)
            ballast.unlink()
            return time.monotonic()

        found, back_s = through(station, reckoning, trouble)
        for process in (*station.stage.agents.values(),):
            process.kill()
    return _outcome(f"disk full for {HOLDS_S:g} s, then room again (ext4)", found, back_s)


def full_at_the_start(folder: Path, rng: Random) -> Outcome:
    """No room when the agent starts; it waits for it."""
    place = folder / "TEST_1" / "data"
    with own_mounts(), going(folder) as (station, reckoning), in_memory(place, "1m"):
        ballast = fill(place)
        agent = station.stage.start_agent(station.name, station.file)
        agent.wait_for("store.unopened", within_s=30)
        ballast.unlink()
        began_s = time.monotonic()
        agent.wait_for("station.polling", within_s=60)
        back_s = time.monotonic() - began_s
        resize(place, "16m")
        station.grows()
        station.arrives()
        found = reckoning.close()
        agent.kill()
    return _outcome("disk full at the start, then room (tmpfs)", found, back_s)


def limited(folder: Path, rng: Random) -> Outcome:
    """No file of the agent may be larger than 120 kB, for a while."""
    with going(folder) as (station, reckoning):
        agent = station.start(prefix=("prlimit", "--fsize=120000:unlimited"))

        def trouble(agent: Process) -> float:
            agent.wait_for("store.failing", within_s=60)
            time.sleep(HOLDS_S)
            subprocess.run(["prlimit", "--pid", str(agent.pid), "--fsize=unlimited"], check=True)
            return time.monotonic()

        found, back_s = through(station, reckoning, trouble, agent)
    return _outcome(f"file size limit of 120 kB reached, lifted after {HOLDS_S:g} s", found, back_s)


def failing(call: str, fault: str, *, lasts_s: float = HOLDS_S) -> Callable[[Path, Random], Outcome]:
    """Every such call fails, or waits, while the agent polls."""

    def inject(folder: Path, rng: Random) -> Outcome:
        with going(folder) as (station, reckoning):

            def trouble(agent: Process) -> float:
                with tampered(agent.pid, call, fault):
                    if "error" in fault:
                        agent.wait_for("store.failing", within_s=60)
                    time.sleep(lasts_s)
                return time.monotonic()

            found, back_s = through(station, reckoning, trouble)
            longest_s = longest_wait_s(station.plant.answers())
        note = f"longest time between two polls of a device {longest_s:.2f} s (period {EVERY_MS / 1_000:g} s)"
        return _outcome(f"{call} {fault} for {lasts_s:g} s, whole agent", found, back_s, note)

    return inject


def _outcome(words: str, found: Reckoned, back_s: float, note: str = "") -> Outcome:
    return Outcome(words, found.records, found.lost, found.doubled, back_s, note)


SLOW_US: Final = 2_000_000
MOUNTS: Final = ("root", "mountns")

FAULTS: Final = (
    Fault("disk full and back (tmpfs)", MOUNTS, full_in_memory, short=True, about_s=12),
    Fault("disk full and back (ext4)", (*MOUNTS, "loop"), full_on_ext4, short=False, about_s=15),
    Fault("disk full at the start", MOUNTS, full_at_the_start, short=False, about_s=10),
    Fault("file size limit", ("prlimit",), limited, short=False, about_s=20),
    Fault("sync fails for a while", ("strace",), failing("fdatasync", "error=EIO"), short=False, about_s=15),
    Fault("write fails for a while", ("strace",), failing("pwrite64", "error=EIO"), short=False, about_s=15),
    Fault("no room for a while", ("strace",), failing("pwrite64", "error=ENOSPC"), short=False, about_s=15),
    Fault(
        "slow sync",
        ("strace",),
        failing("fdatasync", f"delay_enter={SLOW_US}", lasts_s=8),
        short=False,
        about_s=20,
    ),
)
