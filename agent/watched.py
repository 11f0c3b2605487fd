"""The lines that can be watched, and those who watch: the running agent's side of `tram watch`.

    wire ── Tap ──▶ Visitor ──▶ socket ──▶ tram watch (puts together, decodes, shows, records)

A visitor sends one line of JSON, {"line": "meter"}, and gets lines of JSON: what the line is, then each piece that
passes (`drivers.tap.Passed`). What a visitor does not read waits in its own buffer up to MOST_WAITING_BYTES; beyond
that pieces are dropped and counted, and the count is told before the next piece. No task, no queue, nobody waits.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, cast

from agent.local_socket import listening
from drivers.cutting import Framing
from drivers.tap import Passed, Tap

MOST_WAITING_BYTES = 256 * 1024
MOST_VISITORS = 16
LONGEST_WISH_BYTES = 1024

Message = Mapping[str, object]


class Subject(NamedTuple):
    """A line that can be watched. `url` without secrets; `streams`: an instrument on it talks by itself."""

    line: str
    url: str
    framing: Framing
    streams: bool


class Watched:
    """The taps of a station's lines. They outlive the wires: a station file that is read again ends no watch."""

    def __init__(self) -> None:
        self._taps: dict[str, tuple[Subject, Tap]] = {}
        self._others: frozenset[str] = frozenset()
        self.visitors: set[Visitor] = set()

    def renew(self, subjects: Iterable[Subject], without_wire: Iterable[str] = ()) -> None:
        """The lines of the file that is in force now. Who watches one that is gone or another now is told."""
        before = self._taps
        self._taps = {
            subject.line: before[subject.line]
            if before.get(subject.line, (None,))[0] == subject
            else (subject, Tap())
            for subject in subjects
        }
        self._others = frozenset(without_wire)
        for visitor in tuple(self.visitors):
            if visitor.line is not None and self._taps.get(visitor.line) is not before.get(visitor.line):
                visitor.end(f'line "{visitor.line}" has changed in the station file: watch it again')

    def tap(self, line: str) -> Tap:
        """Of a line that was named to `renew`."""
        return self._taps[line][1]

    def find(self, line: str) -> tuple[Subject, Tap] | str:
        """What can be watched under this name, or why nothing can."""
        if line in self._taps:
            return self._taps[line]
        if line in self._others:
            return f'line "{line}" is this machine itself: nothing passes on a wire'
        return f'the running agent has no line "{line}"; it has: {", ".join(self._taps)}'

    def admit(self, visitor: "Visitor") -> bool:
        """False: there are too many."""
        self.visitors.add(visitor)
        return len(self.visitors) <= MOST_VISITORS

    def gone(self, visitor: "Visitor") -> None:
        """It hung up."""
        self.visitors.discard(visitor)

    def end(self) -> None:
        """The agent stops."""
        for visitor in tuple(self.visitors):
            visitor.end("the agent has stopped")


def socket_path(store: Path) -> Path:
    """Where the agent that owns this store lets its lines be watched."""
    return store.parent / "watch.sock"


@asynccontextmanager
async def showing(path: Path, watched: Watched, about: Callable[[], Message]) -> AsyncIterator[None]:
    """Lets whoever comes to the socket watch. `about` goes in front of what the line is: the station, the clocks."""
    loop = asyncio.get_running_loop()
    async with listening(path, lambda name: loop.create_unix_server(lambda: Visitor(watched, about), name)):
        try:
            yield
        finally:
            watched.end()


class Visitor(asyncio.Protocol):
    """One connection. It says once what it wants to see."""

    def __init__(self, watched: Watched, about: Callable[[], Message]) -> None:
        self.line: str | None = None
        self._watched = watched
        self._about = about
        self._wish = b""
        self._tap: Tap | None = None
        self._missed = 0

    @property
    def waiting_bytes(self) -> int:
        """What it has not read yet and the kernel did not take."""
        return self._transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._watched.admit(self):
            self.end(f"{MOST_VISITORS} watch already: end one of them")

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._tap is not None:
            return  # it has said what it wants
        self._wish += data
        if b"\n" in self._wish:
            self._begin()
        elif len(self._wish) > LONGEST_WISH_BYTES:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop, however it went."""
        self._watched.gone(self)
        if self._tap is not None:
            self._tap.leave(self._passed)

    def end(self, why: str) -> None:
        """Say why and hang up. Nobody waits for one that does not read."""
        self._say({"ended": why})
        if self.waiting_bytes:
            self._transport.abort()
        else:
            self._transport.close()

    def _begin(self) -> None:
        try:
            line = str(json.loads(self._wish.partition(b"\n")[0])["line"])
        except (ValueError, KeyError, TypeError):
            self._transport.abort()
            return
        found = self._watched.find(line)
        if isinstance(found, str):
            self.end(found)
            return
        subject, self._tap = found
        self.line = subject.line
        self._say({**self._about(), **subject._asdict(), "at": asyncio.get_running_loop().time()})
        self._tap.join(self._passed)

    def _passed(self, passed: Passed) -> None:
        """Called by the wire in the middle of a question: it never waits and never raises."""
        if self._transport.is_closing():
            return
        if self.waiting_bytes > MOST_WAITING_BYTES:
            self._missed += 1
            return
        if self._missed:
            self._say({"at": passed.at_s, "missed": self._missed})
            self._missed = 0
        self._say({"at": passed.at_s, "kind": passed.kind, "hex": passed.octets.hex(), "words": passed.words})

    def _say(self, message: Message) -> None:
        if not self._transport.is_closing():
            self._transport.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
