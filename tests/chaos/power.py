"""The power goes: recorded writes played back to random moments, and a copy of a real file system taken at one.

The copy is of the file that a loop-mounted ext4 is in, taken while the writer stands still (SIGSTOP): what was not
synced is in the memory of that file system and not in the file. The machine then goes on with the copy.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Final

from agent.rehearsal import Process
from telemetry.bodies import BootReason
from tests.chaos.book import ROOT, Book
from tests.chaos.cut import cuts, rebuild, recording, steps
from tests.chaos.fault import Fault, Outcome, Violated
from tests.chaos.mounts import ext4, own_mounts
from tests.chaos.reckoning import Reckoning
from tests.system.patience import until
from tests.system.station import Station, station_at

CYCLES: Final = 80
CHANNELS: Final = 60
"""Some 2 kB per record: the log grows beyond the size at which it is moved into the file."""

AUDITED_EVERY: Final = 20

MEMORY: Final = Path("/dev/shm")
"""What is rebuilt there is only read: its syncs may cost nothing."""


def recorded_book(folder: Path, *more: str) -> Book:
    """Two runs of a pen, the second one goes on where the first ended; every call of both is in the trace."""
    book = Book(folder / "book")
    for cycles in (CYCLES, CYCLES // 4):
        log = folder / "log"
        if not book.write(cycles, "--channels", str(CHANNELS), *more, prefix=recording(log)):
            raise Violated("the writer did not come to its end")
        with book.trace.open("a", encoding="ascii") as trace:
            trace.write(log.read_text(encoding="ascii", errors="replace"))
    return book


def replayed(folder: Path, how_many: int, rng: Random, *more: str) -> Outcome:
    """So many cuts of one recording; a store that does not open is Violated. more: options of the pen."""
    book = recorded_book(folder, *more)
    recorded = steps(book.trace, book.folder)
    records = lost = doubled = 0
    whole = book.said
    for number, cut in enumerate(cuts(recorded, how_many, rng)):
        book.said = cut.said
        book.said.signed = whole.signed
        place = (MEMORY if MEMORY.is_dir() else folder) / f"tram-cut-{os.getpid()}"
        path = rebuild(cut, book, place)
        if path.exists():
            proof = book.prove(path, signatures=number % AUDITED_EVERY == 0)
            records, lost, doubled = records + proof.records, lost + proof.lost, doubled + proof.doubled
        else:
            lost += len(cut.said.acknowledged)
        shutil.rmtree(place, ignore_errors=True)
    words = f"{how_many} power cuts in {len(recorded)} recorded calls, sectors of 512 B kept, dropped or torn"
    return Outcome(words, records, lost, doubled, None)


def cut_short(folder: Path, rng: Random) -> Outcome:
    """Some cuts."""
    return replayed(folder, 150, rng)


def cut_often(folder: Path, rng: Random) -> Outcome:
    """Many cuts."""
    return replayed(folder, 2_000, rng)


ENDLESS: Final = 10**6
DISK: Final = "48m"
MOUNTS: Final = ("root", "mountns", "loop")


def on_ext4(rounds: int) -> Callable[[Path, Random], Outcome]:
    """A pen writes on it; its power is cut so many times."""

    def inject(folder: Path, rng: Random) -> Outcome:
        return written_on_ext4(folder, rounds, rng)

    return inject


def written_on_ext4(folder: Path, rounds: int, rng: Random, *more: str) -> Outcome:
    """One book that goes on from cut to cut. more: options of the pen."""
    place, disk = folder / "disk", folder / "0.img"
    records = lost = doubled = 0
    with own_mounts():
        with ext4(disk, place, size=DISK):
            book = Book(place)
            _cut_while_it_writes(book, disk, folder / "1.img", rng, *more)
        for number in range(1, rounds + 1):
            disk.unlink()
            disk = folder / f"{number}.img"
            with ext4(disk, place):
                proof = book.prove()
                records, lost, doubled = proof.records, lost + proof.lost, max(doubled, proof.doubled)
                if number < rounds:
                    _cut_while_it_writes(book, disk, folder / f"{number + 1}.img", rng, *more)
    acknowledged = len(book.said.acknowledged)
    unfinished = sum(len(hashes) > 1 for hashes in book.said.signed.values())
    note = f"{acknowledged} commits acknowledged, {unfinished} records signed anew under the seq of one that never left"
    words = f"{rounds} power cuts: the disk (ext4) copied while the writer stands still, and gone on with"
    return Outcome(words, records, lost, doubled, None, note)


def _cut_while_it_writes(book: Book, disk: Path, copy: Path, rng: Random, *more: str) -> None:
    """A pen writes until the power goes; the disk as it is then is in `copy`."""
    said = copy.with_suffix(".said")
    before = len(book.said.acknowledged)
    with said.open("wb") as out, (copy.parent / "errors").open("ab") as errors:
        pen = subprocess.Popen(book.command(ENDLESS, *more), stdout=out, stderr=errors, cwd=ROOT)
        try:
            until(lambda: said.read_bytes().count(b"OK") > rng.randrange(3, 60), "commits", within_s=60)
            time.sleep(rng.random() / 5)  # somewhere between two syncs
            stand_still(pen.pid)
            shutil.copyfile(disk, copy)
        finally:
            pen.kill()
            pen.wait()
    book.said.hear(said.read_text().splitlines())
    assert len(book.said.acknowledged) > before + 3, "nothing was written before the cut"


def stand_still(pid: int) -> None:
    """Returns when none of its threads runs any more, a sync that has begun included."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


