"""A process seen from outside, by what Linux says of it in /proc, and its store by the header of its log's index."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

KIB = 1024


class Usage(NamedTuple):
    """Counted since the process began. `disk_bytes` is 0 on a file system in memory; `file_bytes` is not."""

    cpu_ns: int
    disk_bytes: int
    file_bytes: int
    commits: int

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(*(now - then for now, then in zip(self, before, strict=True)))


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `peak` and `now` count shared libraries too; `own` is what no other process shares."""

    peak: int
    now: int
    own: int


def usage(pid: int, store: Path | None = None) -> Usage:
    """What the process has used so far; `store`: its database, for the commits."""
    counts = dict(line.split(": ") for line in _lines(pid, "io"))
    commits = commits_of(store) if store else 0
    return Usage(cpu_ns(pid), int(counts["write_bytes"]), int(counts["wchar"]), commits)


def cpu_ns(pid: int) -> int:
    """Time on a CPU of all its threads, user and system, ns.

    From schedstat, because utime and stime count whole ticks of 10 ms; from those where the kernel has no schedstat.
    """
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    try:
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
    except FileNotFoundError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> Memory:
    """Resident memory."""
    said = dict(line.split(":", 1) for line in _lines(pid, "status"))
    peak, now, own = (int(said[name].split()[0]) * KIB for name in ("VmHWM", "VmRSS", "RssAnon"))
    return Memory(peak, now, own)


def commits_of(store: Path) -> int:
    """Transactions written since the store was opened: iChange of the WAL index (SQLite, walformat 2.1)."""
    shm = store.with_name(store.name + "-shm")
    with shm.open("rb") as file:
        changes: int = struct.unpack_from("=I", file.read(12), 8)[0]
    return changes


def file_system(path: Path) -> str:
    """The type of the file system that `path` is on, such as ext4 or tmpfs."""
    device = path.stat().st_dev
    for line in _lines("self", "mountinfo"):
        fields = line.split()
        if fields[2] == f"{os.major(device)}:{os.minor(device)}":
            return fields[fields.index("-") + 1]
    return "unknown"


def _lines(pid: int | str, name: str) -> list[str]:
    return Path(f"/proc/{pid}/{name}").read_text().splitlines()
