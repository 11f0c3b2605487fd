"""Thermo iSeries analyzers that speak C-Link (driver `clink`): a line of them, each with its instrument ID.

They know the commands that the station file asks for, `gas mode`, `mode`, `flags`, `instrument id` and `set sample`,
`set zero`, `set span`. Not modelled: records, settings, what zero and span gas do to the values.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from drivers.protocols.clink import Command, Wire, encode_reply, encode_request, take_request
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.unit_words import written
from sim.moment import Moment
from sim.speaker import Speaker
from sim.talk import Asked, Said

GAS_MODES: Final = ("sample", "zero", "span")


class ClinkFace(NamedTuple):
    """How one analyzer writes: its unit for each command."""

    wire: Wire
    units: Mapping[str, str]


class ClinkTalker:
    """The analyzers of one line. `says`: what each answers about itself, and to a test's own commands."""

    every_s: float | None = None

    def __init__(self, speakers: Mapping[int, Speaker], faces: Mapping[int, ClinkFace]) -> None:
        self.speakers = speakers
        self.says = {
            unit: {"gas mode": "sample", "mode": "remote", "flags": "00000000", "instrument id": str(unit)}
            for unit in speakers
        }
        self._faces = faces

    def take(self, buffer: bytearray) -> Asked | None:
        """See sim.talk.Talker. What is for nobody here is passed over."""
        command = take_request(buffer)
        if command is None:
            return None
        unit = command.instrument_id or 0
        if unit not in self.speakers:
            raise Malformed(f"nobody here has instrument ID {unit}", encode_request(command))
        return Asked(unit, encode_request(command))

    def answer(self, asked: Asked, now: Moment) -> Said | None:
        """See sim.talk.Talker."""
        command = take_request(bytearray(asked.request))
        if command is None:
            return None
        said = self.says[asked.unit]
        verb, _, mode = command.words.lower().partition(" ")
        if verb == "set" and mode in GAS_MODES:
            said["gas mode"] = mode
            return self._said(asked.unit, command, "ok")
        known = said.get(command.words.lower())
        if known is not None:
            values = {
                figure.channel: float(int(known, 16))
                for figure in self.speakers[asked.unit].figures
                if figure.field == "flags" == command.words
            }
            return self._said(asked.unit, command, known, values)
        return self._measured(asked.unit, command, now)

    def tell(self, unit: int, now: Moment) -> Said:
        """They say nothing by themselves."""
        return Said(b"", {})

    def _measured(self, unit: int, command: Command, now: Moment) -> Said:
        numbers = self.speakers[unit].shown(now).numbers
        number = numbers.get(command.words)
        if number is None:
            return self._said(unit, command, "bad cmd")
        values = {
            figure.channel: figure.value(number)
            for figure in self.speakers[unit].figures
            if figure.field == command.words
        }
        body = f"{number:f} {written(self._faces[unit].units[command.words])}".rstrip()
        return self._said(unit, command, body, values)

    def _said(
        self, unit: int, command: Command, body: str, values: Mapping[str, float] | None = None
    ) -> Said:
        return Said(encode_reply(command, body, wire=self._faces[unit].wire), values or {})