GAUGES: Final = 2
EVERY_MS: Final = 150
CUTS: Final = 6


def agent_on_ext4(folder: Path, rng: Random) -> Outcome:
    """The whole station on it, every second cut with the broker away; each time the agent starts on the copy."""
    place, disks, longest_s = folder / "TEST_1", [folder / "0.img"], 0.0
    with (
        own_mounts(),
        _mounted(disks, place) as remounted,
        station_at(folder, gauges=GAUGES, every_ms=EVERY_MS) as station,
    ):
        station.trust()
        station.describe(station.receipted())
        subprocess.run(["sync", "-f", str(place)], check=True)  # the station file is an old one
        reckoning = Reckoning(station)
        agent = station.start()
        for number in range(1, CUTS + 1):
            station.arrives()
            if number % 2 == 0:
                station.stage.broker.stop()
            station.grows(rng.randrange(5, 25))
            time.sleep(rng.random() / 5)
            copy = folder / f"{number}.img"
            _cut(agent, reckoning, disks[-1], copy)
            remounted(copy)
            station.stage.broker.start()
            _nothing_left_before_its_commit(station, reckoning)
            agent, back_s = _started(station)
            longest_s = max(longest_s, back_s)
        station.arrives(within_s=60)
        found = reckoning.close(unsigned=GAUGES * CUTS)
        boots = [boot.reason for boot in reckoning.boots()]
        agent.kill()
    reasons = [BootReason.ENROLMENT, *[BootReason.UNCLEAN_STOP] * CUTS]
    assert boots == reasons, f"boots: {boots}"
    assert found.ledgers == 1, f"{found.ledgers} ledgers"
    words = f"{CUTS} power cuts of the whole station: its disk (ext4) copied while it stands still, and gone on with"
    note = f"one ledger; the centre never had what the disk had not; {found.unsigned} answers unsigned at the cuts"
    return Outcome(words, found.records, found.lost, found.doubled, longest_s, note)


@contextmanager
def _mounted(disks: list[Path], place: Path) -> Iterator[Callable[[Path], None]]:
    """A new disk, and a function that puts another one in its place."""
    with ExitStack() as now:
        now.enter_context(ext4(disks[0], place, size=DISK))

        def instead(other: Path) -> None:
            now.close()
            disks.append(other)
            now.enter_context(ext4(other, place))

        yield instead


def _cut(agent: Process, reckoning: Reckoning, disk: Path, copy: Path) -> None:
    """What is durable is seen while everything stands still; then the disk is copied and the power goes."""
    stand_still(agent.pid)
    try:
        reckoning.look()
        shutil.copyfile(disk, copy)
    finally:
        agent.kill()


def _nothing_left_before_its_commit(station: Station, reckoning: Reckoning) -> None:
    """All that was seen durable is on the copy, and all that came to the centre: no seq can get a second content."""
    here = {(row.ledger, row.seq): row.envelope for row in station.rows()}
    lost = [place[1] for place, envelope in reckoning.seen.items() if here.get(place) != envelope]
    assert not lost, f"durable before the cut and not there after it: {lost[:9]}"
    time.sleep(1.0)  # what was under way to the centre
    left = station.at_the_centre() - set(here.values())
    assert not left, f"{len(left)} records are at the centre and not on the disk"


def _started(station: Station) -> tuple[Process, float]:
    """The agent, and the seconds from its start to its first reading in the store."""
    before, began_s = station.readings(), time.monotonic()
    agent = station.start()
    until(lambda: station.readings() > before, "a reading in the store")
    return agent, time.monotonic() - began_s


FAULTS: Final = (
    Fault("power cut, replayed: a few", ("strace",), cut_short, short=True, about_s=8),
    Fault("power cut, replayed", ("strace",), cut_often, short=False, about_s=60),
    Fault("power cut, a copy of ext4: a pen", MOUNTS, on_ext4(12), short=False, about_s=30),
    Fault("power cut, a copy of ext4: the agent", MOUNTS, agent_on_ext4, short=False, about_s=60),
)
