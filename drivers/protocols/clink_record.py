"""The records that a Thermo iSeries analyzer keeps, to fill the minutes in which nobody could ask it.

    lrec 100 5    counts 100 records back from the newest and returns 5 of them, oldest first
    lr11 100 5    the same, with a sum and with names, whatever the settings are

With names (`lrec format 1`): `05:26 07-19-22 flags 0C100400 o3 30.781 …`; without (`lrec format 0`) only the words,
whose names `lrec layout` tells. The time is the instrument's clock, its zone is not told; the date is month-day-year.

Sources: 42i Trace Level B-19, B-20; 15i B-20; 43i B-19; 5028i B-25 (`lrxy rec num`); Partisol 2000i B-13 (commas).
Not confirmed: what separates the records of one reply. They are cut where a time and a date stand.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from drivers.protocols.clink import Answer
from drivers.protocols.local_time import LocalTime
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import number

MAX_RECORDS: Final = 10
LAYOUT: Final = "lrec layout"
COUNT: Final = "no of lrec"

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE: Final = r"(?:\d\d-\d\d-\d\d|\d{4}[A-Z][a-z]{2}\d\d)"
_START: Final = re.compile(rf"(?:^|(?<=[ ,]))(?=\d\d:\d\d[ ,]{_DATE}[ ,])", re.ASCII)
_HEAD: Final = re.compile(rf"(\d\d):(\d\d) ({_DATE}) (?:flags )?([\da-fA-F]{{8}})(?: |$)", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)
_WORD: Final = re.compile(r"[+-]?[\da-fA-F.]+(?:[eE][+-]?\d+)?", re.ASCII)


class Record(NamedTuple):
    """One record; `fields` are names and words as written. Times are the instrument's own."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    flags: int
    fields: tuple[tuple[str, str], ...]

    def number(self, name: str) -> Decimal:
        """The value of a field. Malformed: there is no such field, or it is no number."""
        for field, word in self.fields:
            if field == name:
                return number(word)
        raise Malformed(
            f"no field {name} in the record", " ".join(field for field, _ in self.fields).encode()
        )


def lrec(back: int, count: int) -> str:
    """The command for `count` (1..10) records from the one that is `back` (1: the newest) from the end."""
    return f"lrec {_range(back, count)}"


def lr(back: int, count: int, *, checksum: bool, names: bool = True) -> str:
    """As `lrec`, with the form of the reply in the command."""
    return f"lr{checksum:d}{names:d} {_range(back, count)}"


def _range(back: int, count: int) -> str:
    if back < 1 or not 1 <= count <= MAX_RECORDS:
        raise ValueError(f"back must be at least 1 and count 1..{MAX_RECORDS}, got {back} and {count}")
    return f"{back} {count}"


def layout_names(answer: Answer) -> tuple[str, ...]:
    """The names behind `lrec layout`'s formats and type letters, without `flags`."""
    words = answer.words.split()
    formats = sum(word.startswith("%") for word in words)
    place = letters = formats
    while place < len(words) and letters > 0:
        letters -= len(words[place])
        place += 1
    names = tuple(name for name in words[place:] if name != "flags")
    if letters or not names or len(names) != formats - 3:
        raise Malformed("a layout whose names do not fit its formats", answer.evidence)
    return names


def records(answer: Answer, names: Sequence[str] = ()) -> tuple[Record, ...]:
    """The records of an answer, in its order. `names`: of the words, if the instrument leaves them out.

    Malformed: a record that is worded otherwise, or more records than were asked for; none is taken then.
    """
    cuts = [match.start() for match in _START.finditer(answer.words)]
    if answer.words and cuts[:1] != [0]:
        raise Malformed("something in front of the first record", answer.evidence)
    if len(cuts) > _asked(answer.command.words):
        raise Malformed(f"more records than asked for ({len(cuts)})", answer.evidence)
    ends = [*cuts[1:], len(answer.words)]
    return tuple(
        decode_record(answer.words[start:end], names) for start, end in zip(cuts, ends, strict=False)
    )


def _asked(command: str) -> int:
    """How many records a command asks for: the last of `lrec 100 5`; one without numbers."""
    words = command.split()
    return int(words[-1]) if len(words) > 2 and words[-1].isdigit() else 1


def decode_record(line: str, names: Sequence[str] = ()) -> Record:
    """One record, its words separated by spaces or commas. Malformed: anything else."""
    words = " ".join(re.split(r"[ ,]+", line.strip(" ,")))
    head = _HEAD.match(words)
    if head is None:
        raise Malformed("no time, date and flags", line.encode())
    year, month, day = _date(head[3])
    hour, minute = int(head[1]), int(head[2])
    if not LocalTime(year, month, day, hour, minute).exists:
        raise Malformed("a time that does not exist", line.encode())
    rest = words[head.end() :].split()
    fields = tuple(zip(names, rest, strict=False)) if names else _pairs(rest, line)
    if (names and len(names) != len(rest)) or not all(_WORD.fullmatch(word) for _, word in fields):
        raise Malformed("fields that do not fit", line.encode())
    return Record(year, month, day, hour, minute, int(head[4], 16), fields)


def _date(word: str) -> tuple[int, int, int]:
    """`07-19-22` (month, day, year of this century) or `2010Mar01`; month 0: it has no such name."""
    if "-" in word:
        month, day, year = (int(part) for part in word.split("-"))
        return 2000 + year, month, day
    name = word[4:7]
    return int(word[:4]), _MONTHS.index(name) + 1 if name in _MONTHS else 0, int(word[7:])


def _pairs(words: list[str], line: str) -> tuple[tuple[str, str], ...]:
    """Names and words. A lone digit where a name should stand is left out: 42i Trace Level B-20 has two."""
    pairs, place = [], 0
    while place < len(words):
        if len(words[place]) == 1 and words[place].isdigit():
            place += 1
            continue
        if not _NAME.fullmatch(words[place]) or place + 1 == len(words):
            raise Malformed("a field without a name or a word", line.encode())
        pairs.append((words[place], words[place + 1]))
        place += 2
    return tuple(pairs)


def encode_record(record: Record, *, names: bool = True) -> str:
    """The words of a record, for a reply."""
    head = (
        f"{record.hour:02d}:{record.minute:02d} {record.month:02d}-{record.day:02d}-{record.year % 100:02d}"
    )
    fields = (f"{name} {word}" if names else word for name, word in record.fields)
    return " ".join((head, f"flags {record.flags:08X}" if names else f"{record.flags:08X}", *fields))
