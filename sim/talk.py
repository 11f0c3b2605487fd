"""The wire face of instruments that speak in characters: a request in, a message out, or messages by themselves.

A talker knows one protocol, both directions of it (`drivers.protocols`). Instruments on one line are numbered from
1 where their protocol has no numbers: rules of faults and the account need one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from drivers.protocols.modbus import Value
from sim.face import Answer
from sim.moment import Moment
from sim.speaker import Speaker

Wording = TypeVar("Wording")


class Voice(NamedTuple, Generic[Wording]):
    """One instrument: what it measures, and how it words it."""

    speaker: Speaker
    wording: Wording


def on_one_line(voices: Mapping[int, Voice[Wording]]) -> tuple[dict[int, Speaker], dict[int, Wording]]:
    """What the talker of a line is made of. `voices` by number."""
    return (
        {unit: voice.speaker for unit, voice in voices.items()},
        {unit: voice.wording for unit, voice in voices.items()},
    )


class Said(NamedTuple):
    """A message as it goes on the wire, and the values of channels in it."""

    message: bytes
    values: Mapping[str, Value]


class Asked(NamedTuple):
    """A request that was heard: for which instrument, and its bytes or what the talker needs to answer it."""

    unit: int
    request: bytes


class Later(NamedTuple):
    """What an instrument does by itself `after_s` from now: it is put as a request to the talker."""

    after_s: float
    asked: Asked


class Talker(Protocol):
    """All instruments of one line, which speak one protocol. `every_s`: how often they talk by themselves."""

    speakers: Mapping[int, Speaker]
    every_s: float | None

    def take(self, buffer: bytearray) -> Asked | None:
        """Remove one request. None: more bytes may make one. Malformed: the noise is gone."""
        ...

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """None: no answer is due."""
        ...

    def tell(self, unit: int, now: Moment) -> Said:
        """What it says by itself."""
        ...


@runtime_checkable
class Following(Protocol):
    """A talker whose instruments say something more some time after an answer."""

    def follows(self, asked: Asked) -> Later | None:
        """What follows on this request."""
        ...


@dataclass(frozen=True, slots=True)
class TalkFace:
    """What a wire needs: the talker as something that answers. An empty request: it talks by itself."""

    talker: Talker

    @property
    def instruments(self) -> Mapping[int, Speaker]:
        """By number."""
        return self.talker.speakers

    def answer(self, unit: int, pdu: bytes, now: Moment) -> Answer | None:
        """None: silence (it reboots, or answers this never)."""
        if self.instruments[unit].is_silent(now):
            return None
        said = self.talker.answer(Asked(unit, pdu), now) if pdu else self.talker.tell(unit, now)
        return None if said is None else Answer(said.message, 0, 0, 0, (), said.values)
