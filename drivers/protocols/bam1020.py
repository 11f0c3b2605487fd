"""Met One BAM-1020, dust by beta rays: escape commands and the lines of its CSV report. Both directions.

Sources: BAM 1020-9800 Manual Rev W, page 86 (CSV menu), 90 (time of a value), 93 (data pointer), 94 (queries);
the report's header and record are what a real instrument printed (test_bam1020_record.py quotes it).

    ESC Q CR        the last record          ESC QH CR      its header
    ESC QC CR       the same as configured   ESC QCH CR     on the instrument
    CR CR CR        wakes the menu: `*`; then `6` (CSV, prompt `>`) and 2 all, 3 new, 4 last

There is no check character. A record is read with its header in hand, and the count of its fields, its time
and its error letters (0 or 1) must fit. A value belongs to the hour that ended at the record's time (at minute
55 in EARLY cycle mode); units are those of the header, whose letters without a unit are the errors.
"""

import re
from dataclasses import dataclass
from typing import Final

from drivers.protocols.bam1020_record import (
    Dialect,
    Header,
    Record,
    decode_header,
    decode_record,
    header_line,
    record_line,
    starts_with_time,
)
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import MAX_LINE_BYTES, malformed, take_line, text

PROMPT: Final = b"*"
MENU_PROMPT: Final = b">"
CSV_MENU: Final = "6"
ALL_RECORDS, NEW_RECORDS, LAST_RECORD, ERROR_LOG = "2", "3", "4", "9"
POINTER_FILES: Final = (3, 6, 8)
"""Records, flow statistics, five-minute flow."""

_WAKE: Final = b"\r\r\r"
_MAX_COMMAND_BYTES: Final = 16
_POINTER: Final = re.compile(r"([368]) (\d{1,4})", re.ASCII)
_STATION: Final = re.compile(r"Station\s*,\s*(\d+)\s*,?$", re.ASCII)
_STANDARD: Final = Dialect()


@dataclass(frozen=True, slots=True)
class Query:
    """`header` True asks for the names and units, False for the last record."""

    header: bool = False
    custom: bool = False

    @property
    def word(self) -> str:
        """`Q`, `QH`, `QC` or `QCH`."""
        return f"Q{'C' if self.custom else ''}{'H' if self.header else ''}"


@dataclass(frozen=True, slots=True)
class PointerBack:
    """`ESC 3 24 CR`: the next report of new records begins `hours` (1..9999) ago. The answer is not described."""

    file: int
    hours: int

    def __post_init__(self) -> None:
        if self.file not in POINTER_FILES or not 1 <= self.hours <= 9999:
            raise ValueError(f"file 3, 6 or 8 and 1..9999 hours, got {self.file}, {self.hours}")

    @property
    def word(self) -> str:
        """`3 24`; the blank is the manual's."""
        return f"{self.file} {self.hours}"


@dataclass(frozen=True, slots=True)
class Wake:
    """Three carriage returns; the menu answers with its prompt `*`, and falls asleep after some minutes."""


@dataclass(frozen=True, slots=True)
class Key:
    """One character typed into the menu."""

    character: str

    def __post_init__(self) -> None:
        if len(self.character) != 1 or not " " < self.character <= "~":
            raise ValueError(f"a key is one printable character, got {self.character!r}")


@dataclass(frozen=True, slots=True)
class Title:
    """A line of a report that is neither header nor record: a menu line, `Station, 5`."""

    words: str

    @property
    def station(self) -> str | None:
        """The number in `Station, 5`."""
        found = _STATION.search(self.words)
        return found[1] if found else None


Request = Query | PointerBack | Wake | Key
_QUERIES: Final = {query.word: query for query in (Query(h, c) for h in (False, True) for c in (False, True))}


def encode_request(request: Request, dialect: Dialect = _STANDARD) -> bytes:
    """The bytes to send."""
    match request:
        case Wake():
            return _WAKE
        case Key():
            return request.character.encode("ascii")
        case Query() | PointerBack():
            blank = b" " if dialect.blank else b""
            return dialect.lead + blank + request.word.encode("ascii") + blank + b"\r"


