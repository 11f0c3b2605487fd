"""The answer to a question that was given up, when it comes after all: its own reader tells it from noise."""

from drivers.characters import Take
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal

MOST_BYTES = 65_536


class GivenUp:
    """The last question of a line, from when it is asked until it is answered."""

    def __init__(self) -> None:
        self._take: Take[object] | None = None
        self._heard = bytearray()

    def expect(self, take: Take[object]) -> None:
        """It is asked: until it is answered, it may be given up at any moment."""
        self._take = take

    def begun(self, heard: bytes | bytearray) -> None:
        """The beginning of an answer, which came while there was time."""
        self._heard[:] = heard

    def answered(self) -> None:
        """Nothing is expected any more."""
        self._take = None
        self._heard.clear()

    def is_answered_by(self, data: bytes) -> bool:
        """Whether these bytes complete its answer, be it a refusal. What comes behind that is nobody's."""
        if self._take is None:
            return False
        self._heard += data
        del self._heard[:-MOST_BYTES]
        if not _holds_a_message(self._heard, self._take):
            return False
        self.answered()
        return True


def _holds_a_message(buffer: bytearray, take: Take[object]) -> bool:
    """Whether one can be taken; the noise before it is removed."""
    while buffer:
        try:
            return take(buffer) is not None
        except Refusal:
            return True
        except Malformed:
            continue
    return False
