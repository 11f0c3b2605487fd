"""What arrives on a line, sorted: the answer to the question in hand, late answers, noise. Pure.

A question is `expect`ed as it leaves, bytes are `feed`ed as they come, and `done` closes the question.
`feed` gives the whole frame of the answer, or nothing yet. Garbled is raised for a frame that is sound but
not the answer: somebody answered too late, or another unit, or with another length. What such a frame
carries is never a value, and neither is what follows it: the question must be asked anew, after silence.

RTU frames carry no number, so the unit, the function and the byte count of the question are all there is to
know an answer by. A TCP frame carries the question's transaction number.
"""

import struct
from collections import deque
from typing import NamedTuple, Protocol

from drivers.errors import DriverError, Garbled, NoAnswer
from drivers.protocols.modbus_rtu import crc16

EXCEPTION_BIT = 0x80
WRITE_FUNCTIONS = frozenset({5, 6, 15, 16})
BIT_FUNCTIONS = frozenset({1, 2})
READ_FUNCTIONS = frozenset({1, 2, 3, 4})
RTU_SHORTEST = 5
REMEMBERED = 8
"""Questions given up whose late answers are recognised."""
MOST_BYTES = 4096
"""More than any question's answer with a line's worth of noise; what is beyond it is dropped."""

SILENCE = "check power, wiring and the unit address"
TCP_SILENCE = (
    "check the unit address; is the port right, and is it Modbus TCP and not RTU over TCP (rtu+tcp://)?"
)


class Question(NamedTuple):
    """`head` are the bytes behind the unit that a good answer starts with, `length` its PDU's bytes."""

    unit: int
    pdu: bytes
    head: bytes
    length: int

    def __str__(self) -> str:
        return f"unit {self.unit}, function {self.pdu[0]}"


def question(unit: int, pdu: bytes) -> Question:
    """What to expect after this request; ValueError for a function whose answer has no known length."""
    function = pdu[0]
    if function in READ_FUNCTIONS:
        count = int.from_bytes(pdu[3:5], "big")
        size = (count + 7) // 8 if function in BIT_FUNCTIONS else 2 * count
        return Question(unit, pdu, bytes((function, size)), 2 + size)
    if function in WRITE_FUNCTIONS:
        return Question(unit, pdu, pdu[:5], 5)
    raise ValueError(f"function {function} has no answer of known length")


class Inbox(Protocol):
    """One line's reader.

    `late` counts sound frames that answer a question given up before; `stray` those that answer none.
    `in_step` turns False when the stream cannot be read on: the connection must be made anew.
    """

    late: int
    stray: int
    in_step: bool

    def opened(self) -> None:
        """A new connection: nothing of the old one is left in it."""

    def expect(self, asked: Question, frame: bytes) -> None:
        """The question, and the bytes that were sent."""

    def feed(self, chunk: bytes) -> bytes:
        """The answer's frame, or nothing yet. Raises Garbled."""

    def verdict(self) -> DriverError:
        """Why there is no answer when time is up."""

    def done(self) -> None:
        """No question is in hand any more."""


class RtuInbox:
    """Unit, PDU, CRC. Noise before the answer is skipped; an echo of the question is skipped."""

    def __init__(self, where: str) -> None:
        self.late = 0
        self.stray = 0
        self.in_step = True
        self._where = where
        self._asked: Question | None = None
        self._answered = False
        self._given_up: deque[Question] = deque(maxlen=REMEMBERED)
        self._sent = b""
        self._buffer = b""

    def opened(self) -> None:
        """See Inbox. A serial server may still pass on what was asked for through the old connection."""
        self._buffer = b""

    def expect(self, asked: Question, frame: bytes) -> None:
        """Whatever came before the question left cannot be its answer."""
        self._asked, self._sent, self._buffer, self._answered = asked, frame, b"", False

    def done(self) -> None:
        """What comes now answers nothing."""
        if self._asked is not None and not self._answered:
            self._given_up.append(self._asked)
        self._asked, self._buffer = None, b""

    def feed(self, chunk: bytes) -> bytes:
        """See Inbox."""
        self._buffer = (self._buffer + chunk)[-MOST_BYTES:]
        if self._asked is None or self._answered:
            self._sort_out()
            return b""
        if self._sent and (at := self._buffer.find(self._sent)) >= 0:
            self._buffer, self._sent = self._buffer[at + len(self._sent) :], b""
        elif self._sent.startswith(self._buffer):
            return b""
        answer = self._answer(self._asked)
        if answer:
            self._answered = True
            self._buffer = self._buffer[self._buffer.find(answer) + len(answer) :]
        return answer

    def verdict(self) -> DriverError:
        """NoAnswer in silence, else Garbled with what was heard."""
        return _verdict(self._where, self._asked, b"" if self._answered else self._buffer)

    def _answer(self, asked: Question) -> bytes:
        frame = self._sound_frame()
        if frame:
            if answers(asked, frame[0], frame[1:-2]):
                return frame
            self._count(frame)
            raise not_the_answer(self._where, asked, frame[0], frame[1:-2])
        good = self._frame_with(bytes((asked.unit,)) + asked.head, asked.length + 3)
        return good or self._frame_with(bytes((asked.unit, asked.pdu[0] | EXCEPTION_BIT)), RTU_SHORTEST)

    def _frame_with(self, head: bytes, length: int) -> bytes:
        """The first whole frame of this head and length anywhere in the buffer."""
        at = self._buffer.find(head)
        while 0 <= at <= len(self._buffer) - length:
            frame = self._buffer[at : at + length]
            if crc16(frame) == 0:
                return frame
            at = self._buffer.find(head, at + 1)
        return b""

    def _sound_frame(self) -> bytes:
        """The frame at the very start of the buffer if it is whole, whoever it answers."""
        length = self._frame_length()
        frame = self._buffer[:length]
        return frame if length and len(frame) == length and crc16(frame) == 0 else b""

    def _frame_length(self) -> int:
        """What the start of the buffer says about its frame's length; 0: too little to tell."""
        if len(self._buffer) < 3:
            return 0
        function, size = self._buffer[1], self._buffer[2]
        if function in READ_FUNCTIONS:
            return 5 + size
        return 8 if function in WRITE_FUNCTIONS else RTU_SHORTEST

    def _count(self, frame: bytes) -> None:
        if any(answers(asked, frame[0], frame[1:-2]) for asked in self._given_up):
            self.late += 1
        else:
            self.stray += 1

    def _sort_out(self) -> None:
        """Counts the frames that nobody waits for; the beginning of one is kept, noise is dropped."""
        while 0 < self._frame_length() <= len(self._buffer):
            frame = self._sound_frame()
            if frame:
                self._count(frame)
            self._buffer = self._buffer[len(frame) or 1 :]


