"""System calls that fail: the first one, the second one ... until a run has so few that none is left to fail.

The agent's writing half alone, because each call is one run: its file new, and its file already there.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from tests.chaos.book import Book, Proof
from tests.chaos.fault import Fault, Outcome, Violated
from tests.chaos.trace import tampering

CYCLES: Final = 3
AT_ONCE: Final = 2
MOST: Final = 500


class Sweep(NamedTuple):
    """One kind of failure: which call, and what strace does to it. `fatal`: the process does not outlive it.

    `only_store`: on the store's own files only; a program's start reads many others.
    """

    name: str
    call: str
    fault: str
    fatal: bool = False
    only_store: bool = False


SWEEPS: Final = (
    Sweep("fdatasync fails (EIO)", "fdatasync", "error=EIO"),
    Sweep("fsync of folders and small files fails (EIO)", "fsync", "error=EIO"),
    Sweep("write fails (EIO)", "pwrite64", "error=EIO"),
    Sweep("write finds no room (ENOSPC)", "pwrite64", "error=ENOSPC"),
    Sweep("write writes nothing (short write)", "pwrite64", "retval=0"),
    Sweep("read fails (EIO)", "pread64", "error=EIO", only_store=True),
    Sweep("cutting the file fails (EIO)", "ftruncate", "error=EIO"),
    Sweep("kill -9 in the middle of a write", "pwrite64", "signal=SIGKILL", fatal=True),
    Sweep("kill -9 before a sync", "fdatasync", "signal=SIGKILL", fatal=True),
)


class Tried(NamedTuple):
    """One run with its n-th call spoilt."""

    hit: bool
    proof: Proof


def spoil(book: Book, sweep: Sweep, at: int) -> Tried:
    """Let a pen write with its n-th call spoilt, and prove the store. `hit`: there was an n-th call."""
    only = (book.path, book.path.with_name("ledger.db-wal")) if sweep.only_store else ()
    prefix = tampering(sweep.call, f"{sweep.fault}:when={at}", only, log=book.trace)
    done = book.write(CYCLES, prefix=prefix)
    hit = not done if sweep.fatal else "(INJECTED)" in book.trace.read_text(errors="replace")
    if not done and not sweep.fatal:
        last = (book.folder / "errors").read_text().strip().splitlines()[-1:]
        raise Violated(f"{sweep.name}: call {at} ended the writer: {last}; see {book.folder}")
    return Tried(hit, book.prove())


def whole(sweep: Sweep) -> Callable[[Path, Random], Outcome]:
    """Every call, of a run that makes its file and of runs that go on with it."""

    def inject(folder: Path, rng: Random) -> Outcome:
        fresh = list(_fresh(folder / "fresh", sweep))
        book = Book(folder / "going on")
        book.write(CYCLES)
        going_on = list(_until_clean(lambda at: spoil(book, sweep, at)))
        if not book.write(CYCLES):
            raise Violated("the writer does not go on after the last fault")
        last = book.prove()
        words = f"{sweep.call} {sweep.fault}, call 1 to {len(fresh)} of a new file, 1 to {len(going_on)} of an old one"
        return _outcome(words, [*fresh, *going_on, Tried(False, last)])

    return inject


def a_few(*sweeps: Sweep) -> Callable[[Path, Random], Outcome]:
    """Some calls of each, by chance, on one file."""

    def inject(folder: Path, rng: Random) -> Outcome:
        book = Book(folder)
        tried = [spoil(book, sweep, rng.randrange(8, 30)) for sweep in sweeps]
        book.write(CYCLES)
        words = ", ".join(f"{sweep.call} {sweep.fault}" for sweep in sweeps)
        return _outcome(f"one of each: {words}", [*tried, Tried(False, book.prove())])

    return inject


def _fresh(folder: Path, sweep: Sweep) -> Iterator[Tried]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for first in range(1, MOST, AT_ONCE):
            numbers = range(first, first + AT_ONCE)
            tried = list(pool.map(lambda at: spoil(Book(folder / str(at)), sweep, at), numbers))
            yield from [one for one in tried if one.hit]
            if not all(one.hit for one in tried):
                return


def _until_clean(spoilt: Callable[[int], Tried]) -> Iterator[Tried]:
    for at in count(1):
        tried = spoilt(at)
        if not tried.hit or at == MOST:
            return
        yield tried


def _outcome(words: str, tried: list[Tried]) -> Outcome:
    proofs = [one.proof for one in tried]
    if not any(one.hit for one in tried):
        raise Violated("no call was ever spoilt")
    return Outcome(
        words,
        records=sum(proof.records for proof in proofs),
        lost=sum(proof.lost for proof in proofs),
        doubled=sum(proof.doubled for proof in proofs),
        recovery_s=None,
        note=f"{sum(one.hit for one in tried)} runs",
    )


FAULTS: Final = (
    *(Fault(f"n-th call: {s.name}", ("strace",), whole(s), short=False, about_s=60) for s in SWEEPS),
    Fault("n-th call: a few of each", ("strace",), a_few(*SWEEPS), short=True, about_s=8),
)
