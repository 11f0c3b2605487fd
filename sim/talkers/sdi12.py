"""Probes on one SDI-12 line. A measurement takes a second; its service request comes earlier.

What they measured stays until the next measurement; data that are asked for before they are ready are not there.
`?!` is answered where there is one probe; what several say at once is not modelled, they are silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from drivers.protocols import sdi12
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.sdi12_message import (
    Acknowledge,
    AddressQuery,
    Announced,
    Here,
    Identify,
    Identity,
    Measure,
    ReadContinuous,
    Reply,
    Request,
    SendData,
    Values,
)
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Later, Said

ANNOUNCED_S: Final = 1
READY_AFTER_S: Final = 0.4
_SERVICE: Final = b"service "


@dataclass(slots=True)
class Measured:
    """What a probe holds: numbers by place from 1 with the channel's value, ready at an instant."""

    request: Measure | ReadContinuous
    numbers: tuple[Decimal, ...]
    values: Mapping[int, tuple[str, float]]
    ready_mono_ms: int


class Probe(NamedTuple):
    """How one of them is set. `announced_s` 0: its data are there at once."""

    address: str
    announced_s: int = ANNOUNCED_S


class Sdi12Talker:
    """All probes of one line."""

    every_s: float | None = None

    def __init__(self, speakers: Mapping[int, Speaker], probes: Mapping[int, Probe]) -> None:
        self.speakers = speakers
        self._probes = probes
        self._units = {probe.address: unit for unit, probe in probes.items()}
        self._held: dict[int, Measured] = {}

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker. Commands to addresses that nobody here has are noise."""
        request = sdi12.take_request(buffer)
        if request is None:
            return None
        wire = sdi12.encode_request(request)
        everybody = isinstance(request, AddressQuery) and len(self._units) == 1
        unit = (
            next(iter(self._units.values()))
            if everybody
            else self._units.get(getattr(request, "address", ""))
        )
        if unit is None:
            raise Malformed("nobody here has this address", wire)
        return Asked(unit, wire)

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker."""
        if asked.request.startswith(_SERVICE):
            return self._service(asked)
        request = sdi12.take_request(bytearray(asked.request))
        match request:
            case Measure():
                held = self._measured(asked.unit, request, now)
                self._held[asked.unit] = held
                seconds = self._probes[asked.unit].announced_s
                return _plain(request, Announced(request.address, seconds, len(held.numbers)))
            case ReadContinuous():
                return _data(request, self._measured(asked.unit, request, now), request.index)
            case SendData():
                return self._send(asked.unit, request, now)
            case Acknowledge() | AddressQuery():
                return _plain(request, Here(self._probes[asked.unit].address))
            case Identify():
                return _plain(request, Identity(request.address, "13", "Tram", "twin", "1"))
            case _:
                return None

    def follows(self, asked: Asked) -> Later | None:
        """The service request of a measurement that is not concurrent."""
        held = self._held.get(asked.unit)
        if held is None or asked.request != sdi12.encode_request(held.request):
            return None
        if not isinstance(held.request, Measure) or held.request.concurrent or held.ready_mono_ms == 0:
            return None
        return Later(READY_AFTER_S, Asked(asked.unit, _SERVICE + str(held.ready_mono_ms).encode()))

    def tell(self, unit: int, now: Moment) -> Said:
        """See sim.talk.Talker."""
        raise NotImplementedError("a probe speaks when it is asked")

    def _service(self, asked: Asked) -> Said | None:
        held = self._held.get(asked.unit)
        if held is None or asked.request != _SERVICE + str(held.ready_mono_ms).encode():
            return None
        return Said(sdi12.encode_service_request(self._probes[asked.unit].address), {})

    def _measured(self, unit: int, request: Measure | ReadContinuous, now: Moment) -> Measured:
        speaker = self.speakers[unit]
        shown = speaker.shown(now).numbers
        figures = {int(figure.field): figure for figure in speaker.figures}
        numbers = {place: _seven_digits(shown[figure.field]) for place, figure in figures.items()}
        values = {place: (figure.channel, figure.value(numbers[place])) for place, figure in figures.items()}
        ready_mono_ms = now.mono_ms + round(1000 * READY_AFTER_S) if self._probes[unit].announced_s else 0
        places = range(1, max(figures) + 1)
        return Measured(
            request, tuple(numbers.get(place, Decimal(0)) for place in places), values, ready_mono_ms
        )

    def _send(self, unit: int, request: SendData, now: Moment) -> Said:
        held = self._held.get(unit)
        if held is None or now.mono_ms < held.ready_mono_ms or not isinstance(held.request, Measure):
            return Said(request.address.encode() + b"\r\n", {})
        measure = held.request
        return _data(
            SendData(request.address, request.index, measure.crc, measure.concurrent), held, request.index
        )


def _plain(request: Request, reply: Reply) -> Said:
    return Said(sdi12.encode_reply(request, reply), {})


def _data(request: SendData | ReadContinuous, held: Measured, index: int) -> Said:
    """The part of the values that stands in answer `index`: as many as go into one."""
    longest = sdi12.LONGEST_VALUES[isinstance(request, ReadContinuous) or request.concurrent]
    parts: list[list[int]] = [[]]
    length = 0
    for place, number in enumerate(held.numbers, start=1):
        characters = len(f"{number:+f}")
        if length + characters > longest:
            parts.append([])
            length = 0
        parts[-1].append(place)
        length += characters
    places = parts[index] if index < len(parts) else []
    reply = Values(request.address, tuple(held.numbers[place - 1] for place in places))
    return Said(
        sdi12.encode_reply(request, reply),
        dict(held.values[place] for place in places if place in held.values),
    )


def _seven_digits(number: Decimal) -> Decimal:
    """With as many decimals as seven digits leave room for."""
    whole = len(str(abs(int(number))))
    return round(number, max(0, min(3, sdi12.MAX_DIGITS - whole)))
