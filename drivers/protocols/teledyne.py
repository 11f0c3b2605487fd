"""Teledyne API's commands in words (T and E series): one letter, a name, and lines with the instrument's time.

    command   T [id] NAME, CR                                `T LIST`: all tests, `W LIST`: all warnings
    message   T 194:11:29 [id] DCPS= 2500 MV, CR LF          day of the year, hour, minute of the instrument

    Malformed
    ├── Refusal     the instrument has no value (`XXXX`)
    └── Unasked     a whole message that does not answer: another test, another instrument, a warning

The letter is the kind: C calibration, D diagnostic, L logon, R report, T test, V variable, W warning; case does not
matter in commands. In terminal mode the instrument also sends what nobody asked for. In computer mode (control-C) a
line feed executes a command, and in quiet mode nothing comes unasked. There is no check: a changed digit is another
value, so Modbus is the better way where the instrument speaks it.

Sources: T101 p.150-152, T703 p.110, T400 p.175-177, 300M p.68, p.75 (the example), 200AU p.68 and 200AH p.77 (modes),
200AH p.78 (kinds). Not confirmed: that messages end with LF alone in computer mode (both ends are read); that a
command is repeated in terminal mode (it is skipped); which name a test's reply carries (Request.label); how a list
ends (no line tells it); `XXXX` in a message (360E p.135 shows it on the front panel).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal, number, take_line, text

TEST, WARNING, LIST = "T", "W", "LIST"
MAX_LINE_BYTES: Final = 256
_LONGEST_ECHO: Final = 128
INSTRUMENT_FAULT: Final = "instrument_fault"

_PADDING: Final = b"\x00\r\n"
_REQUEST: Final = re.compile(r"([CDLRTVW])(?: (\d{1,4})(?= |$))?(?: (\S.*))?", re.ASCII | re.IGNORECASE)
_MESSAGE: Final = re.compile(
    r"([CDLRTVW]) (\d{1,3}):(\d\d):(\d\d)(?: (\d{1,4})(?= ))? +(?!\d{1,4}$)(\S.*)", re.ASCII
)
_NO_VALUE: Final = re.compile(r"X+(?:\.X+)?")


class Mode(NamedTuple):
    """What ends a command, and a message of the simulator."""

    request_end: bytes
    message_end: bytes


TERMINAL: Final = Mode(b"\r", b"\r\n")
COMPUTER: Final = Mode(b"\n", b"\n")


class Condition(NamedTuple):
    """A warning that is no fault of the instrument."""

    words: str
    meaning: str
    flag: str | None
    source: str


_UNASSIGNED: Final = "T200H p.178, T300 p.154: names of flags; the words of the message are not confirmed"
CONDITIONS: Final = (
    Condition("SYSTEM RESET", "the instrument was started", None, _UNASSIGNED),
    Condition("CONC ALARM 1", "a concentration beyond its first limit", None, _UNASSIGNED),
    Condition("CONC ALARM 2", "a concentration beyond its second limit", None, _UNASSIGNED),
)


@dataclass(frozen=True, slots=True)
class Request:
    """`kind` TEST or another letter; `name` as `T LIST` has it.

    instrument_id   0..9999; None: no identification is sent, and any is accepted
    label           the name in the reply, if it is not `name`
    unit            the unit that the reply must have; None: any
    """

    kind: str
    name: str
    instrument_id: int | None = None
    label: str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        match = _REQUEST.fullmatch(self.words)
        if match is None or match[3] != self.name or not self.name.isascii() or not self.name.isprintable():
            raise ValueError(f"not a command: {self.words!r}")

    @property
    def words(self) -> str:
        """The command without its end."""
        identification = "" if self.instrument_id is None else f" {self.instrument_id}"
        return f"{self.kind}{identification} {self.name}"


class Message(NamedTuple):
    """One line; its time is the instrument's own, its zone is not told."""

    kind: str
    day_of_year: int
    hour: int
    minute: int
    instrument_id: int | None
    body: str


class Measured(NamedTuple):
    """A test and its value; `unit` as written, empty if there is none."""

    name: str
    value: Decimal
    unit: str


class Unasked(Malformed):
    """A whole message, but not the answer; the answer may come behind it."""

    def __init__(self, what: str, message: Message, evidence: bytes) -> None:
        super().__init__(what, evidence)
        self.message = message


def encode_request(request: Request, mode: Mode) -> bytes:
    """The bytes a logger sends."""
    return request.words.encode("ascii") + mode.request_end


def take_request(buffer: bytearray, mode: Mode) -> Request | None:
    """Remove one command. None: more bytes may make one. Malformed: noise, or a line that is no command."""
    line = take_line(buffer, mode.request_end, longest=MAX_LINE_BYTES)
    if line is None:
        return None
    match = _REQUEST.fullmatch(" ".join(text(line.strip(_PADDING)).split()))
    if match is None or match[3] is None:
        raise Malformed("not a command", line)
    return Request(match[1].upper(), match[3], None if match[2] is None else int(match[2]))


