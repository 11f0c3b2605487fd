"""A `tram` command that asks, at a terminal, and whoever answers it."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

QUIET_S = 0.05
"""After a blank at the end: a question, and not the middle of a line."""


def answered(
    words: Sequence[str],
    answers: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    patience_s: float,
) -> str:
    """What the terminal shows in the end, questions and answers. A question ends with a blank and waits."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", *words],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said, left = b"", list(answers)
    while heard := _heard(ours, process, patience_s):
        said += heard
        if said.endswith(b" ") and left and not select.select([ours], [], [], QUIET_S)[0]:
            os.write(ours, left.pop(0).encode() + b"\n")
    os.close(ours)
    text = said.decode().replace("\r\n", "\n")
    assert (process.wait(), left) == (0, []), text
    return text


def _heard(terminal: int, process: subprocess.Popen[bytes], patience_s: float) -> bytes:
    """Empty: it is over. A terminal whose far end is closed is an error on Linux."""
    if not select.select([terminal], [], [], patience_s)[0]:
        process.kill()
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
