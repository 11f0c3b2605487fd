"""What the comparison needs of a gateway: to be installed, configured, started, killed, and its values read."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from bench.stage import BenchError
from bench.trace import now_us

EVERY_S = 1


class NotHere(Exception):
    """This gateway cannot be had or made to run on this machine; the message says why."""


class Site(NamedTuple):
    """What a gateway is connected to: instruments by port, all of `channels` float32 values, and a broker."""

    ports: Sequence[int]
    channels: int
    broker_port: int


class Value(NamedTuple):
    """One value of a message: the device and channel by number, what it shows, and the gateway's own time for it, ms.

    Only differences between times are looked at, so that each gateway may have a clock of its own.
    """

    device: int
    channel: int
    value: float
    stamped_ms: float


class Peer:
    """One gateway. `home`: where it is installed; `work`: its configuration and store, new for each run."""

    name: ClassVar[str]
    storage: ClassVar[str]
    """What was set so that it loses as little as it can, for the reader of the table."""
    mqtt5: ClassVar[bool] = False
    """Whether it speaks MQTT 5 to the broker; else 3.1.1."""

    def __init__(self, home: Path, work: Path, site: Site) -> None:
        self.home = home
        self.work = work
        self.site = site
        self.began_us = 0
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> str:
        """Bring it into `home` when it is not there yet; its version. Raises NotHere."""
        raise NotImplementedError

    def configure(self) -> None:
        """Write the configuration into the empty `work`."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """The program itself, not a script around it: what is started is what is measured and killed."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What it needs besides our own environment."""
        return {}

    def accompany(self) -> None:
        """Start what belongs to it behind the broker; most need nothing there."""

    def leave(self) -> None:
        """End what `accompany` started."""

    def values(self, topic: str, payload: bytes) -> Iterator[Value]:
        """What a message of its contains; nothing when it is not one of its readings."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The number of the running process. BenchError when it has ended by itself."""
        if self._process is None or not self.runs:
            raise BenchError(f"{self.name} is not running: see {self.log}")
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it does."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.work / "output.log"

    def renew(self) -> None:
        """As on its first day: nothing stored. It must not run."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.configure()

    def start(self) -> None:
        """Start it with the store that is there."""
        self.began_us = now_us()
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.work,
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def kill(self) -> None:
        """`kill -9`, and of the processes that it has made. Safe to call twice."""
        if self._process is not None:
            for pid in (self._process.pid, *descendants(self._process.pid)):
                _kill(pid)
            self._process.wait()
            self._process = None


def descendants(pid: int) -> list[int]:
    """The processes that a process has made, and those that they have made."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (thread / "children").read_text().split()
        except OSError:  # the thread has ended
            continue
        for child in map(int, children):
            found += [child, *descendants(child)]
    return found


def run(command: Sequence[str], folder: Path, **environment: str) -> None:
    """A step of an installation. Raises NotHere with its last words."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    (folder / "install.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise NotHere(f"{command[0]} {command[1]} failed: {words[-1][:200]}")


def program(name: str) -> str:
    """Where a program is. Raises NotHere."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise NotHere(f"{name} is not installed")
    return path


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 9)
