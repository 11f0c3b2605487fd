"""Small disks of our own: in memory, or ext4 in a file. Nobody else sees them, and they end with us."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

CLONE_NEWNS: Final = 0x0002_0000


@contextmanager
def own_mounts() -> Iterator[None]:
    """What this thread mounts, only it and what it starts can see."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        _run("mount", "--make-rprivate", "/")
        yield
    finally:
        here = Path.cwd()
        back = libc.setns(before, CLONE_NEWNS)
        os.close(before)
        os.chdir(here)
        assert back == 0, "there is no way back to the mounts of before"


@contextmanager
def in_memory(place: Path, size: str) -> Iterator[None]:
    """A disk of this size ("1m") in memory; no blocks are held back on it."""
    place.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    try:
        yield
    finally:
        _run("umount", "-l", str(place))


def resize(place: Path, size: str) -> None:
    """Give a disk in memory another size."""
    _run("mount", "-o", f"remount,size={size}", str(place))


@contextmanager
def ext4(image: Path, place: Path, *, size: str | None = None) -> Iterator[None]:
    """The file system in this file; made anew when a size is given."""
    place.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        if size is not None:
            _run("truncate", "-s", size, str(image))
            _run("mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", str(image))
        _run("mount", "-o", "loop", str(image), str(place))
        undo.callback(_run, "umount", "-l", str(place))
        yield


@contextmanager
def bound(file: Path, place: Path) -> Iterator[None]:
    """Who opens `place` finds this file there."""
    _run("mount", "--bind", str(file), str(place))
    try:
        yield
    finally:
        _run("umount", "-l", str(place))


def fill(place: Path) -> Path:
    """Take all the room there is; the file that takes it."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        piece = 65_536
        while piece >= 512:
            try:
                file.write(bytes(piece))
            except OSError:
                piece //= 2
    return ballast


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
