"""A Met One BAM-1020 that answers escape commands: its header, and the record of the last full hour."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from drivers.protocols.bam1020 import Query, encode_header, encode_record, encode_request, take_request
from drivers.protocols.bam1020_record import Column, Dialect, Field, Header, LocalTime, Record
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said

TIME: Final = "Time"
LETTERS: Final = "EUMILRNFPDCT"
HOUR_S: Final = 3600
_UNITS: Final = {
    "MPS": "m/s",
    "KPH": "km/h",
    "DEG": "deg",
    "C": "degC",
    "%": "%",
}
_FIXED: Final = {"Conc": {"mg/m3": "mg/m3"}, "BP": {"mm": "mmHg"}, "Qtot": {"m3": "m3"}}


def sayable(field: str, unit: str) -> dict[str, str]:
    """Word of a header to unit; a column of the station's own has the channel's."""
    return _FIXED.get(field) or {**_UNITS, unit: unit}


class Bam1020Talker:
    """Instruments of one line; there should be one, they have no addresses. `errors`: the letters that are set."""

    every_s: float | None = None

    def __init__(
        self,
        speakers: Mapping[int, Speaker],
        words: Mapping[int, Mapping[str, str]],
        dialects: Mapping[int, Dialect],
    ) -> None:
        self.speakers = speakers
        self.errors: tuple[str, ...] = ()
        self._words = words
        self._dialects = dialects

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker."""
        unit, dialect = next(iter(self._dialects.items()))
        request = take_request(buffer, dialect)
        return None if request is None else Asked(unit, encode_request(request, dialect))

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker. Keys of the menu are not answered."""
        dialect = self._dialects[asked.unit]
        request = take_request(bytearray(asked.request), dialect)
        if not isinstance(request, Query):
            return None
        words = self._words[asked.unit]
        columns = [Column(name, unit) for name, unit in words.items()]
        header = Header((Column(TIME), *columns, *map(Column, LETTERS)))
        if request.header:
            return Said(encode_header(header, dialect), {})
        hour_s = now.utc_s // HOUR_S * HOUR_S
        shown = self.speakers[asked.unit].shown(Moment(hour_s, now.mono_ms))
        fields = [Field(name, f"{shown.numbers[name]: f}", unit) for name, unit in words.items()]
        time = LocalTime(*datetime.fromtimestamp(hour_s, UTC).timetuple()[:5])
        written = f"{time.month:02}/{time.day:02}/{time.year % 100:02} {time.hour:02}:{time.minute:02}"
        record = Record(time, written, tuple(fields), self.errors)
        return Said(encode_record(record, header, dialect), shown.values)

    def tell(self, unit: int, now: Moment) -> Said:
        """See sim.talk.Talker."""
        raise NotImplementedError("it speaks when it is asked")