def take_request(buffer: bytearray, dialect: Dialect = _STANDARD) -> Request | None:
    """Remove one command or one key, as the instrument hears them. None: more may come.

    Malformed: an escape command that is not spoken here, fewer than three returns, unprintable noise.
    """
    if not buffer:
        return None
    if buffer.startswith(dialect.lead):
        return _escape(buffer, dialect)
    if buffer.startswith(_WAKE):
        del buffer[: len(_WAKE)]
        return Wake()
    if _WAKE.startswith(buffer):
        return None
    if 0x20 < buffer[0] < 0x7F:
        key = Key(chr(buffer[0]))
        del buffer[0]
        return key
    raise malformed("noise in place of a command", buffer, 1)


def _escape(buffer: bytearray, dialect: Dialect) -> Query | PointerBack | None:
    end = buffer.find(b"\r", 0, _MAX_COMMAND_BYTES)
    if end < 0 and len(buffer) < _MAX_COMMAND_BYTES:
        return None
    if end < 0:
        raise malformed("no end of an escape command", buffer, _MAX_COMMAND_BYTES)
    line = bytes(buffer[:end])
    del buffer[: end + 1]
    word = text(line[len(dialect.lead) :]).strip(" ")
    if word in _QUERIES:
        return _QUERIES[word]
    pointer = _POINTER.fullmatch(word)
    if pointer is None or int(pointer[2]) == 0:
        raise Malformed("an escape command that is not spoken here", line)
    return PointerBack(int(pointer[1]), int(pointer[2]))


def encode_header(header: Header, dialect: Dialect = _STANDARD) -> bytes:
    """One line with its end."""
    return header_line(header).encode("ascii") + dialect.end


def encode_record(record: Record, header: Header, dialect: Dialect = _STANDARD) -> bytes:
    """One line with its end, the fields in the header's order. ValueError: it has not the header's fields."""
    return record_line(record, header, dialect).encode("ascii") + dialect.end


def take_header(buffer: bytearray, query: Query, dialect: Dialect = _STANDARD) -> Header | None:
    """Remove the answer to `ESC QH` or `ESC QCH`. Malformed: any other line."""
    line = _take_line(buffer, dialect, encode_request(query, dialect))
    return None if line is None else decode_header(text(line))


def take_record(
    buffer: bytearray, query: Query, header: Header, dialect: Dialect = _STANDARD
) -> Record | None:
    """Remove the answer to `ESC Q` (`ESC QC`), whose names and units `ESC QH` (`ESC QCH`) told.

    Malformed: any other line, another count of fields than the header's, a time that does not exist.
    """
    line = _take_line(buffer, dialect, encode_request(query, dialect))
    return None if line is None else decode_record(text(line), header, dialect)


def take_prompt(buffer: bytearray, prompt: bytes) -> str | None:
    """Remove everything up to `prompt`; what stood before it (an echo, the menu). None: it has not come."""
    at = buffer.find(prompt, 0, MAX_LINE_BYTES)
    if at < 0 and len(buffer) < MAX_LINE_BYTES:
        return None
    if at < 0:
        raise malformed(f"no prompt {prompt.decode('ascii')}", buffer, MAX_LINE_BYTES)
    before = bytes(buffer[:at])
    del buffer[: at + len(prompt)]
    return before.decode("ascii", "replace").strip()


def take_report_line(
    buffer: bytearray, header: Header | None, dialect: Dialect = _STANDARD
) -> Title | Header | Record | None:
    """Remove one line of a CSV report; `header` is the last one that this function gave, None before it.

    Malformed: a record before any header, a record that does not fit it, half a line.
    """
    line = _take_line(buffer, dialect, b"")
    if line is None:
        return None
    words = text(line)
    if words.startswith("Time,"):
        return decode_header(words)
    if starts_with_time(words, dialect):
        if header is None:
            raise Malformed("a record before its header", line)
        return decode_record(words, header, dialect)
    title = Title(words)
    if "," in words and title.station is None:
        raise Malformed("neither a title, a header nor a record", line)
    return title


def _take_line(buffer: bytearray, dialect: Dialect, echo: bytes) -> bytes | None:
    """One line that is not empty, without the command's echo in front (not confirmed that there is one)."""
    head = bytes(buffer[:MAX_LINE_BYTES])
    start = len(head) - len(head.lstrip(b"\r\n"))
    if echo and buffer.startswith(echo, start):
        rest = head[start + len(echo) :]
        start = len(head) - len(rest.lstrip(b"\r\n"))
    longest = MAX_LINE_BYTES - _MAX_COMMAND_BYTES - len(dialect.end)
    return take_line(buffer, dialect.end, longest=longest, start=start, echo=_MAX_COMMAND_BYTES)
