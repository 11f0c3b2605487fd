"""The power goes: recorded writes played back to random moments, and a copy of a real file system taken at one."""

import os
import shutil
from pathlib import Path
from random import Random
from typing import Final

from tests.chaos.book import Book
from tests.chaos.cut import cuts, rebuild, recording, steps
from tests.chaos.fault import Fault, Outcome, Violated

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


FAULTS: Final = (
    Fault("power cut, replayed: a few", ("strace",), cut_short, short=True, about_s=8),
    Fault("power cut, replayed", ("strace",), cut_often, short=False, about_s=60),
)