def encode_message(message: Message, mode: Mode) -> bytes:
    """The bytes of a message."""
    time = f"{message.day_of_year:03d}:{message.hour:02d}:{message.minute:02d}"
    identification = "" if message.instrument_id is None else f" {message.instrument_id:04d}"
    return f"{message.kind} {time}{identification} {message.body}".encode("ascii") + mode.message_end


def encode_reply(request: Request, value: str, at: Message, mode: Mode) -> bytes:
    """The bytes of the answer to a test: `value` as the instrument writes it; time and identification are `at`'s."""
    body = f"{request.label or request.name}= {value} {request.unit or ''}".rstrip()
    return encode_message(at._replace(kind=request.kind, body=body), mode)


def take_message(buffer: bytearray, *, echo: str | None = None) -> Message | None:
    """Remove one message of any kind. None: more bytes may make one. Malformed: noise, or a line that is none.

    `echo`: the command whose repetition in front of the message is skipped.
    """
    taken = _take(buffer, echo)
    return None if taken is None else taken[0]


def take_reply(buffer: bytearray, request: Request) -> Measured | None:
    """Remove the value that answers `request`. None: more bytes may complete it.

    Unasked: another message came first. Refusal: the instrument has no value. Malformed: noise.
    """
    taken = _take(buffer, request.words)
    if taken is None:
        return None
    message, line = taken
    name = " ".join(message.body.partition("=")[0].split())
    if (
        message.kind != request.kind.upper()
        or request.instrument_id not in (None, message.instrument_id)
        or name.casefold() != (request.label or request.name).casefold()
    ):
        raise Unasked(f"not an answer to {request.words!r}", message, line)
    found = measured(message)
    if request.unit is not None and found.unit.casefold() != request.unit.casefold():
        raise Malformed(f"the unit of {request.name} is not {request.unit}", line)
    return found


def measured(message: Message) -> Measured:
    """The test that a message tells. Refusal: `XXXX`. Malformed: there is no name, or no number."""
    name, equals, rest = message.body.partition("=")
    words = rest.split()
    if not (name.strip() and equals and words):
        raise Malformed("no test and value", message.body.encode())
    if _NO_VALUE.fullmatch(words[0]):
        raise Refusal(f"{name.strip()} has no value", message.body.encode())
    return Measured(" ".join(name.split()), number(words[0]), " ".join(words[1:]))


def warning_flag(message: Message) -> str | None:
    """The flag that a warning needs: a fault, unless a row of CONDITIONS says otherwise. None: none."""
    if message.kind != WARNING:
        raise ValueError(f"a message of kind {message.kind} is no warning")
    words = message.body.strip().upper()
    return next((row.flag for row in CONDITIONS if words.startswith(row.words)), INSTRUMENT_FAULT)


def _take(buffer: bytearray, echo: str | None) -> tuple[Message, bytes] | None:
    """Remove one message and the padding and echo before it: the message, and its line."""
    start = _behind_echo(bytes(buffer[: MAX_LINE_BYTES + _LONGEST_ECHO]), echo)
    whole = take_line(buffer, b"\n", longest=MAX_LINE_BYTES, start=start, echo=_LONGEST_ECHO)
    if whole is None:
        return None
    before, _, line = whole.rstrip(b"\r").rpartition(b"\r")
    if before and not repeats(before, echo):
        raise Malformed("a carriage return inside a line", whole)
    return _message(line), line


def _behind_echo(ahead: bytes, echo: str | None) -> int:
    """Where the message begins: behind padding, and behind one line that is the command's echo."""
    start = len(ahead) - len(ahead.lstrip(_PADDING))
    line, ended, _ = ahead[start : start + _LONGEST_ECHO].partition(b"\n")
    if not ended or not repeats(line, echo):
        return start
    return len(ahead) - len(ahead[start + len(line) + 1 :].lstrip(_PADDING))


def repeats(line: bytes, echo: str | None) -> bool:
    """Whether a line, its end and padding left aside, is the command that the instrument was given."""
    words = " ".join(line.strip(_PADDING).decode("latin-1").split())
    return echo is not None and words.casefold() == echo.casefold()


def _message(line: bytes) -> Message:
    match = _MESSAGE.fullmatch(text(line).rstrip())
    if match is None:
        raise Malformed("not a message", line)
    day, hour, minute = int(match[2]), int(match[3]), int(match[4])
    if not (1 <= day <= 366 and hour < 24 and minute < 60):
        raise Malformed("a time that does not exist", line)
    return Message(match[1], day, hour, minute, None if match[5] is None else int(match[5]), match[6])
