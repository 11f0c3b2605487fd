"""Modbus ASCII on a serial port or through a serial server, on the wire of characters.

The checks are those of RTU: unit, function and byte count of an answer are the question's, noise before it is passed
over, an echo of the question too; a sound frame that is not the answer ends the question. Its LRC has 8 bits and
misses one in 256 of greater damage.
"""

from collections.abc import Callable

from drivers.character_wire import CharacterWire, Counts
from drivers.characters import Take
from drivers.errors import NoAnswer
from drivers.exchange import Answer
from drivers.inbox import SILENCE, answers, not_the_answer, question
from drivers.line import LineSettings
from drivers.protocols.modbus_ascii import encode_frame, take_request
from drivers.tap import Tap

Frame = tuple[int, bytes]


class AsciiWire:
    """One connection at a time, one question at a time; the bus sees to both."""

    def __init__(self, settings: LineSettings, mono_ms: Callable[[], int]) -> None:
        self._where = settings.endpoint
        self._wire = CharacterWire(settings, mono_ms)

    @property
    def tap(self) -> Tap:
        """Who watches."""
        return self._wire.tap

    @tap.setter
    def tap(self, tap: Tap) -> None:
        self._wire.tap = tap

    @property
    def unasked(self) -> Counts:
        """What came while nobody asked."""
        return self._wire.unasked

    @property
    def last_byte_at(self) -> float:
        """The event loop's time of the last byte that came."""
        return self._wire.last_byte_at

    @property
    def is_open(self) -> bool:
        """Whether a question can be asked."""
        return self._wire.is_open

    async def open(self) -> None:
        """Connects; Unreachable."""
        await self._wire.open()

    def close(self) -> None:
        """Lets go."""
        self._wire.close()

    async def ask(self, unit: int, pdu: bytes) -> Answer:
        """The answer's PDU, an exception reply included. NoAnswer, Garbled or Unreachable."""
        asked = question(unit, pdu)
        try:
            heard = await self._wire.ask(encode_frame(unit, pdu), _reader((unit, pdu)))
        except NoAnswer:
            raise NoAnswer(f"{self._where}: no answer to {asked}", hint=SILENCE) from None
        from_unit, reply = heard.message
        if not answers(asked, from_unit, reply):
            raise not_the_answer(str(self._where), asked, from_unit, reply)
        return Answer(reply, heard.at_mono_ms)


def _reader(sent: Frame) -> Take[Frame]:
    """Takes sound frames, but for the first that is the question itself: two-wire adapters hear what they send."""
    echo = [sent]

    def take(buffer: bytearray) -> Frame | None:
        frame = take_request(buffer)
        if frame is not None and echo and frame == echo[0]:
            echo.clear()
            return take_request(buffer)
        return frame

    return take
