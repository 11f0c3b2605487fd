"""Instruments that are described in the station file: lines, asked for or streamed (driver `ascii`)."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import product

from drivers.protocols.line_text import Lines, framed, take_reply
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import malformed
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said

EVERY_S = 1.0
_SIGNS = ("-", "+")
_WIDTHS = (0, 2, 3, 4, 5, 6, 7, 8)
_DECIMALS = (3, 2, 1, 0)


class LinesTalker:
    """The instruments of one line; each is known by its request. One without a request talks every second.

    Each number is written as the instrument's wording takes it: with as many decimals as fit, with leading zeros or
    a plus where it must have them. Numbers of the answer that are no channel are 0.
    """

    def __init__(self, speakers: Mapping[int, Speaker], wordings: Mapping[int, Lines]) -> None:
        self.speakers = speakers
        self.every_s = None if all(lines.request for lines in wordings.values()) else EVERY_S
        # The longest first: MEASURE may begin like M.
        self._wordings = dict(sorted(wordings.items(), key=lambda item: -len(item[1].request)))

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
        """See sim.talk.Talker. ValueError: its wording has no room for such numbers."""
        speaker, lines = self.speakers[unit], self._wordings[unit]
        numbers = speaker.shown(now).numbers
        words = {name: _word(lines, name, numbers.get(name, Decimal(0))) for name in lines.names}
        message = framed(lines, lines.layout.write(words))
        try:
            read = take_reply(bytearray(message), lines) or {}
        except Malformed as error:
            raise ValueError(
                f'device "{speaker.name}": its wording does not take {message!r}: {error}'
            ) from None
        values = {
            figure.channel: figure.value(Decimal(str(read[figure.field]))) for figure in speaker.figures
        }
        return Said(message, values)


def _word(lines: Lines, name: str, number: Decimal) -> str:
    """The number as it may stand in this field."""
    words = list(_ways(number, comma=lines.decimal_comma))
    for word in words:
        fields = lines.layout.read(lines.layout.write({name: word}))
        if fields is not None and fields[name] == word:
            return word
    return words[0]


def _ways(number: Decimal, *, comma: bool) -> Iterator[str]:
    for sign, width, decimals in product(_SIGNS, _WIDTHS, _DECIMALS):
        word = f"{number:{sign}0{width or ''}.{decimals}f}" if width else f"{number:{sign}.{decimals}f}"
        yield word.replace(".", ",") if comma else word
