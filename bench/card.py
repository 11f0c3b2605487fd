"""A card: an ext4 file system of its own in a file, whose writes the kernel counts block by block.

What a process is charged with (`write_bytes` of /proc/PID/io) leaves out the file system's journal; a card does not.
Needs root, a loop device and mkfs.ext4.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZE = "256m"
SECTOR_BYTES = 512
SECTORS_WRITTEN = 6
"""Field of /sys/block/DEVICE/stat (Documentation/block/stat.rst)."""


@dataclass(frozen=True, slots=True)
class Card:
    """Mounted at `place`."""

    place: Path
    device: str

    def written(self) -> int:
        """Bytes that have reached the card since it was put in, the file system's own included."""
        _run("sync", "-f", str(self.place))
        fields = Path(f"/sys/block/{self.device}/stat").read_text().split()
        return int(fields[SECTORS_WRITTEN]) * SECTOR_BYTES


def why_not() -> str:
    """Why there can be no card here; "" when there can."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("mkfs.ext4") is None:
        return "mkfs.ext4 (e2fsprogs) is not installed"
    found = subprocess.run(["losetup", "-f"], capture_output=True, check=False)
    return "" if found.returncode == 0 else "there is no loop device"


@contextmanager
def put_in(folder: Path) -> Iterator[Card]:
    """A fresh one, until the end of the block."""
    image, place = folder / "card.img", folder / "card"
    place.mkdir(parents=True)
    _run("truncate", "-s", SIZE, str(image))
    _run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
    _run("mount", "-o", "loop,noatime", str(image), str(place))
    try:
        source = _run("findmnt", "-no", "SOURCE", str(place)).strip()
        yield Card(place, Path(source).name)
    finally:
        _run("umount", str(place))
        image.unlink()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
