"""A watch on a line of the running agent, from the watcher's side: pieces in, frames out, and what to write down."""

import asyncio
import errno
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from agent.local_socket import short_name
from agent.status import NotRunning
from drivers.cutting import Framing
from drivers.frames import PAUSE_S, Frame, Frames
from drivers.protocols.recording import Entry, Header, Missing, Recorded, encode, encode_header
from drivers.tap import Passed

LONGEST_MESSAGE_BYTES = 2**20


class WatchEnded(Exception):
    """The agent will not show the line, or shows it no more."""


class About(NamedTuple):
    """What the agent says of the line. `at_s` of its monotonic clock is `wall`, UTC."""

    station: str
    software: str
    line: str
    url: str
    framing: Framing
    streams: bool
    at_s: float
    wall: datetime

    def moment(self, at_s: float) -> datetime:
        """The wall clock of an instant, UTC."""
        return self.wall + timedelta(seconds=at_s - self.at_s)

    def header(self) -> Header:
        """The first line of a recording."""
        began = self.wall.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return Header(
            self.station, self.line, self.url, self.framing, self.streams, self.software, began=began
        )


class Missed(NamedTuple):
    """So many pieces passed that were not shown: the watcher was too slow."""

    at_s: float
    pieces: int


class Watch:
    """An open watch. `about` says what is watched."""

    def __init__(self, reader: asyncio.StreamReader, about: About) -> None:
        self.about = about
        self._reader = reader
        self._frames = Frames(about.framing)

    async def frames(self) -> AsyncGenerator[Frame | Missed, None]:
        """As they pass, for ever. WatchEnded: the agent stopped, or the line changed."""
        while True:
            try:
                async with asyncio.timeout(PAUSE_S):
                    message = await _next(self._reader)
            except TimeoutError:
                for frame in self._frames.pause(asyncio.get_running_loop().time()):
                    yield frame
                continue
            except WatchEnded:
                for frame in self._frames.end():
                    yield frame
                raise
            if "missed" in message:
                yield Missed(message["at"], message["missed"])
                continue
            for frame in self._frames.feed(_passed(message)):
                yield frame


@asynccontextmanager
async def watching(path: Path, line: str, *, timeout_s: float = 5.0) -> AsyncIterator[Watch]:
    """The line of the agent at this socket. NotRunning: there is none. WatchEnded: it has no such line."""
    async with AsyncExitStack() as closing:
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await _connected(path)
                closing.callback(writer.close)
                writer.write(json.dumps({"line": line}).encode() + b"\n")
                about = _about(await _next(reader))
        except TimeoutError as error:
            raise NotRunning(
                f"the agent at {path} does not answer within {timeout_s:g} s: it stands still"
            ) from error
        yield Watch(reader, about)


async def _connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        with short_name(path) as name:
            return await asyncio.open_unix_connection(name, limit=LONGEST_MESSAGE_BYTES)
    except PermissionError as error:
        raise NotRunning(
            f"{path}: the agent answers its own user and root only: run this as that user (sudo -u USER)"
        ) from error
    except OSError as error:
        raise NotRunning(
            f"no agent answers at {path}: start it with `tram run`, or ask one device with `tram read`"
        ) from error


async def _next(reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        row = await reader.readline()
    except OSError:
        row = b""
    if not row.endswith(b"\n"):
        raise WatchEnded("the agent is gone")
    message: dict[str, Any] = json.loads(row)
    if "ended" in message:
        raise WatchEnded(message["ended"])
    return message


def _about(message: dict[str, Any]) -> About:
    wall = datetime.fromtimestamp(message.pop("wall_ms") / 1_000, UTC)
    return About(wall=wall, at_s=message.pop("at"), **message)


def _passed(message: dict[str, Any]) -> Passed:
    return Passed(message["at"], message["kind"], bytes.fromhex(message["hex"]), message["words"])


class Recorder:
    """Writes a recording, a whole line at a time: what is there when the power goes can be read."""

    def __init__(self, path: Path) -> None:
        """`path` must be free: a recording is never written over. Nothing is made yet."""
        self._path = path
        self._descriptor = -1
        self._since_s = 0.0
        self._length_bytes = 0

    def open(self, about: About) -> None:
        """Makes the file, for its owner alone. OSError."""
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._since_s = about.at_s
        self._write(encode_header(about.header()))

    def add(self, shown: Frame | Missed) -> None:
        """One more line, if it is a frame. OSError: the disk is full; what was whole stays whole."""
        entry = recorded(shown, self._since_s)
        if entry is not None and self._descriptor >= 0:
            self._write(encode(entry))

    def close(self) -> None:
        """Also when it was never opened."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, row: bytes) -> None:
        try:
            written = os.write(self._descriptor, row)
            why = errno.ENOSPC
        except OSError as error:
            written, why = 0, error.errno or errno.EIO
        if written < len(row):
            os.ftruncate(self._descriptor, self._length_bytes)
            raise OSError(why, os.strerror(why), str(self._path))
        self._length_bytes += len(row)


def recorded(shown: Frame | Missed, since_s: float) -> Entry | None:
    """As it stands in a recording that began at `since_s`; None: it is no frame."""
    if isinstance(shown, Missed):
        return Missing(1000 * (shown.at_s - since_s), shown.pieces)
    if shown.way not in ("<", ">"):
        return None
    return Recorded(1000 * (shown.at_s - since_s), shown.way, shown.octets, shown.mark)
