"""What was served: the simulators' own account, to compare with what arrives at the other end.

One line of JSON per answer, in the order in which the answers left: `values` are what a right reader makes
of the words, scaled. `sent` is false when a fault swallowed the answer; an answer with `faults` may have
left damaged. Words and values are empty for refusals and writes. `told`: an instrument that talks by itself said it.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from drivers.protocols.modbus import Value


class Served(NamedTuple):
    """One answer. `number` counts all answers from 1, `asked_mono_ms` is when the values were taken."""

    number: int
    asked_mono_ms: int
    mono_ms: int
    wire: str
    device: str
    unit: int
    function: int
    address: int
    exception: int
    words: tuple[int, ...]
    values: Mapping[str, Value]
    faults: tuple[str, ...]
    sent: bool
    told: bool = False


class ServedLog:
    """Keeps the last `keep` answers in memory and writes all of them to `stream`, if there is one."""

    def __init__(self, stream: TextIO | None = None, *, keep: int = 10_000) -> None:
        self.kept: deque[Served] = deque(maxlen=keep)
        self.count = 0
        self._stream = stream

    def add(self, served: Served) -> None:
        """Write it down, with the next number in place of its own."""
        self.count += 1
        served = served._replace(number=self.count)
        self.kept.append(served)
        if self._stream is not None:
            # Flushed per line: the reader is another process, and it may come at any moment.
            self._stream.write(json.dumps(served._asdict(), separators=(",", ":"), ensure_ascii=False) + "\n")
            self._stream.flush()


@contextmanager
def log_to(path: Path, *, keep: int = 0) -> Iterator[ServedLog]:
    """A log that adds to the file at `path`."""
    with path.open("a", encoding="utf-8") as stream:
        yield ServedLog(stream, keep=keep)


def read(path: Path) -> Iterator[Served]:
    """The answers of a log file; a last line that is still being written is left out."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            if line.endswith("\n"):
                row = json.loads(line)
                yield Served(**row | {"words": tuple(row["words"]), "faults": tuple(row["faults"])})
