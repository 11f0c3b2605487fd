"""Thermo's C-Link of the iSeries analyzers: commands in words, replies that repeat them. Records are in clink_record.

    command   id+128, words, CR           an instrument ignores another's id; id 0 needs no such byte
    reply     command, value, unit, CR    `format 00`
              … LF, `sum xxxx`, CR        `format 01`: sum of the characters of the reply, 16 bits, hexadecimal

Commands are not case sensitive. The instrument says no behind the echo, in the words of REFUSALS.

Sources: 48i B-2, B-13; 42i Low Source B-38; 42i Trace Level B-19; 43i B-19, B-29; 410i, 15i and 5030i B-3; 5028i B-2.
The sum leaves the line feed out: 48C B-19 prints 0570 for `set format 01 ok`. Not confirmed, therefore in Wire:
that later models do so too; how a reply ends over TCP (public readers wait for NUL); the `*` that some models
append (Partisol 2000i B-28) and what may stand behind it; that µ is one byte (it is read as `u`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal, malformed, number, sum_of, take_line, text

MAX_COMMAND_BYTES: Final = 256
MAX_REPLY_BYTES: Final = 8192  # ten records of 600 characters
MAX_INSTRUMENT_ID: Final = 127
FLAGS: Final = "flags"

REFUSALS: Final = {
    "bad cmd": "the command is not recognized",
    "too high": "the value is higher than the upper limit",
    "too low": "the value is lower than the lower limit",
    "invalid string": "the value is not worded as it must be",
    "data not valid": "the value is not acceptable for this command",
    "can't, wrong settings": "not allowed in the present measurement mode",
    "can't, mode is service": "not allowed while the instrument is in service mode",
    "feature not enabled": "an option that is not there",
    "no alarm active": "no measurement alarm is active, so there is no word of flags",
}


class State(NamedTuple):
    """What the instrument answers about itself, and the flag that its values then need (None: none)."""

    command: str
    word: str
    flag: str | None
    source: str


# The eight digits of `flags` are told as they are: the figure that explains their bits was not legible.
STATES: Final = (
    State("gas mode", "sample", None, "43i B-29"),
    State("gas mode", "zero", "calibration", "43i B-29"),
    State("gas mode", "span", "calibration", "43i B-29"),
    State("mode", "remote", None, "48i B-2"),
    State("mode", "local", None, "48i B-2"),
    State("mode", "service", "maintenance", "410i B-3; that `mode` answers so is not confirmed"),
)

_ENDS: Final = b"\r\n"
_PADDING: Final = b"\x00" + _ENDS
_SUM: Final = re.compile(rb"\n *sum ([\da-fA-F]{4})")
_STAR: Final = re.compile(r"\*[\da-fA-F ]*")
_MICRO: Final = bytes.maketrans(b"\xb5\xe6", b"uu")


@dataclass(frozen=True, slots=True)
class Wire:
    """How replies look on this line.

    checksum             a reply without `sum` is refused; one that has it is always checked
    sum_with_line_feed   the sum counts the line feed too
    end                  of a reply; with another one than CR, CR separates lines as LF does
    star                 of the simulator's replies; read everywhere
    """

    checksum: bool = False
    sum_with_line_feed: bool = False
    end: bytes = b"\r"
    star: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """`instrument_id` 0..127; None: no byte in front of the words."""

    words: str
    instrument_id: int | None = None

    def __post_init__(self) -> None:
        if (
            not self.words.isascii()
            or not self.words.isprintable()
            or self.words.split() != self.words.split(" ")
        ):
            raise ValueError(f"a command is ASCII words with one space between, got {self.words!r}")
        if len(self.words) > MAX_COMMAND_BYTES - 1:
            raise ValueError(f"a command has at most {MAX_COMMAND_BYTES - 1} characters")
        if self.instrument_id is not None and not 0 <= self.instrument_id <= MAX_INSTRUMENT_ID:
            raise ValueError(f"an instrument id is 0..127, got {self.instrument_id}")


class Answer(NamedTuple):
    """What stands behind the echo, by lines."""

    command: Command
    lines: tuple[str, ...]

    @property
    def words(self) -> str:
        """All of it as one line."""
        return " ".join(self.lines)

    @property
    def evidence(self) -> bytes:
        """The same with the echo before it, which is never empty."""
        return f"{self.command.words} {self.words}".encode()


class Measured(NamedTuple):
    """`unit` as the instrument writes it, empty if it writes none."""

    value: Decimal
    unit: str


def encode_request(command: Command) -> bytes:
    """The bytes a logger sends."""
    prefix = b"" if command.instrument_id is None else bytes((command.instrument_id + 128,))
    return prefix + command.words.encode("ascii") + b"\r"


def take_request(buffer: bytearray) -> Command | None:
    """Remove one command. None: more bytes may make one. Malformed: noise, in front of one or instead of one."""
    length = buffer.find(b"\r", 0, MAX_COMMAND_BYTES + 1)
    start = max((place for place, byte in enumerate(buffer[: max(length, 0)]) if byte >= 0x80), default=0)
    if start:
        raise malformed("noise before a command", buffer, start)
    line = take_line(buffer, b"\r", longest=MAX_COMMAND_BYTES)
    if line is None:
        return None
    prefixed = line[:1] >= b"\x80"
    try:
        return Command(" ".join(text(line[prefixed:]).split()), line[0] - 128 if prefixed else None)
    except Malformed:
        raise
    except ValueError as wrong:
        raise Malformed(str(wrong), line) from wrong


def encode_reply(command: Command, body: str = "", records: Sequence[str] = (), *, wire: Wire) -> bytes:
    """The bytes of an answer: `body` (a value, `ok`, a refusal) behind the echo, `records` on lines of their own."""
    message = "\n".join((f"{command.words} {body}".rstrip(), *records)) + ("*" if wire.star else "")
    line = message.encode("ascii")
    return line + (b"\nsum %04x" % _sum(line, wire) if wire.checksum else b"") + wire.end


def take_reply(buffer: bytearray, command: Command, wire: Wire) -> Answer | None:
    """Remove the answer to `command`. None: more bytes may complete it.

    Refusal: the instrument says no. Malformed: noise, a wrong or missing sum, or not the echo of this command.
    """
    ahead = bytes(buffer[:MAX_REPLY_BYTES])
    start = len(ahead) - len(ahead.lstrip(_PADDING))
    line = take_line(buffer, wire.end, longest=MAX_REPLY_BYTES, start=start)
    if line is None:
        return None
    message = line.rstrip(_ENDS)  # no NUL: it may be a digit whose parity was wrong
    lines = _lines(_without_sum(message, wire), message)
    body = _behind_echo(lines[0], command)
    if body is None:
        raise Malformed(f"not an answer to {command.words!r}", message)
    said = body or (lines[1] if len(lines) == 2 else "")
    if said in REFUSALS:
        raise Refusal(f"{command.words!r}: {said} ({REFUSALS[said]})", message)
    return Answer(command, tuple(line for line in (body, *lines[1:]) if line))


def measured(answer: Answer) -> Measured:
    """`30.781 ppb`. Malformed: no number in front, or more than one line."""
    first, _, unit = answer.words.partition(" ")
    if len(answer.lines) != 1:
        raise _unlike("one value", answer)
    try:
        return Measured(number(first), unit)
    except Malformed as wrong:
        raise Malformed(f"{first!r} is not a number", answer.evidence) from wrong


def flags(answer: Answer) -> int:
    """The word of 32 bits that eight hexadecimal digits are."""
    if re.fullmatch(r"[\da-fA-F]{8}", answer.words, re.ASCII) is None:
        raise _unlike("eight hexadecimal digits", answer)
    return int(answer.words, 16)


def check_accepted(answer: Answer) -> None:
    """A `set` was carried out. Malformed: the answer is not `ok`."""
    if answer.words != "ok":
        raise _unlike("ok", answer)


def state_of(answer: Answer) -> State | None:
    """The row of STATES that this is; None: no row has it."""
    asked = (answer.command.words.lower(), answer.words.lower())
    return next((state for state in STATES if (state.command, state.word) == asked), None)


def _without_sum(message: bytes, wire: Wire) -> bytes:
    place = message.rfind(b"\n")
    told = _SUM.fullmatch(message, place) if place >= 0 else None
    if told is None:
        if wire.checksum:
            raise Malformed("a reply without its sum", message)
        return message
    if int(told[1], 16) != _sum(message[:place], wire):
        raise Malformed(f"the sum is not {_sum(message[:place], wire):04x}", message)
    return message[:place]


def _sum(line: bytes, wire: Wire) -> int:
    return sum_of(line + b"\n" * wire.sum_with_line_feed, bits=16)


def _lines(message: bytes, evidence: bytes) -> list[str]:
    """Its lines, single spaces between the words, without a star at the end; one at least."""
    lines = message.translate(_MICRO).replace(b"\r", b"\n").split(b"\n")
    try:
        words = [" ".join(text(line).split()) for line in lines]
    except Malformed as wrong:
        raise Malformed("characters that are not printable ASCII", evidence) from wrong
    star = words[-1].find("*")
    if star >= 0 and _STAR.fullmatch(words[-1], star):
        words[-1] = words[-1][:star].rstrip()
    return words


def _behind_echo(line: str, command: Command) -> str | None:
    """What follows the repeated command; a refusal may come without it. None: it is another line."""
    if line in REFUSALS:
        return line
    if f"{line} ".lower().startswith(f"{command.words} ".lower()):
        return line[len(command.words) + 1 :]
    return None


def _unlike(what: str, answer: Answer) -> Malformed:
    return Malformed(f"the answer to {answer.command.words!r} is not {what}", answer.evidence)
