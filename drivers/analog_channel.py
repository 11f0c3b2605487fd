"""One 4-20 mA channel as the station file gives it, and what follows for its registers and its scale."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from drivers.analog_modules import Mode, Module, Pair, Scale, Verdict
from drivers.driver import ChannelMeaning
from drivers.measured import ChannelId, UnitOfMeasure, ValidRange
from drivers.modbus_settings import ADDRESSES, Channel
from drivers.protocols.current_loop import NE43, Limits, Loop, decode
from drivers.protocols.modbus import ByteOrder, Table
from telemetry.reading import Flag

NE43_MA: Final = (3.6, 3.8, 20.5, 21.0)
AnalogType = Literal["int16", "uint16", "int32", "uint32", "float32"]
Means = Literal["calibration", "maintenance", "fault", "door", "warming up", "out of service"]
MEANS: Final[Mapping[Means, Flag]] = {
    "calibration": Flag.CALIBRATION,
    "maintenance": Flag.MAINTENANCE,
    "fault": Flag.INSTRUMENT_FAULT,
    "door": Flag.MAINTENANCE,
    "warming up": Flag.WARMING_UP,
    "out of service": Flag.OUT_OF_SERVICE,
}
"""An open door: somebody is at the instrument."""
Problems = Iterator[tuple[str, str]]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class _Place(_Table):
    table: Table | None = None
    """May be left out with `register`, which names it."""
    address: int | None = Field(default=None, ge=0, lt=ADDRESSES)
    """The number in the request, from 0."""
    register_: int | str | None = Field(default=None, alias="register")
    """The manual's number: 40001, 300001, "10129"."""

    def inside(self, name: str, kind: str, **more: object) -> Channel:
        """As a channel of the driver `modbus`."""
        place = {"table": self.table, "address": self.address, "register": self.register_}
        return Channel.model_validate({"id": name, "type": kind, "unit": "1", **place, **more})


class StatusRegister(_Place):
    """`status = { … }` of a channel: the register with which another module judges the input."""

    normal: tuple[int, ...] = Field(default=(0,), min_length=1)
    over: tuple[int, ...] = ()
    """Numbers that say over range."""
    under: tuple[int, ...] = ()
    """Numbers that say under range; every number that stands nowhere is a fault."""

    def verdicts(self) -> dict[int, Verdict]:
        """By number."""
        said = dict.fromkeys(self.under, Verdict.UNDER) | dict.fromkeys(self.over, Verdict.OVER)
        return said | dict.fromkeys(self.normal, Verdict.NORMAL)


class Contact(_Table):
    """One `[[device.contact]]`: a digital input of the module that speaks for all of its channels."""

    means: Means
    table: Table | None = None
    address: int | None = Field(default=None, ge=0, lt=ADDRESSES)
    register_: int | str | None = Field(default=None, alias="register")
    bit: int | None = Field(default=None, ge=0, le=15)
    """In a register: which bit, 0 is the least significant."""
    active: Literal[0, 1] = 1
    """The state that means it; 0 for a contact that opens, so that a broken wire counts too."""

    def inside(self, number: int) -> Channel:
        """As a channel of the driver `modbus`."""
        place = {"table": self.table, "address": self.address, "register": self.register_, "bit": self.bit}
        return Channel.model_validate({"id": f"contact{number}", "type": "bit", **place})

    @property
    def flag(self) -> int:
        """What its channels carry while it is active."""
        return int(MEANS[self.means])