class TcpInbox:
    """MBAP header (transaction, 0, length, unit) and PDU. An answer to an older question is dropped."""

    def __init__(self, where: str) -> None:
        self.late = 0
        self.stray = 0
        self.in_step = True
        self._where = where
        self._asked: Question | None = None
        self._transaction = b""
        self._buffer = b""

    def opened(self) -> None:
        """See Inbox."""
        self._buffer, self.in_step = b"", True

    def expect(self, asked: Question, frame: bytes) -> None:
        """The buffer stays: a late answer may have come in half."""
        self._asked, self._transaction = asked, frame[:2]

    def done(self) -> None:
        """What comes now is late."""
        self._asked = None

    def feed(self, chunk: bytes) -> bytes:
        """See Inbox. A header that is none means that the stream has lost its step: Garbled."""
        self._buffer += chunk
        while frame := self._take():
            if self._asked is not None and frame[:2] == self._transaction:
                unit, pdu = frame[6], frame[7:]
                if not answers(self._asked, unit, pdu):
                    raise not_the_answer(self._where, self._asked, unit, pdu)
                return frame
            self.late += 1
        return b""

    def verdict(self) -> DriverError:
        """NoAnswer in silence, else Garbled with what was heard."""
        return _verdict(self._where, self._asked, self._buffer, silence=TCP_SILENCE)

    def _take(self) -> bytes:
        """One whole frame off the front of the stream, or nothing yet."""
        if len(self._buffer) < 6:
            return b""
        protocol, length = struct.unpack_from(">HH", self._buffer, 2)
        if protocol or not 3 <= length <= 254:
            heard, self._buffer, self.in_step = self._buffer, b"", False
            raise Garbled(
                f"{self._where}: what came is not Modbus TCP",
                hint="is the port right, and does the device speak Modbus TCP and not RTU over TCP?",
                evidence=heard,
            )
        frame = self._buffer[: 6 + length]
        if len(frame) < 6 + length:
            return b""
        self._buffer = self._buffer[6 + length :]
        return frame


def answers(asked: Question, unit: int, pdu: bytes) -> bool:
    """Whether unit, function, length and byte count are those of an answer or an exception to this question."""
    if unit != asked.unit:
        return False
    if pdu[0] == asked.pdu[0] | EXCEPTION_BIT:
        return len(pdu) == 2
    return len(pdu) == asked.length and pdu.startswith(asked.head)


def not_the_answer(where: str, asked: Question, unit: int, pdu: bytes) -> Garbled:
    """The error for a sound frame that answers something else."""
    if unit != asked.unit:
        what = f"unit {unit} answered the question for unit {asked.unit}"
    elif pdu[0] & ~EXCEPTION_BIT != asked.pdu[0]:
        what = f"unit {unit} answered function {pdu[0]} to a question of function {asked.pdu[0]}"
    else:
        what = f"unit {unit} answered {len(pdu)} bytes where {asked.length} were asked for"
    hint = "a late answer, two devices with one address, or a second master on the line"
    return Garbled(f"{where}: {what}", hint=hint, evidence=bytes((unit,)) + pdu)


def _verdict(where: str, asked: Question | None, heard: bytes, *, silence: str = SILENCE) -> DriverError:
    if heard:
        hint = "noise, a wrong speed or parity, or an answer cut short"
        return Garbled(f"{where}: no sound answer to {asked}", hint=hint, evidence=heard)
    return NoAnswer(f"{where}: no answer to {asked}", hint=silence)
