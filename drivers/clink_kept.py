"""The records that a Thermo iSeries analyzer keeps (`lrec`), asked for one at a time and told as they are.

One at a time, since no manual tells what separates several in one answer.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from drivers.errors import Garbled, Refused
from drivers.kept import AT_FORMAT, KeptClock, KeptRecord
from drivers.protocols.clink import Answer
from drivers.protocols.clink_record import COUNT, LAYOUT, Record, layout_names, lrec, records
from drivers.protocols.modbus_pdu import Malformed

Ask = Callable[[str], Awaitable[Answer]]
"""The answer to these words; DriverError."""

CLOCK = ("date", "time")
"""Not confirmed for every model: one that does not know them is not asked twice."""
BEYOND = (b"too high", b"too low", b"invalid string", b"data not valid")
"""How it may say that it keeps no such record; the other refusals tell of the analyzer, not of the record."""
CLOCK_FORMATS = ("%m-%d-%y %H:%M:%S", "%m-%d-%y %H:%M")


class ClinkKept:
    """See drivers.kept.Keeping."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._names: tuple[str, ...] = ()

    async def clock(self) -> KeptClock:
        """Date and time, as it answers them."""
        said = " ".join([answer for words in CLOCK if (answer := await self._said(words))])
        return KeptClock(said, _at(said))

    async def total(self) -> int | None:
        """Its `no of lrec`."""
        total = await self._said(COUNT)
        return int(total) if total.isdecimal() else None

    async def record(self, back: int) -> KeptRecord | None:
        """`lrec back 1`, and once `lrec layout` when it leaves the names out."""
        try:
            answer = await self._ask(lrec(back, 1))
        except Refused as refused:
            if back > 1 and any(words in refused.evidence for words in BEYOND):
                return None
            raise
        if not self._names and not _has_names(answer):
            self._names = _layout(await self._ask(LAYOUT))
        read = _records(answer, self._names)
        return _told(read[0]) if read else None

    async def _said(self, words: str) -> str:
        """What the analyzer answers; empty when it does not know these words."""
        try:
            return (await self._ask(words)).words
        except Refused:
            return ""


def _at(said: str) -> str:
    """Of `07-19-22 05:26:40`; empty when it is worded otherwise."""
    for form in CLOCK_FORMATS:
        try:
            clock = datetime.strptime(said, form)  # noqa: DTZ007 - nobody tells its zone
        except ValueError:
            continue
        return clock.replace(year=2000 + clock.year % 100).strftime(AT_FORMAT)
    return ""


def _has_names(answer: Answer) -> bool:
    try:
        records(answer)
    except Malformed:
        return False
    return True


def _layout(answer: Answer) -> tuple[str, ...]:
    try:
        return layout_names(answer)
    except Malformed as wrong:
        raise Garbled(f"no layout: {wrong}", evidence=wrong.evidence) from None


def _records(answer: Answer, names: tuple[str, ...]) -> tuple[Record, ...]:
    try:
        return records(answer, names)
    except Malformed as wrong:
        raise Garbled(f"no record: {wrong}", evidence=wrong.evidence) from None


def _told(record: Record) -> KeptRecord:
    at = f"{record.year:04d}-{record.month:02d}-{record.day:02d} {record.hour:02d}:{record.minute:02d}"
    return KeptRecord(at, (("flags", f"{record.flags:08X}"), *record.fields))