class AnalogChannel(_Place):
    """One `[[device.channel]]`: an input and the transmitter on it."""

    id: ChannelId
    input: int | None = Field(default=None, ge=0)
    """Number of the module's input, from 0; or table and address (or register), with raw and ma."""
    span: tuple[float, float]
    """What the transmitter means with its lowest and with its highest current, in `unit`."""
    unit: UnitOfMeasure
    """Unit of measure."""
    range: ValidRange | None = None
    """Lowest and highest value that counts, in `unit`; without it what NE 43 lets a transmitter measure."""
    mode: Mode | None = None
    """To which range this input is set; without it the device's `mode`."""
    type: AnalogType = "uint16"
    order: ByteOrder = "ABCD"
    raw: tuple[float, float] | None = None
    """Two numbers of the register ..."""
    ma: tuple[float, float] = (0.0, 20.0)
    """... and the currents that they mean, mA."""
    ends: tuple[float, float] | None = None
    """Numbers at which the input stands still; without it those of `raw`."""
    live: tuple[float, float] = (4.0, 20.0)
    """The transmitter's lowest and highest current, mA."""
    limits: tuple[float, ...] = NE43_MA
    """mA: fault below, measures from, measures to, fault above; NAMUR NE 43. [] for a loop that shows no faults."""
    status: StatusRegister | None = None
    """Only for module "other"."""

    @field_validator("span")
    @classmethod
    def _span_is_one(cls, span: tuple[float, float]) -> tuple[float, float]:
        if span[0] == span[1]:
            raise ValueError(f"{span[0]:g} to {span[1]:g} is no span")
        return span

    @field_validator("limits")
    @classmethod
    def _limits_rise(cls, limits: tuple[float, ...]) -> tuple[float, ...]:
        if limits and (len(limits) != 4 or not limits[0] <= limits[1] < limits[2] <= limits[3]):
            raise ValueError("write four currents that rise, like [3.6, 3.8, 20.5, 21.0], or []")
        return limits

    @field_validator("live")
    @classmethod
    def _live_goes_up(cls, live: tuple[float, float]) -> tuple[float, float]:
        if live[0] >= live[1]:
            raise ValueError(f"{live[0]:g} mA is not below {live[1]:g} mA")
        return live

    def meaning(self) -> ChannelMeaning:
        """What its number means. Without a range, from the lowest to the highest current that measures."""
        low, high = self.range or self._measurable()
        return ChannelMeaning(self.id, self.unit, low, high)

    def _measurable(self) -> Pair:
        ends = self.limits[1:3] if self.limits else self.live
        # Worked out as the readings are, so that a reading at a limit lies inside.
        any_ma = (Decimal(-1000), Decimal(1000))
        loop = Loop(_decimals(self.span), any_ma, any_ma, live_ma=_decimals(self.live), limits=None)
        low, high = sorted(float(decode(loop, Decimal(repr(end))).value or 0) for end in ends)
        return low, high

    def loop(self, scale: Scale) -> Loop:
        """The codec's loop. ValueError: two of its numbers contradict each other."""
        limits = Limits(*(Decimal(repr(end)) for end in self.limits)) if self.limits else None
        return Loop(
            span=_decimals(self.span),
            raw=_decimals(scale.raw),
            ma=_decimals(scale.ma),
            ends=_decimals(scale.ends),
            live_ma=_decimals(self.live),
            limits=NE43 if self.limits == NE43_MA else limits,
        )

    def contradictions(self, name: str, module: Module | None) -> Problems:
        """(key, message) for what does not go together."""
        own = self.address is not None or self.register_ is not None
        if self.input is None and not own:
            missing = "the input is missing" if module else "the address is missing"
            yield "input", f"{missing}: give {'input (from 0)' if module else 'address, raw and ma'}"
        elif self.input is not None and own:
            yield "input", "input and address name the same thing: give one of them"
        elif self.input is not None and module is None:
            yield "input", f'module "{name}" has no numbers for its inputs: give address, raw and ma'
        elif self.input is not None and module is not None and self.input >= module.inputs:
            yield "input", f"{name} has inputs 0 to {module.inputs - 1} (got {self.input})"
        if own and self.raw is None:
            yield "raw", "two numbers of the register are missing, for example raw = [0, 65535], ma = [0, 20]"
        if self.input is not None and not own and (self.raw, self.ends, self.status) != (None, None, None):
            yield "raw", f"{name} has its own scale and status: give raw, ends and status with address only"


