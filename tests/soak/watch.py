"""A process watched from outside, second by second, and whether anything in it grows."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, NamedTuple, Self

KIB = 1024
ENOUGH_S = 4.0
"""A device that is polled every second answered so lately."""
FRESH_RECORDS = 100
"""Records that are on their way to the centre and back: ten a second, a receipt every 1.5 s, on a busy machine."""
GROWN_BY = 3
"""More than so many descriptors, threads or tasks more at the end of a stretch than at its beginning is growth."""
FEWEST_SAMPLES = 8


class Health(NamedTuple):
    """What the agent says of itself. `tasks` None: it said nothing. `trouble`: what is not well; "" when all is."""

    tasks: int | None
    trouble: str


class Sample(NamedTuple):
    """One look at one process. Sizes in bytes; `at_s` on the monotonic clock."""

    at_s: float
    pid: int
    rss: int
    descriptors: int
    threads: int
    tasks: int | None
    wal: int
    is_well: bool


class Stretch(NamedTuple):
    """One process from after its warm-up to its end. Growths: the last quarter's median over the first quarter's."""

    pid: int
    seconds: float
    rss_mb: float
    slope_mb_h: float | None
    descriptors: int
    threads: int
    tasks: int
    growths: dict[str, float]

    @property
    def grown(self) -> list[str]:
        """What grows without bound, as far as this stretch shows it."""
        return [f"{name} {growth:+.0f}" for name, growth in self.growths.items() if growth > GROWN_BY]


def health(status: dict[str, Any], since_s: float) -> Health:
    """From `tram status --json`, {} when nobody answers. `since_s`: how lately every device must have answered."""
    if not status:
        return Health(None, "the agent does not answer")
    troubles = [f"{d['device']} is silent" for d in status["devices"] if d["silent"]]
    troubles += [
        f"{d['device']} answered {d['age_s']} s ago"
        for d in status["devices"]
        if d["age_s"] is None or d["age_s"] > since_s
    ]
    for destination in status["destinations"]:
        if not destination["connected"] or destination["owed"] > FRESH_RECORDS:
            troubles.append(f"connected: {destination['connected']}, {destination['owed']} owed")
    if status["ledger"]["trouble"]:
        troubles.append(status["ledger"]["trouble"])
    return Health(status["tasks"], "; ".join(troubles))


def look(pid: int, store: Path, said: Health) -> Sample | None:
    """None: it has just ended."""
    try:
        told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        rss = int(told["VmRSS"].split()[0]) * KIB
    except (OSError, KeyError):
        return None
    wal = size_of(store.with_name(store.name + "-wal"))
    return Sample(
        time.monotonic(), pid, rss, descriptors, int(told["Threads"]), said.tasks, wal, not said.trouble
    )


def size_of(file: Path) -> int:
    """0 when it is not there."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def slope_mb_h(points: Sequence[tuple[float, float]]) -> float | None:
    """Least squares through (s, bytes), in MB/h; None for too few points."""
    if len(points) < FEWEST_SAMPLES:
        return None
    mean_s = sum(at_s for at_s, _ in points) / len(points)
    mean = sum(size for _, size in points) / len(points)
    spread = sum((at_s - mean_s) ** 2 for at_s, _ in points)
    slope = sum((at_s - mean_s) * (size - mean) for at_s, size in points) / spread
    return slope * 3600 / 1e6


def growth(values: Sequence[int]) -> float:
    """The last quarter's median over the first quarter's; 0 for too few values."""
    if len(values) < FEWEST_SAMPLES:
        return 0.0
    quarter = len(values) // 4
    return median(values[-quarter:]) - median(values[:quarter])


def stretches(samples: Sequence[Sample], warm_up_s: float) -> list[Stretch]:
    """By process, in order. Counts are of moments in which all was well: a broken line has other ones."""
    found = []
    for pid in dict.fromkeys(sample.pid for sample in samples):
        mine = [sample for sample in samples if sample.pid == pid]
        warm = [sample for sample in mine if sample.at_s >= mine[0].at_s + warm_up_s]
        if warm:
            found.append(_stretch(pid, warm))
    return found


def _stretch(pid: int, warm: Sequence[Sample]) -> Stretch:
    well = [sample for sample in warm if sample.is_well and sample.tasks is not None]
    descriptors = [sample.descriptors for sample in well]
    threads = [sample.threads for sample in well]
    tasks = [sample.tasks or 0 for sample in well]
    return Stretch(
        pid,
        warm[-1].at_s - warm[0].at_s,
        max(sample.rss for sample in warm) / 1e6,
        slope_mb_h([(sample.at_s, sample.rss) for sample in warm]),
        max(descriptors, default=0),
        max(threads, default=0),
        max(tasks, default=0),
        {"descriptors": growth(descriptors), "threads": growth(threads), "tasks": growth(tasks)},
    )


@dataclass(slots=True)
class Watcher:
    """`with Watcher(look, every_s) as watcher:` looks from a thread of its own; what was seen is in `samples`."""

    look: Callable[[], Sample | None]
    every_s: float
    samples: list[Sample] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="watcher")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self.every_s):
            sample = self.look()
            if sample is not None:
                self.samples.append(sample)
