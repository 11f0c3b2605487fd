"""Real processes on one machine: broker, centre and agents, started and killed as in the field.

The demo, the crash rounds and the bench are plays on this stage. Everything listens on loopback only and ends with
`close`, by process id.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from buffer.snapshot import open_snapshot
from mqtt.broker import Broker, parse_url
from mqtt.local_broker import BrokerProcess, LocalBroker
from mqtt.session import connect
from telemetry import keyfile
from telemetry.keys import fingerprint

START_S = 20.0


class RehearsalError(Exception):
    """Something on the stage did not do its part in time."""


def refuse_what_is_there(folder: Path) -> None:
    """RehearsalError unless the folder is empty or still to be made: what is in it would be part of the play."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        wrong = "is not empty" if folder.is_dir() else "is a file"
        raise RehearsalError(f"{folder} {wrong}, give --keep an empty folder or a name that is free")


def signed(database: Path) -> int:
    """Records in a station's own ledgers."""
    with open_snapshot(database) as store:
        return sum(ledger.next_seq - 1 for ledger in store.ledgers())


class Process:
    """A `tram` command in a process of its own; what it says goes to the end of a log file.

    `prefix`: a command that runs it, such as setpriv. `environment`: variables beside ours.
    `folder`: where it runs, if not here.
    """

    def __init__(
        self,
        name: str,
        log: Path,
        *arguments: str,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        command = [*prefix, sys.executable, "-m", "agent", *arguments]
        with log.open("ab") as out:
            self._before_bytes = out.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=folder,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def send(self, sign: signal.Signals) -> None:
        """Such as SIGHUP."""
        self._process.send_signal(sign)

    def kill(self) -> None:
        """As a power cut does."""
        self._process.kill()
        self._process.wait()

    def stop(self, *, within_s: float = 10.0) -> int:
        """SIGTERM; gives the exit code. RehearsalError when it does not end."""
        if self.is_running():
            self._process.terminate()
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise RehearsalError(f"{self.name} did not stop within {within_s:g} s; see {self.log}") from error

    def wait_for(self, words: str, *, within_s: float = START_S) -> None:
        """Until its log has these words. RehearsalError with its last line when it ends or says nothing."""
        deadline = time.monotonic() + within_s
        while words not in self.said():
            if not self.is_running() or time.monotonic() > deadline:
                last = (self.said().strip().splitlines() or ["nothing"])[-1]
                raise RehearsalError(f"{self.name} never said {words!r}; its last line: {last}")
            time.sleep(0.02)

    def said(self) -> str:
        """What this process has said so far; not what an earlier one left in the same log."""
        return self.log.read_bytes()[self._before_bytes :].decode(errors="replace")


class Rehearsal:
    """A broker (None: the one that pip installs) and a centre in `folder`, and agents by station id."""

    def __init__(self, folder: Path, broker: BrokerProcess | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.centre_folder = folder / "centre"
        self.broker = broker or LocalBroker(folder / "broker")
        self.agents: dict[str, Process] = {}
        self.centre: Process | None = None
        self._is_over = False

    def __enter__(self) -> Self:
        self.broker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        for process in (*self.agents.values(), *([self.centre] if self.centre else [])):
            process.kill()
        self.broker.close()

    def start_centre(self, *options: str) -> Process:
        """Serve; returns when it receives."""
        arguments = ("central", "serve", str(self.centre_folder), "--broker", self.broker.url, *options)
        self.centre = Process("the centre", self.folder / "centre.log", *arguments)
        self.centre.wait_for("ready: receiving")
        return self.centre

    def centre_key(self) -> Path:
        """What a station pins."""
        return self.centre_folder / "centre.pub"

    def start_agent(
        self,
        station: str,
        file: Path,
        *,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """`tram run` on a station file; its log goes on where the last run's ended."""
        process = Process(
            station,
            self.folder / f"{station}.log",
            *("run", str(file), "--log-format", "json"),
            prefix=prefix,
            environment=environment,
        )
        self.agents[station] = process
        return process

    def enrol(self, station: str, key: Path, *more: str) -> None:
        """The operator types the fingerprint, as soon as the centre has heard the station. `more`: options."""
        words = fingerprint(keyfile.load(key).public)
        deadline = time.monotonic() + START_S
        while True:
            done = self.tram(
                "central", "enrol", str(self.centre_folder), station, "--fingerprint", words, *more
            )
            if done.returncode == 0:
                return
            if self._is_over or time.monotonic() > deadline:
                raise RehearsalError(f"{station} could not be enrolled: {done.stderr.strip()}")
            time.sleep(0.2)

    def at_the_centre(self) -> dict[str, dict[str, Any]]:
        """`tram central stations --json`, by station."""
        done = self.tram("central", "stations", str(self.centre_folder), "--json")
        rows = json.loads(done.stdout)
        return {row["station"]: row for row in (rows["stations"] if isinstance(rows, dict) else rows)}

    def owed(self, file: Path) -> int:
        """Records of a running station that no receipt covers, as `tram status` says it."""
        answer = json.loads(self.tram("status", str(file), "--json").stdout)
        return sum(destination["owed"] for destination in answer["destinations"])

    async def slip_in(self, topic: str, payload: bytes) -> None:
        """Somebody else at the broker publishes this."""
        address = parse_url(self.broker.url)
        async with connect(Broker(address.host, address.port, "somebody-else")) as session:
            await session.publish(topic, payload)

    def tram(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        environment = {**os.environ, "PYTHONUTF8": "1"}
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "agent", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
        )
