"""Met One BAM-1020: the dust of the last hour, with the time of the instrument's own clock.

Fields are the columns of its header: Conc, Qtot, WS, WD, BP, RH, AT and so on; `Time` is the end of the hour as
text, in the instrument's local time. Units are the header's and are taken into the channel's.

The readings are signed as read: the driver cannot know how the instrument's clock runs, so the hour that a value
belongs to stands in the channel `Time` and nowhere else. A record that is the same for longer than 90 minutes is
stale. Nothing proves a line, so the record is asked for twice and counts only if both are the same.
"""

from collections.abc import Iterator
from typing import ClassVar, Final, Literal

from pydantic import Field

from drivers.character_settings import FAULT, CharacterChannel, CharacterSettings
from drivers.characters import CharacterLine, Heard, Talk
from drivers.driver import Cycle, DriverSettings, SettingProblem
from drivers.errors import Garbled
from drivers.protocols.bam1020 import Query, encode_request, take_header, take_record
from drivers.protocols.bam1020_record import ERRORS, DateOrder, Dialect, Header, Record
from drivers.protocols.bam1020_record import Field as Column
from drivers.protocols.local_time import LocalTime
from drivers.statements import Account, Said, Statement, unit_problems
from telemetry.reading import Flag

TIME: Final = "Time"
STALE_AFTER_MS: Final = 90 * 60_000
UNIT_WORDS: Final = {
    "mps": "m/s",
    "m/s": "m/s",
    "kph": "km/h",
    "mph": "mph",
    "knots": "kn",
    "deg": "deg",
    "c": "degC",
    "f": "degF",
    "%": "%",
    "lpm": "L/min",
    "mmhg": "mmHg",
    "inhg": "inHg",
    "mbar": "mbar",
    "hpa": "hPa",
    "v": "V",
}
"""What the words in a header mean, in small letters (`mg/m3` to `C` stand in the report of a real
instrument; the others by their looks). A word that is not here is taken as it stands."""
_COLUMN_UNITS: Final = {"BP": {"mm": "mmHg"}}
_FLAGS: Final = {"instrument_fault": FAULT, "maintenance": int(Flag.MAINTENANCE)}


class Channel(CharacterChannel):
    """`[[device.channel]]` of a BAM-1020; the channel of the field `Time` has no unit."""

    unit: str = ""


class Settings(CharacterSettings):
    """A BAM-1020 at its serial port, in the mode that answers escape commands."""

    channel: tuple[Channel, ...] = Field(json_schema_extra={"minItems": 1})
    custom: bool = False
    """Whether it is asked for the record that was configured in it (ESC QC)."""
    date: DateOrder = "MDY"
    """In which order its dates are."""
    lead: Literal["ESC", "STX"] = "ESC"
    """With what commands begin; STX where a modem swallows ESC."""
    blank: bool = False
    """Whether commands have blanks around them."""

    def alone(self) -> bool:
        """Nothing in its answers says whose they are."""
        return True

    def asks(self) -> str:
        """The commands of one poll."""
        word = "QC" if self.custom else "Q"
        return f"{self.lead} {word}H, {self.lead} {word}"

    def dialect(self) -> Dialect:
        """How it is spoken to."""
        return Dialect(lead={"ESC": b"\x1b", "STX": b"\x02"}[self.lead], blank=self.blank, date=self.date)

    def problems(self) -> Iterator[SettingProblem]:
        """Between channels, then units."""
        yield from super().problems()
        for index, channel in enumerate(self.channel):
            if channel.source == TIME:
                if channel.unit or channel.range or (channel.scale, channel.offset) != (1, 0):
                    wrong = "the time is a text, without unit, range, scale and offset"
                    yield SettingProblem(("channel", index, "unit"), wrong)
            elif not channel.unit:
                wrong = 'a unit of measure is needed, for example "ug/m3"'
                yield SettingProblem(("channel", index, "unit"), wrong)
            else:
                yield from unit_problems(index, channel, _said_units(channel))


def _said_units(channel: Channel) -> tuple[str, ...]:
    """In which units the column may come; of a column that is not fixed by the maker, the channel's."""
    fixed = {"Conc": ("mg/m3", "ug/m3"), "BP": ("mmHg", "hPa", "inHg"), "AT": ("degC", "degF"), "RH": ("%",)}
    return fixed.get(channel.source, (channel.unit,))


class Bam1020Driver:
    """One instrument. It remembers since when it has seen the record of this hour."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: CharacterLine) -> None:
        assert isinstance(settings, Settings)
        self._settings = settings
        self._line = line
        self._dialect = settings.dialect()
        self._hour: tuple[str, int] | None = None

    async def read(self) -> Cycle:
        """The last record, by the header that was told just before it."""
        record, at_mono_ms = await self._line.converse(self._ask)
        flags, notes, void = _errors(record)
        said = {field.name: _said(field, void=flags if void else 0) for field in record.fields}
        if self._is_stale(record, at_mono_ms):
            flags |= Flag.STALE
            notes = (*notes, f"the record of {record.time_written.strip()} for more than 90 minutes")
        if record.time is not None:
            said[TIME] = Said(None, words=_iso(record.time))
        account = Account()
        account.add([Heard(Statement(said, notes, int(flags)), at_mono_ms)])
        return account.cycle(self._settings.channel)

    async def _ask(self, talk: Talk) -> Heard[Record]:
        """The record, asked for twice: no other check tells a damaged digit."""
        names = Query(header=True, custom=self._settings.custom)
        last = Query(custom=self._settings.custom)

        def header(buffer: bytearray) -> Header | None:
            return take_header(buffer, names, self._dialect)

        told = (await talk.ask(encode_request(names, self._dialect), header)).message

        def record(buffer: bytearray) -> Record | None:
            return take_record(buffer, last, told, self._dialect)

        once = await talk.ask(encode_request(last, self._dialect), record)
        twice = await talk.ask(encode_request(last, self._dialect), record)
        if once.message != twice.message:
            raise Garbled("the last record, asked for twice, is not the same")
        return twice

    def _is_stale(self, record: Record, at_mono_ms: int) -> bool:
        if record.time is None:
            return False
        if self._hour is None or self._hour[0] != record.time_written:
            self._hour = (record.time_written, at_mono_ms)
        return at_mono_ms - self._hour[1] > STALE_AFTER_MS


def _errors(record: Record) -> tuple[int, tuple[str, ...], bool]:
    """Flags of the letters that are set, the letters in words, and whether the record's values are void.

    A letter that is not described makes the values doubtful and leaves them there.
    """
    flags, notes, void = 0, [], False
    for letter in record.errors:
        row = ERRORS.get(letter)
        flags |= _FLAGS[row.flag] if row else FAULT
        void = void or (row is not None and row.invalid)
        notes.append(f"error {letter}: {row.meaning if row else 'not described'}")
    return flags, tuple(notes), void


def _said(column: Column, *, void: int) -> Said:
    """`void`: the flags because of which its value does not count; 0: it does."""
    unit = _COLUMN_UNITS.get(column.name, {}).get(column.unit) or UNIT_WORDS.get(
        column.unit.lower(), column.unit
    )
    if void:
        return Said(None, unit, f"{column.name}: the instrument calls its data invalid", void)
    return Said(column.value, unit, column.reason)


def _iso(time: LocalTime) -> str:
    """`2008-01-30T16:00:00`, without a zone: the instrument says none."""
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*time)
