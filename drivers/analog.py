"""Reads 4-20 mA transmitters through an input module: its registers as the driver `modbus` reads them, then the loop.

    the input's number → mA and NE 43 (drivers.protocols.current_loop) → the module's status → its contacts

A fault current, a status that says burn-out or that cannot be read, and an input that is set to another range give no
value. A number at the end of the input's scale hides what lies beyond: its value is out of range. A contact that
cannot be read leaves the value and is no proof of a quiet station: its reason stands in the flags.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import ClassVar, NamedTuple

from drivers.analog_channel import Asked, Judge
from drivers.analog_modules import Verdict
from drivers.analog_settings import Settings
from drivers.driver import Cycle, DriverSettings
from drivers.errors import DriverError, Misconfigured
from drivers.exchange import Exchange
from drivers.modbus import FAULT, ModbusDriver
from drivers.protocols.current_loop import Loop, decode
from telemetry.reading import Block, Flag, Reading

ABOVE, BELOW = int(Flag.ABOVE_RANGE), int(Flag.BELOW_RANGE)
Said = Mapping[str, Reading]
"""What each register said, by its name inside."""


class _Input(NamedTuple):
    """One channel with all that can be prepared before the first poll."""

    channel: str
    loop: Loop
    status: Judge | None
    setting: Asked | None


class AnalogDriver:
    """One input module on one exchange."""

    settings: ClassVar[type[DriverSettings]] = Settings

    def __init__(self, settings: DriverSettings, line: Exchange) -> None:
        assert isinstance(settings, Settings)
        self._unit = settings.unit
        self._modbus = ModbusDriver(settings.registers, line)
        self._inputs = {
            known.value.id: _Input(channel.id, known.loop, known.status, known.setting)
            for channel, known in zip(settings.channel, settings.known, strict=True)
            if known.loop is not None
        }
        self._contacts = [
            (contact.inside(number).id, contact.active, contact.flag)
            for number, contact in enumerate(settings.contact)
        ]

    async def read(self) -> Cycle:
        """One poll."""
        cycle = await self._modbus.read()
        said = {reading.channel: reading for block in cycle.blocks for reading in block.readings}
        every = self._contact_flags(said)
        blocks = []
        for at_mono_ms, readings in cycle.blocks:
            mine = tuple(
                _reading(self._inputs[reading.channel], reading, said, every)
                for reading in readings
                if reading.channel in self._inputs
            )
            if mine:
                blocks.append(Block(at_mono_ms, mine))
        return Cycle(tuple(blocks), (*cycle.errors, *self._mistaken(said)))

    def _contact_flags(self, said: Said) -> int:
        """What all channels carry."""
        flags = 0
        for name, active, flag in self._contacts:
            value = said[name].value
            if value is None:
                flags |= said[name].flags
            elif value == active:
                flags |= flag
        return flags

    def _mistaken(self, said: Said) -> Iterator[DriverError]:
        """Inputs that are set to another range than the station file says."""
        for known in self._inputs.values():
            if known.setting is None:
                continue
            code = said[known.setting.channel.id].value
            if code is not None and code not in known.setting.codes:
                right = " or ".join(str(number) for number in known.setting.codes)
                yield Misconfigured(
                    f'unit {self._unit}: the input of "{known.channel}" is set to another range '
                    f"(code {code}, not {right})",
                    hint="set the module's input, or mode = in the station file",
                )


def _reading(known: _Input, number: Reading, said: Said, every: int) -> Reading:
    doubts = number.flags | _doubts(known, said)
    if doubts or not isinstance(number.value, int | float):
        return Reading(known.channel, None, every | (doubts or FAULT))
    measured = decode(known.loop, Decimal(repr(number.value)))
    verdict = _verdict(known, number.value, said)
    if measured.value is None or verdict is Verdict.FAULT:
        return Reading(known.channel, None, every | FAULT)
    flags = every | _flag(
        measured.state.flag == "above_range" or verdict is Verdict.OVER, known, ABOVE, BELOW
    )
    flags |= _flag(measured.state.flag == "below_range" or verdict is Verdict.UNDER, known, BELOW, ABOVE)
    return Reading(known.channel, float(measured.value), flags)


def _flag(current_is_there: bool, known: _Input, flag: int, falling: int) -> int:
    """Of a current beyond the range; a transmitter whose span falls shows a low value by a high one."""
    rises = known.loop.span[0] < known.loop.span[1]
    return current_is_there * (flag if rises else falling)


def _doubts(known: _Input, said: Said) -> int:
    """Why the number must not be used, whatever it is."""
    flags = said[known.status.channel.id].flags if known.status else 0
    if known.setting is not None:
        tells = said[known.setting.channel.id]
        flags |= tells.flags if tells.value is None else FAULT * (tells.value not in known.setting.codes)
    return flags


def _verdict(known: _Input, number: float, said: Said) -> Verdict:
    """The status's; which end is meant by one that does not say so is told by the number."""
    if known.status is None:
        return Verdict.NORMAL
    code = said[known.status.channel.id].value
    verdict = known.status.verdicts.get(code, Verdict.FAULT) if isinstance(code, int) else Verdict.FAULT
    if verdict is Verdict.BEYOND:
        return Verdict.OVER if 2 * Decimal(repr(number)) > sum(known.loop.raw) else Verdict.UNDER
    return verdict
