"""Thermo iSeries analyzers that speak C-Link (driver `clink`): a line of them, each with its instrument ID.

They know the commands that the station file asks for, `gas mode`, `mode`, `flags`, `instrument id`, `date`, `time` and
`set sample`, `set zero`, `set span`. They keep a record of every full minute, and tell one at a time (`lrec N 1`) by
their own clock: Vietnam time, `clock_off_s` away from it. Not modelled: averages, settings, what zero and span gas do
to the values.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from drivers.protocols.clink import Command, Wire, encode_reply, encode_request, take_request
from drivers.protocols.clink_record import Record, encode_record
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.unit_words import written
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said

VIETNAM: Final = dt.timezone(dt.timedelta(hours=7))
RECORDS: Final = 1440
RECORDED: Final = re.compile(r"(?!flags)[a-z][a-z0-9]*")
GAS_MODES: Final = ("sample", "zero", "span")


class ClinkFace(NamedTuple):
    """How one analyzer writes: its unit for each command."""

    wire: Wire
    units: Mapping[str, str]


class ClinkTalker:
    """The analyzers of one line. `says`: what each answers about itself, and to a test's own commands."""

    every_s: float | None = None

    def __init__(self, speakers: Mapping[int, Speaker], faces: Mapping[int, ClinkFace]) -> None:
        self.speakers = speakers
        self.says = {
            unit: {"gas mode": "sample", "mode": "remote", "flags": "00000000", "instrument id": str(unit)}
            for unit in speakers
        }
        self.clock_off_s = dict.fromkeys(speakers, 0.0)
        self.named = dict.fromkeys(speakers, True)
        self._faces = faces

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker. What is for nobody here is passed over."""
        command = take_request(buffer)
        if command is None:
            return None
        unit = command.instrument_id or 0
        if unit not in self.speakers:
            raise Malformed(f"nobody here has instrument ID {unit}", encode_request(command))
        return Asked(unit, encode_request(command))

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker."""
        command = take_request(bytearray(asked.request))
        if command is None:
            return None
        said = self.says[asked.unit]
        verb, _, mode = command.words.lower().partition(" ")
        if verb == "set" and mode in GAS_MODES:
            said["gas mode"] = mode
            return self._said(asked.unit, command, "ok")
        kept = self._kept(asked.unit, command.words.lower(), now)
        if kept is not None:
            return self._said(asked.unit, command, kept)
        known = said.get(command.words.lower())
        if known is not None:
            values = {
                figure.channel: float(int(known, 16))
                for figure in self.speakers[asked.unit].figures
                if figure.field == "flags" == command.words
            }
            return self._said(asked.unit, command, known, values)
        return self._measured(asked.unit, command, now)

    def tell(self, unit: int, now: Moment) -> Said:
        """They say nothing by themselves."""
        return Said(b"", {})

    def _measured(self, unit: int, command: Command, now: Moment) -> Said:
        numbers = self.speakers[unit].shown(now).numbers
        number = numbers.get(command.words)
        if number is None:
            return self._said(unit, command, "bad cmd")
        values = {
            figure.channel: figure.value(number)
            for figure in self.speakers[unit].figures
            if figure.field == command.words
        }
        body = f"{number:f} {written(self._faces[unit].units[command.words])}".rstrip()
        return self._said(unit, command, body, values)

    def _kept(self, unit: int, words: str, now: Moment) -> str | None:
        """What it says of its clock and of what it keeps; None: that is not what was asked."""
        clock = dt.datetime.fromtimestamp(now.utc_s + self.clock_off_s[unit], VIETNAM)
        fields = [figure.field for figure in self.speakers[unit].figures if RECORDED.fullmatch(figure.field)]
        match words.split():
            case ["date"]:
                return clock.strftime("%m-%d-%y")
            case ["time"]:
                return clock.strftime("%H:%M:%S")
            case ["no", "of", "lrec"]:
                return str(RECORDS)
            case ["lrec", "layout"]:
                return f"%s %s %lx {'%f ' * len(fields)}t D L {'f' * len(fields)} flags {' '.join(fields)}"
            case ["lrec", back, "1"] if back.isdecimal():
                if int(back) > RECORDS:
                    return ""
                return self._record(unit, fields, clock, int(back), now)
        return None

    def _record(self, unit: int, fields: Sequence[str], clock: dt.datetime, back: int, now: Moment) -> str:
        minute = clock.replace(second=0, microsecond=0) - dt.timedelta(minutes=back - 1)
        then = Moment(minute.timestamp() - self.clock_off_s[unit], now.mono_ms)
        numbers = self.speakers[unit].shown(then).numbers
        words = tuple((field, f"{numbers[field]:f}") for field in fields)
        flags = int(self.says[unit]["flags"], 16)
        when = (minute.year, minute.month, minute.day, minute.hour, minute.minute)
        return encode_record(Record(*when, flags, words), names=self.named[unit])

    def _said(
        self, unit: int, command: Command, body: str, values: Mapping[str, float] | None = None
    ) -> Said:
        return Said(encode_reply(command, body, wire=self._faces[unit].wire), values or {})
