"""Weather instruments that send NMEA 0183 by themselves: MWV, then XDR with four transducers in a sentence."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from drivers.protocols.nmea0183 import (
    SPEED_UNITS,
    XDR_UNITS,
    Quantity,
    Sentence,
    Transducer,
    Wind,
    encode_sentence,
    encode_transducers,
    encode_wind,
)
from drivers.protocols.text import malformed
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said

SPEED, DIRECTION = "wind_speed", "wind_direction"
TALKER: Final = "WI"
_STILL: Final = {SPEED: Decimal("0.0"), DIRECTION: Decimal("0.0")}


def sayable(field: str, unit: str = "") -> dict[str, str]:
    """Unit letter to unit, of what a field may be said in, whatever `unit` the station file has."""
    if field == SPEED:
        return dict(SPEED_UNITS)
    if field == DIRECTION:
        return {"D": "deg"}
    return {letter: unit for (kind, letter), unit in XDR_UNITS.items() if field.startswith(f"{kind}:")}


class Nmea0183Talker:
    """One instrument that talks every second and listens to nobody. `letters`: the unit letter of each field."""

    every_s: float | None = 1.0

    def __init__(
        self, speakers: Mapping[int, Speaker], letters: Mapping[int, Mapping[str, str]], reference: str = "R"
    ) -> None:
        self.speakers = speakers
        self._letters = letters
        self._reference = reference

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker."""
        raise malformed("it listens to nobody", buffer, len(buffer))

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker."""
        return None

    def tell(self, unit: int, now: Moment) -> Said:
        """See sim.talk.Talker."""
        shown = self.speakers[unit].shown(now)
        sentences = self._sentences(shown.numbers, self._letters[unit])
        return Said(b"".join(encode_sentence(sentence) for sentence in sentences), shown.values)

    def _sentences(self, numbers: Mapping[str, Decimal], letters: Mapping[str, str]) -> Iterator[Sentence]:
        if numbers.keys() & _STILL.keys():
            angle, speed = (numbers.get(field, _STILL[field]) for field in (DIRECTION, SPEED))
            letter = letters.get(SPEED, "M")
            yield encode_wind(TALKER, Wind(Quantity(angle, "D"), self._reference, Quantity(speed, letter)))
        transducers = [
            Transducer(field[0], f"{number:f}", letters[field], field[2:])
            for field, number in numbers.items()
            if field not in _STILL
        ]
        for first in range(0, len(transducers), 4):
            yield encode_transducers(TALKER, tuple(transducers[first : first + 4]))
