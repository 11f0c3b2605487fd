"""Vaisala WXT transmitters: polled by address, or one that sends every message each second by itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.vaisala_wxt import (
    Dialect,
    Message,
    Parameter,
    Request,
    Words,
    encode_message,
    encode_reply,
    encode_request,
    take_request,
)
from drivers.protocols.vaisala_wxt_tables import COMBINED, COMPOSITE, MESSAGES
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said


def sayable(field: str, unit: str = "") -> dict[str, str]:
    """Unit letter to unit, of what a field may be said in, whatever `unit` the station file has."""
    return dict(MESSAGES[COMPOSITE][field])


@dataclass(frozen=True, slots=True)
class WxtFace:
    """How one of them is set: its address, and the unit letter of each field. `automatic`: it sends by itself."""

    address: str
    letters: Mapping[str, str]
    crc: bool = False
    automatic: bool = False


class VaisalaWxtTalker:
    """All transmitters of one line. A field that a message has and no figure shows is left out of it."""

    def __init__(self, speakers: Mapping[int, Speaker], faces: Mapping[int, WxtFace]) -> None:
        self.speakers = speakers
        self.every_s = 1.0 if any(face.automatic for face in faces.values()) else None
        self._faces = faces
        self._dialects = {crc: Dialect(crc=crc) for crc in {face.crc for face in faces.values()}}

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker. A transmitter hears only commands of its own address and with its own CRC."""
        length = buffer.find(b"\r\n") + 2
        if length < 2:
            return None
        command = bytes(buffer[:length])
        del buffer[:length]
        for unit, face in self._faces.items():
            try:
                request = take_request(bytearray(command), self._dialects[face.crc])
            except Malformed:
                continue
            if request is not None and request.address == face.address:
                return Asked(unit, encode_request(request, Dialect(crc=face.crc)))
        raise Malformed("nobody here was asked", command)

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker. Messages in which there is nothing to say are refused."""
        face = self._faces[asked.unit]
        request = take_request(bytearray(asked.request), self._dialects[face.crc])
        assert request is not None
        numbers = COMBINED if request.number is None else (request.number,)
        return self._said(asked.unit, numbers, now, lambda message: self._reply(face, request, message))

    def tell(self, unit: int, now: Moment) -> Said:
        """See sim.talk.Talker."""
        face = self._faces[unit]
        return self._said(
            unit,
            COMBINED,
            now,
            lambda message: encode_message(message, self._dialects[face.crc]) if message else b"",
        )

    def _reply(self, face: WxtFace, request: Request, message: Message | None) -> bytes:
        refusal = Words(request.address, "Unable to measure error")
        return encode_reply(message or refusal, self._dialects[face.crc])

    def _said(
        self, unit: int, numbers: tuple[int, ...], now: Moment, encode: Callable[[Message | None], bytes]
    ) -> Said:
        shown, face = self.speakers[unit].shown(now), self._faces[unit]
        messages = [(number, tuple(_parameters(number, shown.numbers, face.letters))) for number in numbers]
        wire = b"".join(
            encode(Message(face.address, number, parameters) if parameters else None)
            for number, parameters in messages
        )
        said = {one.name for _, parameters in messages for one in parameters}
        channels = {figure.channel for figure in self.speakers[unit].figures if figure.field in said}
        return Said(wire, {name: value for name, value in shown.values.items() if name in channels})


def _parameters(
    number: int, numbers: Mapping[str, Decimal], letters: Mapping[str, str]
) -> Iterator[Parameter]:
    for name in MESSAGES[number]:
        if name in numbers:
            yield Parameter(name, f"{numbers[name]:f}", letters[name])
