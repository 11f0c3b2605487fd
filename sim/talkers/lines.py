"""Instruments that are described in the station file: lines, asked for or streamed (driver `ascii`)."""

from collections.abc import Mapping

from drivers.protocols.line_text import Lines, encode_reply, take_request
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said


class LinesTalker:
    """One instrument on its line. `every_s` None: it is asked."""

    def __init__(self, speaker: Speaker, lines: Lines, *, every_s: float | None = None) -> None:
        self.speakers: Mapping[int, Speaker] = {1: speaker}
        self.every_s = None if lines.request else every_s or 1.0
        self._lines = lines

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker."""
        request = take_request(buffer, self._lines)
        return None if request is None else Asked(1, request)

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker."""
        return self.tell(asked.unit, now)

    def tell(self, unit: int, now: Moment) -> Said:
        """See sim.talk.Talker."""
        shown = self.speakers[unit].shown(now)
        return Said(encode_reply(self._lines, shown.numbers), shown.values)
