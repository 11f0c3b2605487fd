"""Power cuts by replay: what a pen wrote is recorded, call by call, and rebuilt as a disk may have kept it.

A write that a sync of its file followed is on the disk. Of the others each sector (512 bytes) is kept or not, by
chance, and one may be torn: half of it new. A name, a size and a removal are kept when any sync at all followed,
as file systems with a journal do, and else by chance, in their order.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from tests.chaos.book import Book, Said

SECTOR: Final = 512
RECORDED: Final = "pwrite64,write,fdatasync,fsync,ftruncate,unlink,unlinkat,rename,openat,open"


class Step(NamedTuple):
    """One call, as recorded. `at`: an offset or a length; for "rename" `data` is the new name."""

    what: str
    path: str
    at: int = 0
    data: bytes = b""


def recording(log: Path) -> tuple[str, ...]:
    """A command's prefix."""
    return (
        "strace",
        "--seccomp-bpf",
        "-f",
        "-y",
        "-xx",
        "-s",
        "1000000",
        "-o",
        str(log),
        "-e",
        f"trace={RECORDED}",
    )


_CALL: Final = re.compile(r"\d+ +(\w+)\((.*)\) += (-?\d+)")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE: Final = re.compile(r"\d+<((?:\\x[0-9a-f]{2})*)>")


def steps(log: Path, folder: Path) -> list[Step]:
    """What was done to files below the folder, and what was printed, in order."""
    found: list[Step] = []
    pieces: dict[str, str] = {}
    for line in log.read_text(encoding="ascii", errors="replace").splitlines():
        process = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            pieces[process] = line.removesuffix("<unfinished ...>")
            continue
        if " resumed>" in line:
            line = pieces.pop(process, "") + line.partition(" resumed>")[2]  # noqa: PLW2901
        call = _CALL.match(line)
        if call and int(call[3]) >= 0:
            found += _step(call[1], call[2], int(call[3]), str(folder))
    return found


def _step(name: str, arguments: str, result: int, folder: str) -> Iterator[Step]:
    texts = [_bytes(text) for text in _TEXT.findall(arguments)]
    described = _FILE.match(arguments)
    path = _bytes(described[1]).decode() if described else texts[0].decode() if texts else ""
    if name == "write" and arguments.startswith("1<"):
        yield Step("print", "", data=texts[0])
    elif not path.startswith(folder) and not (name.startswith(("open", "unlinkat")) and texts):
        return
    elif name == "pwrite64":
        yield Step("write", path, int(arguments.rsplit(", ", 1)[1]), texts[0][:result])
    elif name in {"fdatasync", "fsync"}:
        yield Step("sync", path)
    elif name == "ftruncate":
        yield Step("cut", path, int(arguments.rsplit(", ", 1)[1]))
    elif name == "unlink":
        yield Step("remove", path)
    elif name == "openat" and "O_CREAT" in arguments and texts[0].decode().startswith(folder):
        yield Step("make", texts[0].decode())


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@dataclass(slots=True)
class Medium:
    """One file: `kept` is on the disk for sure, `waiting` is not."""

    kept: bytearray = field(default_factory=bytearray)
    waiting: list[Step] = field(default_factory=list)


class Disk:
    """Takes steps; gives what a power cut after them leaves."""

    def __init__(self) -> None:
        self._files: dict[str, Medium] = {}
        self._removed: dict[str, Medium] = {}
        self._fresh: set[str] = set()

    def do(self, step: Step) -> None:
        """The next call."""
        if step.what == "make" and step.path not in self._files:
            self._files[step.path] = Medium()
            self._fresh.add(step.path)
        elif step.what == "remove" and step.path in self._files:
            self._removed[step.path] = self._files.pop(step.path)
        elif step.what in {"write", "cut"} and step.path in self._files:
            self._files[step.path].waiting.append(step)
        elif step.what == "sync":
            self._sync(step.path)

    def left(self, rng: Random) -> dict[str, bytes]:
        """By path, what is found after the cut."""
        found = {}
        for path, medium in self._removed.items():
            if rng.random() < 0.5:
                found[path] = _left(medium, rng)
        for path, medium in self._files.items():
            if path not in self._fresh or rng.random() < 0.5:
                found[path] = _left(medium, rng)
        return found

    def _sync(self, path: str) -> None:
        self._fresh.clear()
        self._removed.clear()
        for medium in self._files.values():  # sizes are the journal's
            last = max((n for n, step in enumerate(medium.waiting, 1) if step.what == "cut"), default=0)
            for step in medium.waiting[:last]:
                if step.what == "cut":
                    _apply(medium.kept, step)
            medium.waiting = [
                s for s in medium.waiting[:last] if s.what == "write" and s.at < len(medium.kept)
            ] + (medium.waiting[last:])
        if path in self._files:
            medium = self._files[path]
            for step in medium.waiting:
                _apply(medium.kept, step)
            medium.waiting.clear()


def _left(medium: Medium, rng: Random) -> bytes:
    content = bytearray(medium.kept)
    chance = rng.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    for step in medium.waiting:
        if step.what == "cut":
            if rng.random() < chance:
                _apply(content, step)
            continue
        for offset in range(0, len(step.data), SECTOR):
            sector = step.data[offset : offset + SECTOR]
            if rng.random() < chance:
                torn = rng.random() < 0.05
                _apply(
                    content,
                    Step("write", "", step.at + offset, sector[: len(sector) // 2] if torn else sector),
                )
    return bytes(content)


def _apply(content: bytearray, step: Step) -> None:
    if step.what == "cut":
        del content[step.at :]
        content.extend(bytes(step.at - len(content)))
        return
    if len(content) < step.at:
        content.extend(bytes(step.at - len(content)))
    content[step.at : step.at + len(step.data)] = step.data


class Cut(NamedTuple):
    """The power went after so many steps: what was found, what had been said."""

    after: int
    files: dict[str, bytes]
    said: Said


def cuts(recorded: Sequence[Step], how_many: int, rng: Random) -> Iterator[Cut]:
    """At random moments, each played from the beginning of time only once."""
    moments = sorted(rng.randrange(len(recorded) + 1) for _ in range(how_many))
    disk, said, done = Disk(), Said(), 0
    for moment in moments:
        for step in recorded[done:moment]:
            disk.do(step)
            if step.what == "print":
                said.hear(step.data.decode().splitlines())
        done = moment
        yield Cut(moment, disk.left(rng), said)


def rebuild(cut: Cut, book: Book, folder: Path) -> Path:
    """Put what was found into a folder; gives the store's path there."""
    for path, content in cut.files.items():
        place = folder / Path(path).relative_to(book.folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder / "data" / "ledger.db"