class Judge(NamedTuple):
    """A register beside an input, and what its numbers say; `normal` is one of a quiet day."""

    channel: Channel
    verdicts: Mapping[int, Verdict]
    normal: int


class Asked(NamedTuple):
    """The register that tells the input's range, and the codes of the right one."""

    channel: Channel
    codes: tuple[int, ...]


class Known(NamedTuple):
    """All that follows of one channel. `loop` and `scale_and_offset` are None while it has problems."""

    value: Channel
    loop: Loop | None
    scale_and_offset: Pair | None
    status: Judge | None
    setting: Asked | None
    problems: tuple[tuple[str, str], ...] = ()


def known_of(
    channel: AnalogChannel, number: int, module: Module | None, mode: Mode, *, check_mode: bool
) -> Known:
    """`number`: the channel's own in the file, which names its registers inside."""
    at = channel.input
    if module is None or at is None or at >= module.inputs:
        value = channel.inside(f"input{number}", channel.type, order=channel.order)
        status = _own_judge(channel, number)
        raw = channel.raw or (0.0, 65535.0)
        return _known(channel, Scale(raw, channel.ma, channel.ends or raw), value, status, None)
    value = _register(f"input{number}", module.values.table, module.values.of(at), module.values.type)
    judge = None
    if module.status is not None:
        place = module.status.at
        beside = _register(f"status{number}", place.table, place.of(at), place.type)
        judge = Judge(beside, module.status.verdicts, _normal(module.status.verdicts))
    asked = None
    if module.setting is not None and check_mode and mode in module.setting.codes:
        place = module.setting.at
        tells = _register(f"mode{number}", place.table, place.of(at), place.type)
        asked = Asked(tells, module.setting.codes[mode])
    if mode not in module.scales:
        wrong = f"its scale for {mode} is not known; known are: {', '.join(module.scales)}"
        return Known(value, None, None, judge, asked, (("mode", wrong),))
    return _known(channel, module.scales[mode], value, judge, asked)


def _known(
    channel: AnalogChannel, scale: Scale, value: Channel, judge: Judge | None, asked: Asked | None
) -> Known:
    try:
        loop = channel.loop(scale)
    except ValueError as error:
        return Known(value, None, None, judge, asked, (("raw", str(error)),))
    return Known(value, loop, _line(loop), judge, asked)


def _line(loop: Loop) -> Pair:
    """Scale and offset from the register's number to the value."""
    raw, ma, live, span = (
        tuple(map(Fraction, pair)) for pair in (loop.raw, loop.ma, loop.live_ma, loop.span)
    )
    per_ma = (span[1] - span[0]) / (live[1] - live[0])
    ma_per_count = (ma[1] - ma[0]) / (raw[1] - raw[0])
    scale = per_ma * ma_per_count
    offset = span[0] + (ma[0] - raw[0] * ma_per_count - live[0]) * per_ma
    return float(scale), float(offset)


def _own_judge(channel: AnalogChannel, number: int) -> Judge | None:
    status = channel.status
    if status is None:
        return None
    beside = status.inside(f"status{number}", "bit" if status.table in {"discrete", "coil"} else "uint16")
    return Judge(beside, status.verdicts(), status.normal[0])


def _register(name: str, table: Table, address: int, kind: Any) -> Channel:  # noqa: ANN401 - a type of registers
    return Channel.model_validate({"id": name, "table": table, "address": address, "type": kind, "unit": "1"})


def _normal(verdicts: Mapping[int, Verdict]) -> int:
    return next(number for number, verdict in verdicts.items() if verdict is Verdict.NORMAL)


def _decimals(pair: Pair) -> tuple[Decimal, Decimal]:
    return Decimal(repr(pair[0])), Decimal(repr(pair[1]))
