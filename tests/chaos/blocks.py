"""A card whose writes fail: a block device with errors of its own, and the kernel's way to deal with them.

    ext4 ── loop device ── nbdfuse ── nbdkit, its filter "error" ── a file, which is what is truly on the card

After a write that failed, Linux takes its page for clean: the next fdatasync says that all is well, and nothing was
written (measured: the third of three syncs in a row succeeds while every write still fails). Failing calls
(tests.chaos.disk) cannot show that. So, when all is over, the power goes too, and the card is looked at.

The journal of the file system is on a sound device: without one ext4 goes read-only until it is mounted anew.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Final

from agent.rehearsal import Process
from tests.chaos.disk import EVERY_MS, GAUGES, HOLDS_S, going, longest_wait_s, through
from tests.chaos.fault import Fault, Outcome
from tests.chaos.mounts import own_mounts
from tests.chaos.power import stand_still
from tests.system.patience import until

SIZE: Final = "48m"
TIMES: Final = 3


class Card:
    """Its `file` is what is on it; while `trigger` is there, every write to it fails. `journal` is another device."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "card.img"
        self.journal = folder / "journal.img"
        self.trigger = folder / "failing"
        self.log = folder / "card.log"

    def refused(self) -> int:
        """Writes that failed."""
        return self.log.read_text(errors="replace").count("injecting EIO error into pwrite")


@contextmanager
def card_at(folder: Path, place: Path) -> Iterator[Card]:
    """A new card, mounted."""
    card, shown = Card(folder), folder / "shown"
    shown.mkdir()
    with ExitStack() as undo:
        _run("truncate", "-s", SIZE, str(card.file), str(card.journal))
        journal = undo.enter_context(_looped(card.journal))
        _run("mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "journal_dev", journal)
        _run("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-J", f"device={journal}", str(card.file))
        errors = ("error-pwrite=EIO", "error-pwrite-rate=100%", f"error-pwrite-file={card.trigger}")
        command = ["nbdfuse", str(shown / "disk"), "--socket-activation"]
        with card.log.open("wb") as log:
            fuse = subprocess.Popen(
                [*command, "nbdkit", "--filter=error", "file", str(card.file), *errors],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        undo.callback(_ended, fuse)
        until((shown / "disk").exists, "the card")
        undo.enter_context(_mounted(undo.enter_context(_looped(shown / "disk")), journal, place))
        yield card


@contextmanager
def copied_at(folder: Path, card: Card, place: Path) -> Iterator[None]:
    """What is on the card and its journal now, mounted as after a power cut."""
    copies = [shutil.copyfile(file, folder / f"{file.stem}-copy.img") for file in (card.file, card.journal)]
    with _looped(copies[0]) as device, _looped(copies[1]) as journal, _mounted(device, journal, place):
        yield


@contextmanager
def _looped(file: Path) -> Iterator[str]:
    device = _run("losetup", "--show", "-f", str(file))
    try:
        yield device
    finally:
        _run("losetup", "-d", device)


@contextmanager
def _mounted(device: str, journal: str, place: Path) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    _run("mount", "-o", f"journal_path={journal}", device, str(place))
    try:
        yield
    finally:
        _run("umount", "-l", str(place))


def failing(folder: Path, rng: Random) -> Outcome:
    """Some seconds of errors, some times; each time the store is back by itself; at last a power cut."""
    place = folder / "TEST_1" / "data"
    with own_mounts(), card_at(folder, place) as card, going(folder) as (station, reckoning):
        agent, longest_s = station.start(), 0.0

        def trouble(agent: Process) -> float:
            said = agent.said().count("store.failing")
            # What the file system has to write itself can then wait for 30 s. It may tell of the errors before.
            subprocess.run(["sync", "-f", str(place)], check=False, capture_output=True)
            card.trigger.touch()
            until(lambda: agent.said().count("store.failing") > said, "a failing store", within_s=60)
            time.sleep(HOLDS_S + rng.random())
            card.trigger.unlink()
            return time.monotonic()

        for _ in range(TIMES):
            found, back_s = through(station, reckoning, trouble, agent)
            longest_s = max(longest_s, back_s)
        refused, waited_s = card.refused(), longest_wait_s(station.plant.answers())
        assert refused > TIMES, f"{refused} writes failed"
        station.stage.broker.stop()
        station.grows(10)
        stand_still(agent.pid)
        reckoning.look()
        with copied_at(folder, card, place):
            agent.kill()
            here = {(row.ledger, row.seq): row.envelope for row in station.rows()}
            lost = [place[1] for place, envelope in reckoning.seen.items() if here.get(place) != envelope]
            assert not lost, f"called durable, and not on the card: {lost[:9]}"
            station.stage.broker.start()
            station.start()
            station.arrives(within_s=60)
            found = reckoning.close(unsigned=GAUGES)
            station.stage.agents[station.name].kill()
    words = (
        f"every write to the block device fails, {TIMES} x {HOLDS_S:g} s ({refused} writes), then a power cut"
    )
    note = f"longest time between two polls {waited_s:.2f} s (period {EVERY_MS / 1_000:g} s)"
    return Outcome(words, found.records, found.lost, found.doubled, longest_s, note)


def _ended(fuse: subprocess.Popen[bytes]) -> None:
    fuse.terminate()
    fuse.wait(timeout=20)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


NEEDS: Final = ("root", "mountns", "loop", "nbdkit", "nbdfuse", "fusermount3")

FAULTS: Final = (Fault("write errors of the block device", NEEDS, failing, short=False, about_s=50),)
