"""What the device table of a 4-20 mA input module says: its kind, its inputs and transmitters, its contacts."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from drivers.analog_channel import AnalogChannel, Contact, Known, known_of
from drivers.analog_modules import MODULES, Mode, Module
from drivers.blocks import MOST_REGISTERS
from drivers.driver import ChannelMeaning, SettingProblem, channels_twice
from drivers.modbus_settings import Channel
from drivers.modbus_settings import Settings as ModbusSettings
from drivers.modbus_unit import ModbusUnit
from drivers.protocols.modbus import Point, Table, encode

ModuleName = Literal["ADAM-6017", "ioLogik E1240", "ioLogik E1240 scaled", "M-7017C", "other"]


class Settings(ModbusUnit):
    """One module. Its registers are read as the driver `modbus` reads them."""

    module: ModuleName
    """Its kind; "other": each channel says address, raw and ma itself."""
    mode: Mode = "0-20 mA"
    """To which range the inputs are set; the driver looks whether that is so where the module tells it."""
    channel: Annotated[tuple[AnalogChannel, ...], Field(json_schema_extra={"minItems": 1})]
    contact: tuple[Contact, ...] = ()
    """Switches and relays on the module's digital inputs that speak for all of its channels."""
    check_mode: bool = True
    """Whether to look to which range the inputs are set, where the module tells it."""
    block_max: int = Field(default=MOST_REGISTERS, ge=4, le=MOST_REGISTERS)
    """Registers that the device gives in one answer."""

    @property
    def kind(self) -> Module | None:
        """The module's row; None: another one."""
        return MODULES.get(self.module)

    @cached_property
    def known(self) -> tuple[Known, ...]:
        """What there is to know of each channel, in the order of the file."""
        return tuple(
            known_of(channel, number, self.kind, channel.mode or self.mode, check_mode=self.check_mode)
            for number, channel in enumerate(self.channel)
        )

    @cached_property
    def registers(self) -> ModbusSettings:
        """All that is read: the inputs in the order of the channels, the contacts, statuses, and the modes."""
        inside = [known.value for known in self.known]
        inside += [contact.inside(number) for number, contact in enumerate(self.contact)]
        inside += [known.status.channel for known in self.known if known.status]
        inside += [known.setting.channel for known in self.known if known.setting]
        return ModbusSettings(
            unit=self.unit, channel=tuple(inside), block_gap=self.block_gap, block_max=self.block_max
        )

    def channels(self) -> tuple[ChannelMeaning, ...]:
        """The channels in the order of the file."""
        return tuple(channel.meaning() for channel in self.channel)

    def points(self) -> tuple[Point, ...]:
        """One point per channel, under the channel's own name."""
        points = ((c.id, known.value.point()) for c, known in zip(self.channel, self.known, strict=True))
        return tuple(point._replace(channel=name) for name, point in points if point is not None)

    def status_rules(self) -> tuple[()]:
        """None: what a module's status and contacts say is in their own settings."""
        return ()

    def quiet(self) -> dict[tuple[Table, int], int]:
        """What is read and is no channel, and what stands there while all is well."""
        words: dict[tuple[Table, int], int] = {}
        for channel, number in self._quiet():
            point = channel.point()
            if point is None:
                continue
            for at, word in enumerate(encode(point, number), point.address):
                words[point.table, at] = words.get((point.table, at), 0) | word
        return words

    def _quiet(self) -> Iterator[tuple[Channel, int]]:
        for number, contact in enumerate(self.contact):
            yield contact.inside(number), 1 - contact.active
        for known in self.known:
            if known.status:
                yield known.status.channel, known.status.normal
            if known.setting:
                yield known.setting.channel, known.setting.codes[0]

    def rows(self) -> list[list[object]]:
        """[id, table, address, type, order, scale, offset, unit, range] of every channel.

        Scale and offset lead from the register to the unit of measure: the line through the module's two points
        and the transmitter's.
        """
        rows: list[list[object]] = []
        for channel, known, point in zip(self.channel, self.known, self.points(), strict=True):
            meaning = channel.meaning()
            assert known.scale_and_offset is not None
            rows.append(
                [
                    *(channel.id, point.table, point.address, point.type, point.order),
                    *known.scale_and_offset,
                    *(channel.unit, [meaning.low, meaning.high]),
                ]
            )
        return rows

    def problems(self) -> Iterator[SettingProblem]:
        """Mistakes of each channel, then between channels, then of the registers."""
        wrong: set[int] = set()
        for index, (channel, known) in enumerate(zip(self.channel, self.known, strict=True)):
            for key, message in (*channel.contradictions(self.module, self.kind), *known.problems):
                wrong.add(index)
                yield SettingProblem(("channel", index, key), message)
        yield from channels_twice(channel.id for channel in self.channel)
        yield from self._two_in_one_loop()
        yield from self._misplaced(wrong)

    def _two_in_one_loop(self) -> Iterator[SettingProblem]:
        inputs: dict[int, str] = {}
        for index, channel in enumerate(self.channel):
            if channel.input is None:
                continue
            first = inputs.setdefault(channel.input, channel.id)
            if first != channel.id:
                wrong = f'input {channel.input} is that of channel "{first}" too: a loop has one transmitter'
                yield SettingProblem(("channel", index, "input"), wrong)

    def _misplaced(self, wrong: set[int]) -> Iterator[SettingProblem]:
        """What is wrong with addresses that the file itself gives."""
        contacts = len(self.channel)
        for found in self.registers.problems():
            _, number, key = found.path
            assert isinstance(number, int)
            if number < contacts:
                own = number not in wrong and self.channel[number].input is None
                if own:
                    yield SettingProblem(("channel", number, key), self._in_its_words(found.message))
            elif number < contacts + len(self.contact):
                yield SettingProblem(("contact", number - contacts, key), found.message)
            else:
                yield from self._status_problem(number, found.message)

    def _in_its_words(self, message: str) -> str:
        for channel, known in zip(self.channel, self.known, strict=True):
            message = message.replace(f'"{known.value.id}"', f'"{channel.id}"')
        return message

    def _status_problem(self, number: int, message: str) -> Iterator[SettingProblem]:
        name = self.registers.channel[number].id
        for index, known in enumerate(self.known):
            if known.status and known.status.channel.id == name and self.channel[index].status:
                yield SettingProblem(("channel", index, "status"), message)
