"""Teledyne API analyzers that are asked in words (driver `teledyne`): a line of them, each with its ID.

They know the tests that the station file asks for and `W LIST`; what else is said to them gets no answer. Not
modelled: messages that nobody asked for, the repeated command of terminal mode, lists of tests.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.teledyne import (
    LIST,
    TEST,
    WARNING,
    Message,
    Mode,
    Request,
    encode_message,
    encode_reply,
    encode_request,
    take_request,
)
from drivers.protocols.unit_words import written
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said


class TeledyneFace(NamedTuple):
    """How one instrument writes: its ID, and of each test the name in the answer and the unit."""

    mode: Mode
    instrument_id: int
    tests: Mapping[str, tuple[str, str]]


class TeledyneTalker:
    """The instruments of one line, all in the mode of the first. `warnings` are the words of each one's list."""

    every_s: float | None = None

    def __init__(self, speakers: Mapping[int, Speaker], faces: Mapping[int, TeledyneFace]) -> None:
        self.speakers = speakers
        self.warnings: dict[int, list[str]] = {unit: [] for unit in speakers}
        self._faces = faces
        self._mode = next(iter(faces.values())).mode

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker. What is for nobody here is passed over."""
        request = take_request(buffer, self._mode)
        if request is None:
            return None
        wire = encode_request(request, self._mode)
        unit = min(self.speakers) if request.instrument_id is None else request.instrument_id
        if unit not in self.speakers:
            raise Malformed(f"nobody here has ID {unit}", wire)
        return Asked(unit, wire)

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker. An empty list of warnings is silence."""
        request = take_request(bytearray(asked.request), self._mode)
        if request is None:
            return None
        at = _dated(now, self._faces[asked.unit].instrument_id)
        if request.kind == WARNING and request.name.upper() == LIST:
            lines = [
                encode_message(at._replace(kind=WARNING, body=words), self._mode)
                for words in self.warnings[asked.unit]
            ]
            return Said(b"".join(lines), {}) if lines else None
        return self._measured(asked.unit, request, at, now)

    def tell(self, unit: int, now: Moment) -> Said:
        """They say nothing by themselves."""
        return Said(b"", {})

    def _measured(self, unit: int, request: Request, at: Message, now: Moment) -> Said | None:
        speaker = self.speakers[unit]
        number = speaker.shown(now).numbers.get(request.name)
        if request.kind != TEST or number is None:
            return None
        label, unit_of_measure = self._faces[unit].tests[request.name]
        reply = Request(TEST, request.name, request.instrument_id, label, written(unit_of_measure).upper())
        values = {
            figure.channel: figure.value(number) for figure in speaker.figures if figure.field == request.name
        }
        return Said(encode_reply(reply, f"{number:f}", at, self._mode), values)


def _dated(now: Moment, instrument_id: int) -> Message:
    """Its clock shows UTC."""
    time = datetime.fromtimestamp(now.utc_s, UTC).timetuple()
    return Message(TEST, time.tm_yday, time.tm_hour, time.tm_min, instrument_id, "")
