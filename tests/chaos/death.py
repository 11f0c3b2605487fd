"""The process dies: at any moment, in the middle of any write."""

import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from agent.rehearsal import Process
from telemetry.bodies import BootReason
from tests.chaos.fault import Fault, Outcome
from tests.chaos.reckoning import Reckoning
from tests.chaos.trace import tampering
from tests.system.patience import until
from tests.system.station import Station, station_at

WRITES: Final = (1, 2, 5, 14, 30, 47, 60, 77, 95, 120)
"""At which write of its run the agent dies: some while it opens its store, some with its first records, some later."""


def killed_at_a_write(folder: Path, rng: Random) -> Outcome:
    """SIGKILL at the n-th pwrite64 of the real agent, again and again on one station."""
    moments = sorted({at + rng.randrange(3) for at in WRITES})
    return _killed(folder, moments)


def killed_at_few_writes(folder: Path, rng: Random) -> Outcome:
    """The same, three times."""
    return _killed(folder, [3 + rng.randrange(3), 31 + rng.randrange(20), 52 + rng.randrange(20)])


def _killed(folder: Path, moments: list[int]) -> Outcome:
    with station_at(folder, gauges=2, every_ms=100) as station:
        station.trust()
        station.describe(station.receipted())
        reckoning = Reckoning(station)
        for at in moments:
            agent = station.stage.start_agent(
                station.name, station.file, prefix=tampering("pwrite64", f"signal=SIGKILL:when={at}")
            )
            until(partial(_is_dead, agent), f"the agent's death at write {at}", within_s=60)
            reckoning.look()
        back_s = _back(station)
        station.arrives(within_s=30)
        assert all(
            boot.reason in {BootReason.ENROLMENT, BootReason.UNCLEAN_STOP} for boot in reckoning.boots()
        )
        found = reckoning.close(unsigned=2 * len(moments))
    return Outcome(
        f"kill -9 at write {', '.join(map(str, moments))}",
        found.records,
        found.lost,
        found.doubled,
        back_s,
    )


def _is_dead(agent: Process) -> bool:
    return not agent.is_running()


def _back(station: Station) -> float:
    """Seconds from the agent's start to its first reading in the store."""
    before, began_s = station.readings(), time.monotonic()
    station.start()
    until(lambda: station.readings() > before, "a reading in the store")
    return time.monotonic() - began_s


FAULTS: Final = (
    Fault("kill -9 at the n-th write, a few", ("strace",), killed_at_few_writes, short=True, about_s=10),
    Fault("kill -9 at the n-th write, whole agent", ("strace",), killed_at_a_write, short=False, about_s=60),
)
