"""Header and record of a Met One BAM-1020, and what its error letters mean.

Sources: a report that a real instrument printed (its test quotes it); BAM 1020-9800 Manual Rev W, pages 57, 78, 90, 94.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from drivers.protocols.local_time import LocalTime
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import number

DateOrder = Literal["MDY", "DMY", "YMD"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the manual leaves open or prints for the reader's eye. Not confirmed: `blank`, `end`, `comma`.

    `lead` is ESC, or STX where a modem swallows ESC (Rev W, page 94). `blank`: `<Esc> QC <enter>` is sent with
    its blanks. `date` is MDY in all reports that were seen (`01/30/08 16:00`). `comma`: one ends each record.
    """

    lead: bytes = b"\x1b"
    blank: bool = False
    end: bytes = b"\r\n"
    date: DateOrder = "MDY"
    comma: bool = True


class ErrorRow(NamedTuple):
    """`invalid`: the instrument's own relay INVALID DATA goes on with it (Rev W, page 78, number 6)."""

    meaning: str
    flag: str
    invalid: bool


ERRORS: Final = {
    "L": ErrorRow("power failure", "instrument_fault", True),  # copy at 1library.net, files 1 to 3; page 78
    "M": ErrorRow("maintenance by the operator", "maintenance", True),  # likewise
    "U": ErrorRow("the data logger signals a fault", "instrument_fault", True),  # page 78, number 1
    "F": ErrorRow("flow", "instrument_fault", False),  # page 57: kept, full scale, or of less air
    "P": ErrorRow("pressure drop across the tape", "instrument_fault", True),  # page 57
    "T": ErrorRow("tape", "instrument_fault", False),  # page 78, number 4
    "C": ErrorRow("error C, data invalid", "instrument_fault", True),  # page 78; meaning not confirmed
    "I": ErrorRow("error I, data invalid", "instrument_fault", True),
    "N": ErrorRow("error N, data invalid", "instrument_fault", True),
    "R": ErrorRow("error R, data invalid", "instrument_fault", True),
}
"""Letter to meaning. E and D occur too and were not read in a manual: they are shown and not interpreted."""

_COLUMN: Final = re.compile(r"([A-Za-z][A-Za-z0-9 ._/-]*)(?:\(([^()]*)\))?", re.ASCII)
_CLOCK: Final = r" (?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
_TIMES: Final[dict[DateOrder, re.Pattern[str]]] = {
    "MDY": re.compile(r"(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>\d\d(?:\d\d)?)" + _CLOCK, re.ASCII),
    "DMY": re.compile(r"(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d\d(?:\d\d)?)" + _CLOCK, re.ASCII),
    "YMD": re.compile(r"(?P<year>\d\d(?:\d\d)?)[/-](?P<month>\d\d)[/-](?P<day>\d\d)" + _CLOCK, re.ASCII),
}


class Column(NamedTuple):
    """`Conc(mg/m3)` is name `Conc`, unit `mg/m3`. One capital without a unit is an error letter."""

    name: str
    unit: str = ""

    @property
    def is_error(self) -> bool:
        """Whether this column says an error."""
        return len(self.name) == 1 and self.name.isupper() and not self.unit


@dataclass(frozen=True, slots=True)
class Header:
    """The columns in their order. A name stands in it once."""

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        if len({column.name for column in self.columns}) != len(self.columns):
            raise ValueError("a column twice in one header")


class Field(NamedTuple):
    """One value with the unit of its header. `written` has its blanks: the queries pad to a fixed width."""

    name: str
    written: str
    unit: str

    @property
    def value(self) -> Decimal | None:
        """Exactly as written. None: `reason` tells why."""
        return None if self.reason else number(self.written.strip(" "))

    @property
    def reason(self) -> str:
        """Why there is no value; empty when there is one."""
        word = self.written.strip(" ")
        if not word:
            return f"{self.name} is empty"
        try:
            number(word)
        except Malformed:
            return f"{self.name} is {word!r}, no number"
        return ""


@dataclass(frozen=True, slots=True)
class Record:
    """One hour. `time` is None only where a custom query leaves it out; `errors` are the letters that are 1."""

    time: LocalTime | None
    time_written: str
    fields: tuple[Field, ...]
    errors: tuple[str, ...]


def decode_header(words: str) -> Header:
    """The header that a line is. Malformed: it is none."""
    columns = [_COLUMN.fullmatch(word.strip(" ")) for word in words.removesuffix(",").split(",")]
    found = tuple(Column(match[1].strip(" "), match[2] or "") for match in columns if match)
    if len(found) != len(columns) or len(found) < 2:
        raise Malformed("no header", words.encode())
    try:
        return Header(found)
    except ValueError as wrong:
        raise Malformed(str(wrong), words.encode()) from wrong


def header_line(header: Header) -> str:
    """`Time,Conc(mg/m3),...`."""
    return ",".join(f"{name}({unit})" if unit else name for name, unit in header.columns)


def decode_record(words: str, header: Header, dialect: Dialect) -> Record:
    """The record that a line is. Malformed: it does not fit its header."""
    parts = words.split(",")
    if len(parts) == len(header.columns) + 1 and not parts[-1].strip(" "):
        parts.pop()
    if len(parts) != len(header.columns):
        raise Malformed(f"{len(parts)} fields, the header has {len(header.columns)}", words.encode())
    paired = list(zip(header.columns, parts, strict=True))
    said = [(column.name, part.strip(" ")) for column, part in paired if column.is_error]
    if not all(digit in {"0", "1"} for _, digit in said):
        raise Malformed("an error letter that is neither 0 nor 1", words.encode())
    times = [part for column, part in paired if column.name == "Time"]
    return Record(
        _time(times[0], dialect, words) if times else None,
        "".join(times),
        tuple(Field(*_field(pair)) for pair in paired if not pair[0].is_error and pair[0].name != "Time"),
        tuple(letter for letter, digit in said if digit == "1"),
    )


def _field(pair: tuple[Column, str]) -> tuple[str, str, str]:
    return pair[0].name, pair[1], pair[0].unit


def record_line(record: Record, header: Header, dialect: Dialect) -> str:
    """The line of a record. ValueError: its fields are not the header's."""
    written = {field.name: field.written for field in record.fields}
    words = []
    for column in header.columns:
        if column.is_error:
            words.append("1" if column.name in record.errors else "0")
        else:
            words.append(record.time_written if column.name == "Time" else written.get(column.name, ""))
    line = ",".join(words) + ("," if dialect.comma else "")
    try:
        same = decode_record(line, header, dialect) == record
    except Malformed:
        same = False
    if not same:
        raise ValueError("a record that does not fit its header")
    return line


def starts_with_time(words: str, dialect: Dialect) -> bool:
    """Whether a line of a report begins as a record does."""
    return _TIMES[dialect.date].match(words.lstrip(" ")) is not None


def _time(written: str, dialect: Dialect, words: str) -> LocalTime:
    found = _TIMES[dialect.date].fullmatch(written.strip(" "))
    if found is None:
        raise Malformed(f"{written!r} is no time in the order {dialect.date}", words.encode())
    year, month, day = (int(found[part]) for part in ("year", "month", "day"))
    time = LocalTime(
        year if len(found["year"]) == 4 else 2000 + year,
        month,
        day,
        int(found["hour"]),
        int(found["minute"]),
        int(found["second"] or 0),
    )
    if not time.exists:
        raise Malformed(f"{written!r} does not exist", words.encode())
    return time
