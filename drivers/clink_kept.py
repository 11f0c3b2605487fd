"""The records that a Thermo iSeries analyzer keeps (`lrec`), asked for one at a time and told as they are.

One at a time, since no manual tells what separates several in one answer. The count runs back from the newest: a
record that is stored between two questions shows as the one before once more, and is passed over.
"""

from collections.abc import Awaitable, Callable

from drivers.errors import Garbled, Refused
from drivers.kept import Kept, KeptRecord
from drivers.protocols.clink import Answer
from drivers.protocols.clink_record import COUNT, LAYOUT, Record, layout_names, lrec, records
from drivers.protocols.modbus_pdu import Malformed

Ask = Callable[[str], Awaitable[Answer]]
"""The answer to these words; DriverError."""

CLOCK = ("date", "time")
"""Not confirmed for every model: one that does not know them is not asked twice."""


async def kept(ask: Ask, count: int) -> Kept:
    """The newest `count` records, fewer when the analyzer has no more."""
    clock = " ".join([said for words in CLOCK if (said := await _said(ask, words))])
    total = await _said(ask, COUNT)
    found: list[Record] = []
    names: tuple[str, ...] = ()
    back = 1
    while len(found) < count and back <= 2 * count:
        try:
            answer = await ask(lrec(back, 1))
        except Refused:
            if not found:
                raise
            break  # it keeps no more
        if not names and not _has_names(answer):
            names = _layout(await ask(LAYOUT))
        read = _records(answer, names)
        if not read:
            break
        back += 1
        if read[0] not in found[-1:]:
            found.append(read[0])
    return Kept(tuple(map(_told, found)), clock, int(total) if total.isdecimal() else None)


async def _said(ask: Ask, words: str) -> str:
    """What the analyzer answers; empty when it does not know these words."""
    try:
        return (await ask(words)).words
    except Refused:
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
