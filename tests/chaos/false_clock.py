"""A wall clock that is wrong, for one process: CLOCK_REALTIME alone is shifted, by what a file says at that moment.

faketime also touches the other clocks' waits (with 0.9.10 and the monotonic clock spared, Python's sleep fails with
EINVAL), so this is a library of our own (false_clock.c), built when it is needed.
"""

import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("false_clock.c")
TRUTH, UNSYNCHRONISED, SYNCHRONISED = 0, 1, 2
"""What the kernel says of the clock."""


class FalseClock:
    """Made right; the processes that are started with `environment` have it."""

    def __init__(self, folder: Path, *, shift_ms: int = 0, state: int = UNSYNCHRONISED) -> None:
        self._file = folder / "clock"
        self._library = folder / "false_clock.so"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O2", "-o", str(self._library), str(SOURCE)],
            check=True, capture_output=True,
        )  # fmt: skip
        self._file.write_bytes(bytes(16))
        self.shift_ms, self.state = shift_ms, state
        self.set(shift_ms, state)

    @property
    def environment(self) -> Mapping[str, str]:
        """For a process that shall believe it."""
        return {"LD_PRELOAD": str(self._library), "FALSE_CLOCK": str(self._file)}

    def set(self, shift_ms: int, state: int | None = None) -> None:
        """From now on so many ms before or after the truth; `state`: also what the kernel says of it."""
        self.shift_ms = shift_ms
        self.state = self.state if state is None else state
        with self._file.open("r+b") as file:
            file.write(struct.pack("=qq", shift_ms * 1_000_000, self.state))
