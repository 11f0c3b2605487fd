"""The soak itself: troubles by chance, one or two at a time, then the station must be well again by itself.

    quiet ─▶ trouble(s) ─▶ over ─▶ well again (this is the recovery) ─▶ quiet ─▶ ...

Restarts of the agent come in a few bursts in the first half, so that the last process lives long enough to show a leak.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from agent.rehearsal import RehearsalError
from tests.chaos.fault import missing
from tests.soak.account import Account
from tests.soak.troubles import RESTARTS, SPOILING, TROUBLES, Trouble
from tests.soak.watch import Sample, Stretch, Watcher, look, stretches
from tests.soak.world import World, world_at

Say = Callable[[str], None]

RECOVERY_S = 120.0
"""The bound. A device that was silent is asked again after as long as it was silent, at most a minute."""
LOOK_AGAIN_S = 0.1
TWO_AT_ONCE = 0.4
ARRIVES_S = 120.0
LONG_S = 600.0


class Pace(NamedTuple):
    """Seconds, ranges from..to. `bursts`: when the agent is restarted, as shares of the whole.

    `fewest_waves`: on a busy machine it lasts until there were so many.
    """

    seconds: float
    lasts_s: tuple[float, float]
    quiet_s: tuple[float, float]
    look_every_s: float
    warm_up_s: float
    bursts: tuple[float, ...]
    restarts: int
    fewest_waves: int = 0


def pace_of(seconds: float) -> Pace:
    """Minutes to days."""
    bursts = (0.1, 0.2, 0.3, 0.4) if seconds >= LONG_S else (0.3,)
    return Pace(seconds, (2, 8), (3, 8), 2.0, min(60.0, seconds / 20), bursts, 3 if seconds >= LONG_S else 1)


SHORT = Pace(10, (0.4, 1.2), (0, 0.2), 0.25, 1.0, (0.5,), 1, fewest_waves=4)


@dataclass(slots=True)
class Log:
    """What was done. `recoveries`: the troubles that were over, and s until all was well."""

    done: Counter[str] = field(default_factory=Counter)
    recoveries: list[tuple[float, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Report(NamedTuple):
    """At the end."""

    seed: int
    seconds: float
    log: Log
    skipped: Sequence[str]
    stretches: Sequence[Stretch]
    wal_most: int
    served: int
    records: int
    lost: int
    doubled: int
    taken_along: int
    failed: int
    gaps: int

    @property
    def complaints(self) -> list[str]:
        """Why it is not good; empty when it is."""
        counts = [f"{n} records {what}" for what, n in (("lost", self.lost), ("doubled", self.doubled)) if n]
        grown = [f"process {s.pid} grows: {', '.join(s.grown)}" for s in self.stretches if s.grown]
        return [*counts, *self.log.wrong, *grown]


class Soak:
    """One run on one world."""

    def __init__(self, world: World, pace: Pace, say: Say) -> None:
        self.world = world
        self.pace = pace
        self.log = Log()
        self.account = Account(world.station, deaths=world.deaths)
        self.skipped = [f"{t.name}: {why}" for t in TROUBLES if (why := missing(t.needs))]
        self._possible = [t for t in TROUBLES if not missing(t.needs)]
        self._say = say
        self._began_s = time.monotonic()

    def run(self) -> None:
        """To its end, or to the first trouble that the station does not outlive."""
        for burst in self._waves():
            for troubles in burst:
                try:
                    self._wave(troubles)
                except (AssertionError, RehearsalError) as error:
                    self._wrong(f"after {_names(troubles)}: {error}")
                    return
            self.account.look()

    def _waves(self) -> Iterator[Iterator[list[Trouble]]]:
        """Until each burst's moment anything but restarts; then those."""
        for share in (*self.pace.bursts, 1.0):
            yield self._until(share * self.pace.seconds)
            if share < 1:
                yield ([restart] for restart in self.world.rng.choices(RESTARTS, k=self.pace.restarts))

    def _until(self, end_s: float) -> Iterator[list[Trouble]]:
        rng, bag = self.world.rng, list[Trouble]()
        fewest = self.pace.fewest_waves if end_s == self.pace.seconds else 0
        while time.monotonic() - self._began_s < end_s or len(self.log.recoveries) < fewest:
            if not bag:  # each once before any comes again
                bag = rng.sample(self._possible, len(self._possible))
            wave = [bag.pop()]
            beside = [trouble for trouble in bag if not trouble.touches & wave[0].touches]
            if beside and rng.random() < TWO_AT_ONCE:
                wave.append(rng.choice(beside))
                bag.remove(wave[1])
            yield wave

    def _wave(self, troubles: list[Trouble]) -> None:
        time.sleep(self._draw(self.pace.quiet_s))
        with ExitStack() as on:
            for trouble in troubles:
                on.enter_context(trouble.during(self.world))
                self.log.done[trouble.name] += 1
            time.sleep(self._draw(self.pace.lasts_s))
        over_s = time.monotonic()
        self._is_well(over_s)
        self.log.recoveries.append((time.monotonic() - over_s, _names(troubles)))
        self._say(
            f"{over_s - self._began_s:7.1f} s  {_names(troubles)}: well after {self.log.recoveries[-1][0]:.1f} s"
        )

    def _is_well(self, since_s: float) -> None:
        """Every device has answered since, and what is owed is on its way."""
        while trouble := self.world.health(time.monotonic() - since_s).trouble:
            assert self.world.agent is not None
            assert self.world.agent.is_running(), f"the agent ended by itself; see {self.world.agent.log}"
            assert time.monotonic() < since_s + RECOVERY_S, f"not well within {RECOVERY_S:g} s: {trouble}"
            time.sleep(LOOK_AGAIN_S)

    def end(self) -> None:
        """Everything arrives, the agent ends in order, and nothing that it signed is missing anywhere."""
        try:
            self.world.station.arrives(within_s=ARRIVES_S)
            self.world.stop()
        except (AssertionError, RehearsalError) as error:
            self._wrong(str(error))

    def report(self, seed: int, samples: Sequence[Sample]) -> Report:
        """The reckoning; what does not hold goes to what is wrong."""
        records = lost = doubled = gaps = 0
        try:
            found = self.account.close(refusable=SPOILING)
            records, lost, doubled, gaps = found.records, found.lost, found.doubled, found.gaps
        except AssertionError as error:
            self._wrong(str(error))
        return Report(
            seed,
            time.monotonic() - self._began_s,
            self.log,
            self.skipped,
            stretches(samples, self.pace.warm_up_s),
            max((sample.wal for sample in samples), default=0),
            len(self.world.plant.answers()),
            records,
            lost,
            doubled,
            self.account.taken_along,
            self.account.failed,
            gaps,
        )

    def _wrong(self, what: str) -> None:
        self.log.wrong.append(what)
        self._say(f"WRONG  {what}")

    def _draw(self, span: tuple[float, float]) -> float:
        return self.world.rng.uniform(*span)


def soak(folder: Path, pace: Pace, seed: int, say: Say) -> Report:
    """A whole soak in this folder."""
    with world_at(folder, seed) as world:
        world.start()
        run = Soak(world, pace, say)
        store = world.station.store
        with Watcher(lambda: look(world.pid, store, world.health()), pace.look_every_s) as watcher:
            run.run()
        run.end()
        return run.report(seed, watcher.samples)


def _names(troubles: Sequence[Trouble]) -> str:
    return " + ".join(trouble.name for trouble in troubles)
