"""A Met One BAM-1020 that answers escape commands: its header, and the record of the last full hour."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from drivers.protocols.bam1020 import Query, encode_header, encode_record, encode_request, take_request
from drivers.protocols.bam1020_record import Column, Dialect, Field, Header, Record
from drivers.protocols.local_time import LocalTime
from drivers.protocols.modbus import Value
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


class Bam1020Face(NamedTuple):
    """How one of them words it: the unit of each column, and the channel that has the hour's end, if any."""

    units: Mapping[str, str]
    dialect: Dialect = Dialect()
    time_channel: str | None = None


class Bam1020Talker:
    """Instruments of one line; there should be one, they have no addresses. `errors`: the letters that are set.

    Nothing proves a record, so it is asked for twice behind the header: the second one is the one that was served.
    """

    every_s: float | None = None

    def __init__(self, speakers: Mapping[int, Speaker], faces: Mapping[int, Bam1020Face]) -> None:
        self.speakers = speakers
        self.errors: tuple[str, ...] = ()
        self._faces = faces
        self._told = 0

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker."""
        unit, face = next(iter(self._faces.items()))
        request = take_request(buffer, face.dialect)
        return None if request is None else Asked(unit, encode_request(request, face.dialect))

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker. Keys of the menu are not answered."""
        face = self._faces[asked.unit]
        request = take_request(bytearray(asked.request), face.dialect)
        if not isinstance(request, Query):
            return None
        columns = [Column(name, unit) for name, unit in face.units.items()]
        header = Header((Column(TIME), *columns, *map(Column, LETTERS)))
        if request.header:
            self._told = 0
            return Said(encode_header(header, face.dialect), {})
        self._told += 1
        record, values = self._record(asked.unit, now)
        return Said(encode_record(record, header, face.dialect), values if self._told % 2 == 0 else {})

    def _record(self, unit: int, now: Moment) -> tuple[Record, dict[str, Value]]:
        """Of the last full hour; its clock shows UTC."""
        face = self._faces[unit]
        hour_s = now.utc_s // HOUR_S * HOUR_S
        shown = self.speakers[unit].shown(Moment(hour_s, now.mono_ms))
        fields = [Field(name, f"{shown.numbers[name]: f}", word) for name, word in face.units.items()]
        at = datetime.fromtimestamp(hour_s, UTC)
        record = Record(LocalTime(*at.timetuple()[:5]), f"{at:%m/%d/%y %H:%M}", tuple(fields), self.errors)
        time: dict[str, Value] = {face.time_channel: f"{at:%Y-%m-%dT%H:%M:%S}"} if face.time_channel else {}
        return record, {**shown.values, **time}

    def tell(self, unit: int, now: Moment) -> Said:
        """See sim.talk.Talker."""
        raise NotImplementedError("it speaks when it is asked")
