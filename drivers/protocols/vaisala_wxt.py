"""Vaisala WXT510, WXT520 and WXT530 in ASCII: messages sent unasked and polled, with and without CRC.

Sources: WXT530 Series User Guide M211840EN-G, chapter 7 (messages, polling with CRC); WXT520 User's Guide
M210906EN-C, pages 65 (order of parameters), 78 and 79 (CRC in automatic mode).

    0R1,Dn=160D,Sm=4.1M     address, R, message number, then name=value and one letter for the unit
    0r1,Sn=0.1MGOG          the same with three characters of CRC; the command has them too: 0r1Goe
    0TX,Start-up            words, see vaisala_wxt_tables

The unit letter `#` marks a value that is not valid. Without CRC nothing proves a line, and lines that ran into
each other do occur: a name twice, of another message, out of its order, or with a unit that it cannot have
makes the whole line worthless, and of two messages in one line only the last is read. Use the CRC.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.sdi12_crc import crc_of, without_crc
from drivers.protocols.text import MAX_LINE_BYTES, Refusal, malformed, number, take_line, text
from drivers.protocols.vaisala_wxt_tables import COMBINED, COMPOSITE, MESSAGES, Units, text_row

INVALID: Final = "#"
_END: Final = b"\r\n"
_ADDRESS: Final = re.compile(r"[0-9A-Za-z]", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_START: Final = {
    False: re.compile(rb"[0-9A-Za-z](R[0-9]|TX),"),
    True: re.compile(rb"[0-9A-Za-z](r[0-9]|tX),"),
}
_COMMAND: Final = {False: re.compile(r"([0-9A-Za-z])R([0-9]?)"), True: re.compile(r"([0-9A-Za-z])r([0-9]?)")}


@dataclass(frozen=True, slots=True)
class Dialect:
    """`crc`: commands and messages carry one, and those without are refused.

    `more` are messages that are not in MESSAGES, by number, then name, then unit letter: the analog inputs of
    a WXT536 (R4), whose names were not read in a manual. Their names may come in any order.
    """

    crc: bool = False
    more: Mapping[int, Mapping[str, Units]] = field(default_factory=dict)


PLAIN: Final = Dialect()
PROVEN: Final = Dialect(crc=True)


class Parameter(NamedTuple):
    """One value as it stands in the message: `Parameter("Dn", "160", "D")`. `Id` is words, without a unit."""

    name: str
    written: str
    unit: str

    @property
    def value(self) -> Decimal | None:
        """The number exactly as written. None: the instrument marks it invalid, or it is words."""
        return None if self.reason else number(self.written)

    @property
    def reason(self) -> str:
        """Why there is no value; empty when there is one."""
        if self.unit == INVALID:
            return f"{self.name} is marked invalid (#)"
        return "" if self.unit else f"{self.name} is words"


@dataclass(frozen=True, slots=True)
class Message:
    """aR1 wind, aR2 pressure temperature humidity, aR3 rain and hail, aR5 supervisor, aR0 a choice of all."""

    address: str
    number: int
    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        if _ADDRESS.fullmatch(self.address) is None or not 0 <= self.number <= 9 or not self.parameters:
            raise ValueError(f"no message: address {self.address!r}, number {self.number}")


class Words(NamedTuple):
    """A text message: a restart, a reset, or the refusal of a command."""

    address: str
    words: str


@dataclass(frozen=True, slots=True)
class Request:
    """Poll one message. `number` None asks for messages 1, 2, 3 and 5, which come one after the other."""

    address: str
    number: int | None

    def __post_init__(self) -> None:
        if _ADDRESS.fullmatch(self.address) is None or not 0 <= (self.number or 0) <= 9:
            raise ValueError(f"no command: address {self.address!r}, number {self.number}")


def encode_request(request: Request, dialect: Dialect = PLAIN) -> bytes:
    """`0R1` or `0r1Goe`, and CR LF."""
    letter = "r" if dialect.crc else "R"
    number_ = "" if request.number is None else str(request.number)
    return _framed(f"{request.address}{letter}{number_}", dialect)


def take_request(buffer: bytearray, dialect: Dialect = PLAIN) -> Request | None:
    """Remove one command. Malformed: any other line, and a wrong CRC (the instrument answers `Use chksum`)."""
    line = take_line(buffer, _END)
    if line is None:
        return None
    found = _COMMAND[dialect.crc].fullmatch(_body(line, dialect))
    if found is None:
        raise Malformed("no data query command", line)
    return Request(found[1], int(found[2]) if found[2] else None)


def encode_message(message: Message | Words, dialect: Dialect = PLAIN) -> bytes:
    """The bytes of one message or text."""
    if isinstance(message, Words):
        return _framed(f"{message.address}{'t' if dialect.crc else 'T'}X,{message.words}", dialect)
    fields = ",".join(f"{one.name}={one.written}{one.unit}" for one in message.parameters)
    return _framed(f"{message.address}{'r' if dialect.crc else 'R'}{message.number},{fields}", dialect)


def take_message(buffer: bytearray, dialect: Dialect = PLAIN) -> Message | Words | None:
    """Remove one message or text, as they come in automatic mode. None: its end has not come.

    Malformed: noise or half a message in front of one (the next call returns that), a wrong CRC, or a line
    that is ambiguous. The caller knows its instrument's address and checks it.
    """
    line = _take(buffer, dialect)
    return None if line is None else _decode(line, dialect)


def encode_reply(message: Message | Words, dialect: Dialect = PLAIN) -> bytes:
    """The same bytes as in automatic mode."""
    return encode_message(message, dialect)


def take_reply(buffer: bytearray, request: Request, dialect: Dialect = PLAIN) -> Message | None:
    """Remove one message that answers `request`; a combined query is answered by several.

    Refusal: the instrument says in words that it will not. Malformed: another message or address, words about
    something else (a restart), noise.
    """
    line = _take(buffer, dialect)
    if line is None:
        return None
    heard = _decode(line, dialect)
    asked = COMBINED if request.number is None else (request.number,)
    if heard.address != request.address:
        raise Malformed(f"address {heard.address} speaks, {request.address} was asked", line)
    if isinstance(heard, Message) and heard.number in asked:
        return heard
    if isinstance(heard, Message):
        raise Malformed(f"message {heard.number} does not answer the query", line)
    row = text_row(heard.words)
    if row is not None and row.refuses:
        raise Refusal(f"the instrument says {heard.words!r}: {row.meaning}", line)
    raise Malformed(f"the instrument says {heard.words!r}", line)


def _framed(words: str, dialect: Dialect) -> bytes:
    line = words.encode("ascii")
    return line + (crc_of(line) if dialect.crc else b"") + _END


def _body(line: bytes, dialect: Dialect) -> str:
    return text(without_crc(line) if dialect.crc else line)


def _take(buffer: bytearray, dialect: Dialect) -> bytes | None:
    end = buffer.find(_END, 0, MAX_LINE_BYTES + len(_END))
    starts = [found.start() for found in _START[dialect.crc].finditer(buffer, 0, max(end, 0))]
    if starts and starts[-1] > 0:
        raise malformed("noise before a message", buffer, starts[-1])
    return take_line(buffer, _END)


def _decode(line: bytes, dialect: Dialect) -> Message | Words:
    if _START[dialect.crc].match(line) is None:
        raise Malformed(f"no message {'with' if dialect.crc else 'without'} CRC", line)
    body = _body(line, dialect)
    address, kind, rest = body[0], body[1:3], body[4:]
    if kind.upper() == "TX":
        return Words(address, rest)
    known = dialect.more.get(int(kind[1])) or MESSAGES.get(int(kind[1]))
    if known is None:
        raise Malformed(f"a message {kind} that is not described", line)
    parameters = tuple(_parameter(word, known, line) for word in rest.split(","))
    _check_names(int(kind[1]), [one.name for one in parameters], line)
    return Message(address, int(kind[1]), parameters)


def _parameter(word: str, known: Mapping[str, Units], line: bytes) -> Parameter:
    name, sign, rest = word.partition("=")
    if not sign or name not in known:
        raise Malformed(f"{word!r} is no parameter of this message", line)
    if not known[name]:
        return Parameter(name, rest, "")
    written, unit = rest[:-1], rest[-1:]
    invalid = unit == INVALID and (not written or _NUMBER.fullmatch(written))
    if not invalid and (unit not in known[name] or _NUMBER.fullmatch(written) is None):
        raise Malformed(f"{word!r} is not a number with a unit of {name}", line)
    return Parameter(name, written, unit)


def _check_names(message: int, names: list[str], line: bytes) -> None:
    """The manual's own examples of aR0 break the order, so there only doublets tell that lines were merged."""
    if len(set(names)) != len(names):
        raise Malformed("a parameter twice in one message", line)
    order = list(MESSAGES.get(message, ()))
    in_order = [name for name in order if name in names]
    if message != COMPOSITE and order and names != in_order:
        raise Malformed("parameters out of their order", line)
