"""What every outage has in common: a station at work, and what must hold once the way to the centre is free again."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from agent.clock import SystemClock
from agent.rehearsal import Process
from central.folder import Folder
from central.snapshot import snapshot
from mqtt.local_broker import BrokerProcess
from tests.chaos.disk import longest_wait_s
from tests.chaos.fault import Outcome
from tests.chaos.reckoning import Reckoned, Reckoning
from tests.system.patience import until
from tests.system.station import Station, station_at

GAUGES: Final = 2
EVERY_MS: Final = 250
LATE_S: Final = 3.0
"""No trouble with a broker may hold up a poll so long; a start of the agent may."""

TIMELY_MS: Final = 5_000
"""A receipt takes some two seconds when all is well."""

_TWICE = "SELECT count(*) FROM (SELECT 1 FROM measured GROUP BY channel, ledger, seq HAVING count(*) > 1)"


@contextmanager
def at_work(
    folder: Path, broker: BrokerProcess | None = None, *, gauges: int = GAUGES, every_ms: int = EVERY_MS
) -> Iterator[tuple[Station, Reckoning]]:
    """A station that a centre trusts, not yet started."""
    with station_at(folder, broker, gauges=gauges, every_ms=every_ms) as station:
        station.trust()
        station.describe(station.receipted())
        yield station, Reckoning(station)


def begin(station: Station, *, prefix: tuple[str, ...] = ()) -> Process:
    """The agent, at work, with something receipted."""
    agent = station.start(prefix=prefix)
    agent.wait_for("destination.connected")
    station.arrives(within_s=30)
    until(lambda: _is_receipted(station, 1), "a first receipt", within_s=30)
    return agent


def told(agent: Process, event: str) -> list[dict[str, Any]]:
    """What the agent's log says of such events, in order."""
    lines = (line for line in agent.said().splitlines() if f'"{event}"' in line)
    return [found for found in map(json.loads, lines) if found["event"] == event]


def held(station: Station, for_s: float) -> int:
    """Let a fault last so long. Gives how many readings were signed and kept meanwhile: never none."""
    before = station.readings()
    time.sleep(for_s)
    signed = station.readings() - before
    assert signed > 0, f"nothing was signed in {for_s:g} s of the fault"
    return signed


def recovery(station: Station, ended_s: float, *, within_s: float = 90) -> float:
    """Seconds from the fault's end until all that was signed before it is receipted, and what came later in time."""
    newest = station.rows()[-1].seq
    until(lambda: _is_receipted(station, newest), f"receipts up to {newest}", within_s=within_s)
    until(lambda: _is_timely(station), "timely receipts", within_s=within_s)
    return time.monotonic() - ended_s


def reckoned(station: Station, reckoning: Reckoning, *, unsigned: int = 0) -> Reckoned:
    """Work goes on; what the centre has then against what was signed, and what no longer counts as owed.

    A record that is not owed and not at the centre is lost, although the station may still hold a copy of it.
    unsigned: polls that a kill of the agent may have cost.
    """
    for agent in station.stage.agents.values():
        assert agent.is_running(), f"the agent ended; see {agent.log}"
    station.grows()
    newest = station.rows()[-1]
    until(lambda: newest.envelope in station.at_the_centre(), "the newest record at the centre", within_s=60)
    until(lambda: _is_receipted(station, newest.seq), "nothing owed of all this", within_s=60)
    here = station.at_the_centre()
    given_up = sum(row.seq <= newest.seq and row.envelope not in here for row in station.rows())
    wait_s = longest_wait_s(station.plant.answers())
    assert wait_s < EVERY_MS / 1_000 + LATE_S * len(station.boots()), (
        f"a device was not polled for {wait_s:.1f} s"
    )
    found = reckoning.close(unsigned=unsigned)
    return found._replace(lost=found.lost + given_up, doubled=found.doubled + _stored_twice(station))


def outcome(words: str, found: Reckoned, back_s: float, note: str = "") -> Outcome:
    """As a row says it."""
    return Outcome(words, found.records, found.lost, found.doubled, back_s, note)


def _is_receipted(station: Station, seq: int) -> bool:
    return all(owed.first > seq for owed in station.owed("centre"))


def _is_timely(station: Station) -> bool:
    """Whether nothing older than a few seconds waits for a receipt."""
    oldest = min((owed.first for owed in station.owed("centre")), default=None)
    waiting = (row for row in station.rows() if row.seq == oldest)
    return all(SystemClock().mono_ms() - row.mono_ms < TIMELY_MS for row in waiting)


def _stored_twice(station: Station) -> int:
    """Values that the centre has more than once."""
    with snapshot(Folder(station.stage.centre_folder)) as connection:
        (twice,) = connection.execute(_TWICE).fetchone()
    return int(twice)
