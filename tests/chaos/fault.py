"""What a fault is, what it left behind, and what it needs to be possible here."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from tests.brokers import mosquitto_path


class Violated(AssertionError):
    """An invariant does not hold after the fault."""


class Outcome(NamedTuple):
    """What happened. `injected` in words and numbers; `records`: looked at afterwards, one by one.

    `lost`: records that were durable, or numbered, and are neither in the store nor at the centre nor named by a
    tombstone or recovery record. `doubled`: a seq with two hashes, or a value stored twice. `recovery_s`: from the
    fault's end until the station does all of its work again, the longest of all rounds; None: nothing had to recover.
    """

    injected: str
    records: int
    lost: int
    doubled: int
    recovery_s: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. `inject` gets an empty folder and its own dice; it raises Violated, or AssertionError.

    `needs`: tools by name, or "root", "netns", "mountns", "loop". `short`: also part of the tests. `about_s`: how long
    it takes.
    """

    name: str
    needs: tuple[str, ...]
    inject: Callable[[Path, Random], Outcome]
    short: bool
    about_s: int


def missing(needs: Iterable[str]) -> str:
    """Why a fault cannot be rehearsed here, for a person; "" when it can."""
    return ", ".join(_WHY.get(need, f"{need} is not installed") for need in needs if not _is_met(need))


def _succeeds(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, check=False, capture_output=True, timeout=20).returncode == 0


_PROBES: Final[Mapping[str, Callable[[], bool]]] = {
    "root": lambda: os.geteuid() == 0,
    "netns": lambda: _succeeds("unshare", "-n", "ip", "link", "set", "lo", "up"),
    "mountns": lambda: _succeeds("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"),
    "loop": lambda: _succeeds("losetup", "-f") and shutil.which("mkfs.ext4") is not None,
    "strace": lambda: _succeeds("strace", "--seccomp-bpf", "-f", "-o", "/dev/null", "true"),
    "mosquitto": lambda: mosquitto_path() is not None,
}
_WHY: Final[Mapping[str, str]] = {
    "root": "needs root",
    "netns": "no network namespace may be made here (unshare -n, iproute2)",
    "mountns": "no mount namespace may be made here (unshare -m)",
    "loop": "no loop device, or no mkfs.ext4 (e2fsprogs), here",
    "strace": "strace is not installed, or may not trace here",
}


@cache
def _is_met(need: str) -> bool:
    return _PROBES.get(need, lambda: shutil.which(need) is not None)()
