"""The processes of the bench: instruments, broker and centre around the one that is measured.

All on loopback, each ended by its id. Python may keep its bytecode, as it does where the package is installed.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.load import Load, station_file
from bench.trace import ARRIVED, READY, Event, Reader, now_us
from central.folder import Folder, prepare
from mqtt.local_broker import LocalBroker
from telemetry import keyfile
from telemetry.keys import public_to_pem

PATIENCE_S = 20.0


class BenchError(Exception):
    """A process of the bench did not do its part; the message says which and where its output is."""


class Child:
    """A Python process; `began_us` is the instant before it was started."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        self.began_us = now_us()
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                env=environment,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    def line(self) -> str:
        """The next line that it prints. BenchError when it ends instead."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline().decode()
        if not said:
            raise BenchError(f"{self.name} ended: see {self.log}")
        return said

    def last_words(self) -> str:
        """What it prints when its standard input ends. BenchError when it ends without a word."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.line()

    def end(self) -> None:
        """At once, as a power cut does: nothing here needs an orderly end."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Plant(NamedTuple):
    """Instruments: the process that stands in for them, and the station file that describes them.

    `describe` is given the ports that the process printed, the broker's url and the centre's public key.
    """

    arguments: Sequence[str]
    describe: Callable[[Sequence[int], str, Path], str]


def usual(load: Load) -> Plant:
    """Each instrument on a port of its own."""
    arguments = ("bench.instruments", str(load.devices), str(load.channels))
    return Plant(arguments, lambda ports, broker, centre: station_file(load, ports, broker, centre))


class Stage(NamedTuple):
    """What is there for an agent: instruments by port, a broker, a centre that trusts it."""

    folder: Path
    load: Load
    ports: Sequence[int]
    broker: LocalBroker
    centre: Reader
    file: Path
    plant: Child

    @property
    def centre_key(self) -> Path:
        """What stations pin."""
        return Folder(self.folder / "centre").public

    @property
    def store(self) -> Path:
        """The agent's database."""
        return self.folder / "data" / "ledger.db"

    def pass_over(self) -> None:
        """What happened at the centre so far is of no interest."""
        for _ in self.centre.new():
            pass

    def wait_for(self, what: Callable[[Event], bool], missing: str, within_s: float = PATIENCE_S) -> Event:
        """The first new event at the centre that is `what`; those before it are passed over."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for event in self.centre.new():
                if what(event):
                    return event
            time.sleep(0.005)
        raise BenchError(f"{missing} within {within_s:g} s; the logs are in {self.folder}")


@contextmanager
def child(folder: Path, name: str, *arguments: str) -> Iterator[Child]:
    """A process for the length of a block."""
    process = Child(folder, name, *arguments)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def set_up(folder: Path, load: Load, instruments: Plant | None = None) -> Iterator[Stage]:
    """Instruments, broker and centre for this load, and the station file; no agent yet."""
    there = instruments or usual(load)
    folder.mkdir(parents=True)
    trace = folder / "centre.trace"
    trace.touch()
    centre_folder = Folder(folder / "centre")
    prepare(centre_folder)
    station = keyfile.create(folder / "station.pem")
    centre_folder.station_key(load.station).write_bytes(public_to_pem(station.public))
    broker = LocalBroker(folder / "broker")
    centre = ("bench.centre", str(centre_folder.path), "127.0.0.1", str(broker.port), str(trace))
    broker.start()
    try:
        with child(folder, "instruments", *there.arguments) as plant, child(folder, "centre", *centre):
            ports: list[int] = json.loads(plant.line())
            file = folder / "station.toml"
            file.write_text(there.describe(ports, broker.url, centre_folder.public))
            stage = Stage(folder, load, ports, broker, Reader(trace), file, plant)
            stage.wait_for(lambda event: event.kind == READY, "the centre was not ready")
            yield stage
    finally:
        broker.close()


def forget(stage: Stage) -> None:
    """The station is new again: no store, no sidecar file. The agent must have ended."""
    for path in (*stage.store.parent.glob("*"), stage.folder / "station.ledger"):
        path.unlink(missing_ok=True)


@contextmanager
def running(stage: Stage) -> Iterator[Child]:
    """`tram run` on the stage's station file."""
    with child(stage.folder, "agent", "agent", "run", str(stage.file), "--log-format", "json") as process:
        yield process


def is_live(event: Event) -> bool:
    """Whether a live message arrived."""
    return event.kind == ARRIVED and event.topic.endswith("/live")


def is_past(event: Event) -> bool:
    """Whether a part of the backlog arrived."""
    return event.kind == ARRIVED and event.topic.endswith("/past")
