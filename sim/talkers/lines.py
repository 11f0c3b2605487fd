"""Instruments that are described in the station file: lines, asked for or streamed (driver `ascii`)."""

from collections.abc import Mapping

from drivers.protocols.line_text import Lines, encode_reply
from drivers.protocols.text import malformed
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said


class LinesTalker:
    """The instruments of one line; each is known by its request. One without a request talks every second."""

    def __init__(self, speakers: Mapping[int, Speaker], wordings: Mapping[int, Lines]) -> None:
        self.speakers = speakers
        self.every_s = None if all(lines.request for lines in wordings.values()) else 1.0
        self._wordings = wordings

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker."""
        for unit, lines in self._wordings.items():
            if lines.request and buffer.startswith(lines.request):
                del buffer[: len(lines.request)]
                return Asked(unit, lines.request)
        if any(lines.request.startswith(buffer) for lines in self._wordings.values()):
            return None
        raise malformed("no request of theirs", buffer, 1)

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker."""
        return self.tell(asked.unit, now)

    def tell(self, unit: int, now: Moment) -> Said:
        """See sim.talk.Talker."""
        shown = self.speakers[unit].shown(now)
        return Said(encode_reply(self._wordings[unit], shown.numbers), shown.values)
