"""What passed on a line, put together to frames, each with what it is to the question before it. Pure.

Pieces come as the wire heard them (`drivers.tap`). A frame is whole when its length and its check say so, or when it
can grow no more: the next question left, the question was given up, or nothing came for PAUSE_S.

    question ──▶ answer                                  plain
             ──▶ (nothing, given up) ──▶ answer          late: after its time, thrown away
             ──▶ another's answer                        foreign: sound, but of another unit, function or length
             ──▶ damaged bytes                           noise
    (none)   ──▶ sound frame                             stray: answers nothing that is known
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from drivers.cutting import CUTTERS, Cutter, Framing
from drivers.inbox import answers, question
from drivers.tap import Passed

Way = Literal[">", "<", "=", "!"]
Mark = Literal["", "late", "stray", "foreign", "noise", "echo"]

PAUSE_S = 0.25
"""Pieces of one frame come closer together: adapters hold bytes back for 16 ms, networks for a little more."""
MOST_BYTES = 1024
"""More than any frame: noise without a pause is shown in such pieces."""
REMEMBERED = 8
"""Questions given up whose late answers are recognised."""


@dataclass(slots=True)
class Asked:
    """A question and what became of it. `pdu` empty: characters, or no Modbus."""

    at_s: float
    octets: bytes
    unit: int = 0
    pdu: bytes = b""
    number: int = 0
    state: Literal["open", "answered", "given up"] = "open"


class Frame(NamedTuple):
    """One frame, or with `way` = what the codec read, with ! what happened. `asked`: the question that it answers."""

    at_s: float
    way: Way
    octets: bytes = b""
    mark: Mark = ""
    words: str = ""
    asked: Asked | None = None


class Frames:
    """Of one line, since the watcher came. Feed it in order."""

    def __init__(self, framing: Framing) -> None:
        self._cutter: Cutter = CUTTERS[framing]()
        self._is_characters = framing == "characters"
        self._asked: deque[Asked] = deque(maxlen=REMEMBERED)
        self._pieces = bytearray()
        self._heard_s = 0.0
        self._was_asked = False

    def feed(self, passed: Passed) -> list[Frame]:
        """The frames that are whole now."""
        match passed.kind:
            case "heard" | "unasked":
                return list(self._hear(passed))
            case "read":
                return list(self._read(passed)) if self._is_characters else []
            case "sent":
                return list(self._ask(passed)) if passed.octets else []
            case "opened" | "trouble":
                return list(self._note(passed))

    def pause(self, now_s: float) -> list[Frame]:
        """What is left over when nothing came for PAUSE_S."""
        return list(self._rest()) if self._pieces and now_s - self._heard_s >= PAUSE_S else []

    def end(self) -> list[Frame]:
        """What is left over."""
        return list(self._rest())

    def _ask(self, passed: Passed) -> Iterator[Frame]:
        yield from self._rest()
        self._give_up()
        asked = Asked(passed.at_s, passed.octets)
        parsed = self._cutter.parsed(passed.octets)
        if parsed is not None:
            asked.number, asked.unit, asked.pdu = parsed
        self._asked.append(asked)
        yield Frame(passed.at_s, ">", passed.octets, asked=asked)

    def _hear(self, passed: Passed) -> Iterator[Frame]:
        if self._pieces and passed.at_s - self._heard_s >= PAUSE_S:
            yield from self._rest()
        self._pieces += passed.octets
        self._heard_s = passed.at_s
        self._was_asked = passed.kind == "heard"
        asked = self._last()
        sent = asked.octets if asked and asked.state == "open" else b""
        while (length := self._cutter.length(bytes(self._pieces), sent)) > 0:
            octets = bytes(self._pieces[:length])
            del self._pieces[:length]
            yield self._judged(octets, sent)
        if len(self._pieces) > MOST_BYTES:
            yield from self._rest()

    def _rest(self) -> Iterator[Frame]:
        if self._pieces:
            octets = bytes(self._pieces)
            self._pieces.clear()
            yield self._judged(octets, b"")

    def _read(self, passed: Passed) -> Iterator[Frame]:
        yield from self._rest()
        asked = self._last()
        if asked is not None and not passed.words.startswith("not read"):
            asked.state = "answered"
        yield Frame(passed.at_s, "=", words=passed.words)

    def _note(self, passed: Passed) -> Iterator[Frame]:
        yield from self._rest()
        if passed.kind == "trouble":
            self._give_up()
        words = f"the line is open: {passed.words}" if passed.kind == "opened" else passed.words
        yield Frame(passed.at_s, "!", words=words)

    def _judged(self, octets: bytes, sent: bytes) -> Frame:
        """The frame with its mark and its question."""
        at_s = self._heard_s
        if self._is_characters:
            return self._judged_characters(octets)
        parsed = self._cutter.parsed(octets)
        if parsed is None:
            return Frame(at_s, "<", octets, "noise", asked=self._last())
        if octets == sent and not self._cutter.numbered and parsed[2][0] in (1, 2, 3, 4):
            return Frame(at_s, "<", octets, "echo", asked=self._last())
        number, unit, pdu = parsed
        for asked in reversed(self._asked):
            if asked.state != "answered" and self._fits(asked, number, unit, pdu):
                is_late = asked.state == "given up"
                asked.state = "answered"
                return Frame(at_s, "<", octets, "late" if is_late else "", asked=asked)
        last = self._last()
        is_foreign = last is not None and last.state == "open" and self._was_asked
        return Frame(
            at_s, "<", octets, "foreign" if is_foreign else "stray", asked=last if is_foreign else None
        )

    def _judged_characters(self, octets: bytes) -> Frame:
        last = self._last()
        if self._was_asked:
            return Frame(self._heard_s, "<", octets, asked=last)
        if last is not None and last.state == "given up":
            return Frame(self._heard_s, "<", octets, "late", asked=last)
        return Frame(self._heard_s, "<", octets, "stray")

    def _fits(self, asked: Asked, number: int, unit: int, pdu: bytes) -> bool:
        if not asked.pdu or (self._cutter.numbered and number != asked.number):
            return False
        try:
            return answers(question(asked.unit, asked.pdu), unit, pdu)
        except ValueError:  # a function whose answer has no known length
            return unit == asked.unit and pdu[0] & 0x7F == asked.pdu[0]

    def _give_up(self) -> None:
        last = self._last()
        if last is not None and last.state == "open":
            last.state = "given up"

    def _last(self) -> Asked | None:
        return self._asked[-1] if self._asked else None
