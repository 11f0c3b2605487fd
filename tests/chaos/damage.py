"""The ledger's file is damaged or replaced while the agent is down, with a backlog that the centre has not seen."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from buffer import quarantine
from tests.chaos.disk import going
from tests.chaos.fault import Fault, Outcome
from tests.chaos.reckoning import Reckoned, Reckoning
from tests.system.patience import until
from tests.system.station import Station

PAGE: Final = 4096
BACKLOG: Final = 150
NEW_LEDGER: Final = frozenset({"new-ledger"})
SALVAGE_S: Final = 60.0

Damage = Callable[[Path, Random], str]
"""Damages the file; says how, in words."""


def header(file: Path, rng: Random) -> str:
    """What a program does that takes it for its own file."""
    with file.open("r+b") as damaged:
        damaged.write(bytes(100))
    return "the header (100 B) zeroed"


def first_page(file: Path, rng: Random) -> str:
    """Where everything else is found from."""
    with file.open("r+b") as damaged:
        damaged.write(rng.randbytes(PAGE))
    return "the first page overwritten"


def pages(file: Path, rng: Random) -> str:
    """Bad blocks."""
    numbers = sorted(rng.sample(range(1, file.stat().st_size // PAGE), 3))
    with file.open("r+b") as damaged:
        for number in numbers:
            damaged.seek(number * PAGE)
            damaged.write(rng.randbytes(PAGE))
    return f"pages {', '.join(map(str, numbers))} of {file.stat().st_size // PAGE} overwritten"


def bits(file: Path, rng: Random) -> str:
    """Anywhere: most of them in envelopes, where SQLite does not see them."""
    places = rng.sample(range(file.stat().st_size), 40)
    with file.open("r+b") as damaged:
        for place in places:
            damaged.seek(place)
            (byte,) = damaged.read(1)
            damaged.seek(place)
            damaged.write(bytes([byte ^ 1 << rng.randrange(8)]))
    return f"{len(places)} bits flipped in {file.stat().st_size // 1024} kB"


def tail_cut(file: Path, rng: Random) -> str:
    """A copy that ended early."""
    size = file.stat().st_size
    with file.open("r+b") as damaged:
        damaged.truncate(size * 6 // 10)
    return f"the last 40 % of {size // 1024} kB cut off"


def damaged(damage: Damage, *, how_often: int = 1) -> Callable[[Path, Random], Outcome]:
    """A backlog, an orderly stop, the damage, a start; then everything that can be saved is at the centre."""

    def inject(folder: Path, rng: Random) -> Outcome:
        words, longest_s = "", 0.0
        with going(folder) as (station, reckoning):
            for _ in range(how_often):
                _backlog(station, reckoning)
                words = damage(station.store, rng)
                longest_s = max(longest_s, _well_again(station))
            found, named = _reckoned(station, reckoning)
        return Outcome(words, found.records, found.lost, found.doubled, longest_s, named)

    return inject


def _backlog(station: Station, reckoning: Reckoning) -> None:
    agent = station.stage.agents.get(station.name) or station.start()
    if not agent.is_running():
        agent = station.start()
    station.arrives()
    station.stage.broker.stop()
    station.grows(BACKLOG)
    agent.stop()
    reckoning.look()


def _well_again(station: Station) -> float:
    """Seconds from the start to the first reading in the store; the salvage done and all of it at the centre."""
    began_s = time.monotonic()
    agent = station.start()
    agent.wait_for("ledger.open", within_s=30)
    until(lambda: _newest_is_of_this_run(station, began_s), "a reading in the store", within_s=30)
    back_s = time.monotonic() - began_s
    until(lambda: not quarantine.pending(station.store), "the salvage done", within_s=SALVAGE_S)
    station.stage.broker.start()
    station.grows()
    station.arrives(within_s=60)
    return back_s


def _newest_is_of_this_run(station: Station, began_s: float) -> bool:
    rows = station.rows()
    return bool(rows) and rows[-1].kind == 1 and rows[-1].mono_ms > began_s * 1_000


def _reckoned(station: Station, reckoning: Reckoning) -> tuple[Reckoned, str]:
    found = reckoning.close(findings=NEW_LEDGER)
    named = f"{found.entombed} destroyed, named by a signed record" if found.entombed else ""
    return found, named


def restored(folder: Path, rng: Random) -> Outcome:
    """An older copy is put back, taken between two runs."""
    with going(folder) as (station, reckoning):
        station.start().wait_for("destination.connected")
        station.arrives()
        station.stage.agents[station.name].kill()
        copy = folder / "copy"
        shutil.copytree(station.store.parent, copy, ignore=shutil.ignore_patterns("*.sock"))
        agent = station.start()
        station.grows(30)
        station.arrives()
        reckoning.look()
        agent.kill()
        shutil.rmtree(station.store.parent)
        copy.rename(station.store.parent)
        began_s = time.monotonic()
        station.start()
        until(lambda: _newest_is_of_this_run(station, began_s), "a reading in the store", within_s=30)
        back_s = time.monotonic() - began_s
        station.grows()
        station.arrives(within_s=60)
        found = reckoning.close(findings=NEW_LEDGER, unsigned=6)
    words = "an older copy of the database put back, the agent killed"
    return Outcome(words, found.records, found.lost, found.doubled, back_s, f"{found.ledgers} ledgers")


FAULTS: Final = (
    Fault("damaged: header", (), damaged(header), short=True, about_s=15),
    Fault("damaged: first page", (), damaged(first_page), short=False, about_s=20),
    Fault("damaged: three pages", (), damaged(pages), short=False, about_s=20),
    Fault("damaged: flipped bits", (), damaged(bits), short=False, about_s=20),
    Fault("damaged: again and again", (), damaged(header, how_often=3), short=False, about_s=45),
    Fault("damaged: cut short", (), damaged(tail_cut), short=False, about_s=20),
    Fault("restored: an older copy", (), restored, short=False, about_s=15),
)
