"""The gateway as an instrument: a bus that opens nothing, and a reader of /proc and /sys below any root folder."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from drivers.endpoint import ThisMachine
from drivers.errors import DriverError
from drivers.kernel_clock import KernelClock, kernel_clock
from drivers.turns import BusStats

MOST_BYTES = 65_536


class Lacking(DriverError):
    """This machine does not have what was asked for."""


class Disk(NamedTuple):
    """Bytes of a file system: `free` for programs without privileges, `used`, and blocks kept for root in neither."""

    free: int
    used: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What a driver may ask of the machine. Files are small and the kernel's own: reading them waits for nobody."""

    root: Path
    mono_ms: Callable[[], int]
    clock: Callable[[], KernelClock] = kernel_clock

    def text(self, path: str) -> str:
        """A file's content without the blanks around it. Lacking: there is none, or it cannot be read."""
        try:
            with (self.root / path).open("rb") as file:
                return file.read(MOST_BYTES).decode("utf-8", "replace").strip()
        except OSError as error:
            raise Lacking(f"/{path}: {error.strerror}") from None

    def folders(self, path: str) -> list[str]:
        """The paths of what lies in a folder, sorted; none when there is no such folder."""
        try:
            return [f"{path}/{name}" for name in sorted(entry.name for entry in (self.root / path).iterdir())]
        except OSError:
            return []

    def disk(self, path: str) -> Disk:
        """The file system that holds this folder. Lacking: no such folder."""
        try:
            found = os.statvfs(self.root / path.lstrip("/"))
        except OSError as error:
            raise Lacking(f"{path}: {error.strerror}", hint="disk = names a folder") from None
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        return Disk(found.f_bavail * found.f_frsize, used)


class MachineBus:
    """For the devices of a line `local://`: nothing to open, nothing to wait for."""

    def __init__(self, where: ThisMachine, mono_ms: Callable[[], int]) -> None:
        self.machine = Machine(Path(where.root), mono_ms)
        self._stats = BusStats(is_open=True)

    async def __aenter__(self) -> Self:
        """Nothing to do."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to do."""

    @property
    def stats(self) -> BusStats:
        """Always open, without a count."""
        return replace(self._stats)
