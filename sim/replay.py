"""A recording of `tram watch` as something that answers: what was asked, what came, and how much later. No loop.

Questions are told apart by their bytes; by unit and PDU where frames are numbered, and an answer then bears the number
of the question that is asked now. A question that was recorded several times is answered in the order of the
recording, and from the beginning again after the last. One that was recorded without an answer is not answered; one
that was not recorded is not answered either, and counted. What a streaming line said is said again at its pace, from
the beginning again after the end.

Left out of it: the last question when nothing was recorded after it, and what stood beside a gap of the recording, for
nobody knows what became of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

from config.station import Line, Station
from drivers.protocols import recording
from drivers.protocols.recording import Entry, Missing, Recorded, Recording

NUMBERED: Final = frozenset({"tcp", "udp"})
PAUSE_S: Final = 1.0
"""Between the end of a stream and its beginning."""
HEADER_BYTES: Final = 6
"""Of a numbered frame, in front of the unit; the first two are the number."""


class Piece(NamedTuple):
    """Bytes that come `after_s` from the question, or from the piece before it on a line that streams."""

    after_s: float
    octets: bytes


@dataclass(slots=True)
class _Exchange:
    asked: Recorded
    answers: list[Piece] = field(default_factory=list)


@dataclass(slots=True)
class Replay:
    """One line. `exchanges` by question, each time it was asked; `stream` of a line that talks by itself.

    `unrecorded` counts questions that were not recorded; `missed` hears of each kind of them once.
    """

    line: str
    framing: str
    exchanges: Mapping[bytes, Sequence[Sequence[Piece]]]
    stream: Sequence[Piece] = ()
    unrecorded: Counter[bytes] = field(default_factory=Counter)
    missed: Callable[[bytes], None] = lambda _: None
    _times: Counter[bytes] = field(default_factory=Counter)

    @property
    def is_numbered(self) -> bool:
        """Whether an answer bears the number of its question."""
        return self.framing in NUMBERED

    def answer(self, frame: bytes) -> Sequence[Piece]:
        """What comes on a question; nothing when nothing came, or when nobody recorded it."""
        asked = self.key(frame)
        if asked not in self.exchanges:
            if asked not in self.unrecorded:
                self.missed(asked)
            self.unrecorded[asked] += 1
            return ()
        times = self.exchanges[asked]
        pieces = times[self._times[asked] % len(times)]
        self._times[asked] += 1
        if not self.is_numbered:
            return pieces
        return [Piece(after_s, frame[:2] + octets[2:]) for after_s, octets in pieces]

    def key(self, frame: bytes) -> bytes:
        """By which a question is known."""
        return frame[HEADER_BYTES:] if self.is_numbered else frame


def replay(recorded: Recording) -> Replay:
    """ValueError: nothing in it can be played."""
    header = recorded.header
    if header.streams:
        stream = tuple(_stream(recorded.entries))
        if not stream:
            raise ValueError("nothing was heard in it")
        return Replay(header.line, header.framing, {}, stream)
    exchanges: dict[bytes, list[list[Piece]]] = {}
    made = Replay(header.line, header.framing, exchanges)
    for exchange in _exchanges(recorded.entries, is_numbered=made.is_numbered):
        exchanges.setdefault(made.key(exchange.asked.octets), []).append(exchange.answers)
    if not exchanges:
        raise ValueError("no question in it has an answer")
    return made


def read_all(paths: Iterable[Path], station: Station) -> dict[str, Replay]:
    """The recordings by the line of the station file that they play. ValueError: one does not fit, and why; OSError."""
    replays: dict[str, Replay] = {}
    for path in paths:
        try:
            found = replay(recording.decode(_text(path)))
            _fits(found, station)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        if found.line in replays:
            raise ValueError(f'{path}: line "{found.line}" has another recording already')
        replays[found.line] = found
    return replays


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError("this is no recording of tram watch, and no text at all") from None


def _fits(found: Replay, station: Station) -> None:
    lines = {line.id: framing_of(line, station) for line in station.lines}
    if found.line not in lines:
        raise ValueError(f'it is of line "{found.line}"; {station.file} has: {", ".join(lines)}')
    framing = lines[found.line]
    if framing != found.framing:
        raise ValueError(f'it has frames of {found.framing}, but line "{found.line}" carries {framing}')


def framing_of(line: Line, station: Station) -> str:
    """How the line frames its bytes, in a recording's words."""
    devices = [cast("Any", device.settings) for device in station.devices if device.line == line.id]
    if any(settings.speech() == "characters" for settings in devices):
        return "characters"
    parts = urlsplit(str(cast("Any", line.settings).url))
    if parts.scheme == "serial":
        return dict(parse_qsl(parts.query)).get("framer", "rtu")
    return "tcp" if parts.scheme == "tls" else parts.scheme.removesuffix("+tcp")


def _stream(entries: Iterable[Entry]) -> Iterator[Piece]:
    before_ms: float | None = None
    for entry in entries:
        if isinstance(entry, Recorded) and entry.way == "<":
            pause_s = PAUSE_S if before_ms is None else max(0.0, entry.ms - before_ms) / 1000
            yield Piece(pause_s, entry.octets)
            before_ms = entry.ms


def _exchanges(entries: Iterable[Entry], *, is_numbered: bool) -> list[_Exchange]:
    """Questions with their answers; those whose outcome is not known are left out."""
    found: list[_Exchange] = []
    unsure: list[_Exchange] = []
    is_whole = False
    for entry in entries:
        if isinstance(entry, Missing):
            unsure += found[-1:]
            is_whole = False
        elif entry.way == ">":
            found.append(_Exchange(entry))
            is_whole = True
        elif is_whole:
            _attach(entry, found, is_numbered=is_numbered)
    if found and not found[-1].answers:
        unsure.append(found[-1])
    return [exchange for exchange in found if not any(exchange is other for other in unsure)]


def _attach(heard: Recorded, found: Sequence[_Exchange], *, is_numbered: bool) -> None:
    """To the question with its number, where there are numbers; else to the last one."""
    owner = found[-1]
    if is_numbered:
        same = [each for each in found if each.asked.octets[:2] == heard.octets[:2]]
        if not same:
            return
        owner = same[-1]
    owner.answers.append(Piece((heard.ms - owner.asked.ms) / 1000, heard.octets))
