"""The far side of the wires: instruments whose every value says which device, which channel and which question it is.

7 300 042   the 42nd question to device 7, its channel 3
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from drivers.protocols.modbus import Point, encode
from drivers.protocols.modbus_pdu import (
    ExceptionReply,
    ReadRequest,
    decode_request,
    encode_exception,
    encode_reply,
)

PER_DEVICE, PER_CHANNEL = 1_000_000, 100_000


class Layout(NamedTuple):
    """One channel: where it lies, and what the driver makes of the register."""

    channel: str
    type: str
    order: str
    address: int
    registers: int
    scale: float

    def point(self) -> Point:
        """Its registers."""
        return Point(self.channel, "holding", self.address, self.type, self.order, self.registers)  # type: ignore[arg-type]


LAYOUT: Final = (
    Layout("flow", "uint32", "ABCD", 0, 2, 1.0),
    Layout("ph", "float32", "CDAB", 2, 2, 1.0),
    Layout("cod", "float64", "ABCD", 4, 4, 1.0),
    Layout("tss", "int32", "DCBA", 8, 2, 0.5),
    Layout("temp", "uint32", "BADC", 300, 2, 1.0),
)
"""`temp` lies far from the others: it is asked for by a question of its own."""


class Told(NamedTuple):
    """What a value says of itself."""

    device: int
    channel: int
    question: int


def value_of(told: Told) -> int:
    """The number that says so, exact in a float of 32 bits."""
    return told.device * PER_DEVICE + told.channel * PER_CHANNEL + told.question


def told_by(channel: str, value: float | str | None) -> Told | None:
    """What a signed value says; None: it is no number that any instrument served."""
    layout = next((layout for layout in LAYOUT if layout.channel == channel), None)
    if layout is None or not isinstance(value, int | float) or value / layout.scale % 1:
        return None
    device, rest = divmod(round(value / layout.scale), PER_DEVICE)
    number, question = divmod(rest, PER_CHANNEL)
    return Told(device, number, question)


class Answered(Enum):
    """What a master may make of an answer."""

    WELL = "it must be signed, or its poll's record says that it failed"
    PERHAPS = "it may be used"
    NEVER = "late, damaged or not sent: no value of it may ever be signed"


class Question(NamedTuple):
    """A request that reached an instrument, in virtual ms."""

    device: int
    number: int
    asked_ms: int
    answered: Answered
    how: str


@dataclass
class Temper:
    """How an instrument answers for now; shares are of questions, 0 to 1."""

    is_silent: bool = False
    late: float = 0.0
    garbled: float = 0.0
    foreign: float = 0.0
    refuses: float = 0.0


@dataclass
class Instrument:
    """One device. It counts the questions, and has no register that it was not given."""

    number: int
    name: str
    unit: int
    every_ms: int
    questions: list[Question] = field(default_factory=list)
    temper: Temper = field(default_factory=Temper)

    def reply(self, pdu: bytes) -> bytes:
        """The answer to the question that is about to be noted."""
        request = decode_request(pdu)
        assert isinstance(request, ReadRequest)
        words = self._words(len(self.questions) + 1)
        try:
            asked = [words[request.address + at] for at in range(request.count)]
        except KeyError:
            return encode_exception(ExceptionReply(pdu[0], 2))
        return encode_reply(request, asked)

    def noted(self, asked_ms: int, answered: Answered, how: str) -> None:
        """One more question."""
        self.questions.append(Question(self.number, len(self.questions) + 1, asked_ms, answered, how))

    def _words(self, question: int) -> Mapping[int, int]:
        words: dict[int, int] = {}
        for number, layout in enumerate(LAYOUT, 1):
            value = value_of(Told(self.number, number, question))
            encoded = encode(layout.point(), float(value) if "float" in layout.type else value)
            words.update(enumerate(encoded, layout.address))
        return words
