"""The twin of a station file: serves every device of it, so that the file can be rehearsed on a laptop.

Built from what the drivers' settings say of themselves: points (where a value lies), rows (its scale), channels
(its unit and range). Values are plausible for unit and range and scaled back, so that the agent reads them
right. Unused registers between two channels read 0. Not modelled: what the real instrument's manual says
beyond the file, and numbers that mean "no value".

A line `local://` is no wire: its url stays as it is, and a rehearsal reads the machine on which it runs. To rehearse
another one, name a folder with its proc and sys: `local:///PATH`.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from config.station import Device, Line, Station, StatusFrom
from drivers.protocols.modbus import BIT_TABLES, Point, Table
from sim import moment, plausible
from sim.face import Face
from sim.hosts.tls import Certificate
from sim.instrument import Instrument, Quantity
from sim.moment import Now
from sim.on_the_air import Where, on_the_air, scheme_of
from sim.replay import Replay
from sim.script import Script, parse_all
from sim.served import ServedLog
from sim.signals import Constant, Signal
from sim.talk import TalkFace
from sim.talkers.catalogue import TALKERS, Behind
from sim.wire import Wire

_SEED_STEP = 1009
_NUMBERED = frozenset({"tcp", "tls", "udp"})


class Meaning(Protocol):
    """A channel's unit and range."""

    @property
    def unit(self) -> str: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


class StatusRule(Protocol):
    """What a status channel shows when all is well."""

    @property
    def channel(self) -> str: ...
    def well(self) -> int:
        """The value with which nothing is flagged."""
        ...


class DeviceSettings(Protocol):
    """What the twin asks of a driver's settings."""

    def address(self) -> int | str | None:
        """The unit on its line; a letter is not counted with."""
        ...

    def points(self) -> Sequence[Point]:
        """Where each channel's value lies."""
        ...

    def channels(self) -> Sequence[Meaning]:
        """Unit and range, in the same order."""
        ...

    def rows(self) -> Sequence[Sequence[object]]:
        """[id, table, address, type, order, scale, offset, unit, range], in the same order."""
        ...

    def status_rules(self) -> Sequence[StatusRule]:
        """Which channels are a status of others."""
        ...

    def status_rule(self, channel: str, flagged: tuple[str, ...], meanings: Mapping[str, str]) -> StatusRule:
        """What a channel says of another device's channels."""
        ...

    def quiet(self) -> Mapping[tuple[Table, int], int]:
        """What is read beside the channels, and what it holds while all is well."""
        ...


class Place(NamedTuple):
    """Where one device is served: `url` is what its line's url has to be. `unit` None: its protocol has none."""

    device: str
    line: str
    url: str
    unit: int | str | None
    channels: int


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to serve. `ports` by line id; `links` is the folder for stable names of serial lines. `tls`: what lines
    with TLS show; without it a certificate that nobody can trust. `replays` by line id: such a line has no instruments,
    and no fault strikes it but those of its recording.
    """

    seed: int = 1
    faults: Sequence[str] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    links: Path | None = None
    tls: Certificate | None = None
    replays: Mapping[str, Replay] = field(default_factory=dict)


def instrument(device: Device, seed: int, speaks: Sequence[StatusFrom] = ()) -> Instrument:
    """The device as its settings describe it. `speaks`: what its channels say of other devices' values."""
    settings = cast("DeviceSettings", device.settings)
    rules = [settings.status_rule(each.channel, (), each.flags) for each in speaks]
    well = {rule.channel: float(rule.well()) for rule in (*rules, *settings.status_rules())}
    rows = zip(settings.points(), settings.channels(), settings.rows(), strict=True)
    quantities = [
        Quantity(
            point,
            _signal(point, meaning, seed + number, well.get(point.channel)),
            Decimal(repr(row[5])),
            Decimal(repr(row[6])),
            text=device.id[: 2 * point.count],
        )
        for number, (point, meaning, row) in enumerate(rows)
    ]
    plate = {0: b"Tram", 1: device.id.encode(), 2: b"twin"}
    return Instrument(device.id, quantities, dict(settings.quiet()), plate=plate, gaps_read_zero=True)


def _signal(point: Point, meaning: Meaning, seed: int, well: float | None) -> Signal:
    if point.table in BIT_TABLES or point.type == "bit" or well is not None:
        return Constant(well or 0)
    return plausible.signal(meaning.unit, meaning.low, meaning.high, seed)


def wires(station: Station, wishes: Wishes, served: ServedLog, now: Now = moment.real) -> dict[str, Wire]:
    """One wire per line that has a device. ValueError: a fault that cannot be read, or a device nobody knows."""
    units = _units([device for device in station.devices if device.line not in _without_wire(station)])
    parse_all(wishes.faults, units, strict=True)
    built: dict[str, Wire] = {}
    for line in station.lines:
        if line.id in _without_wire(station):
            continue
        if line.id in wishes.replays:
            built[line.id] = Wire(line.id, Face({}), Script(), served, now)
            continue
        devices = {units[device.id]: device for device in station.devices if device.line == line.id}
        face = _face(line, devices, wishes.seed, _spoken(station))
        mine = {device.id: unit for unit, device in devices.items()}
        script = Script(parse_all(wishes.faults, mine), wishes.seed)
        if devices:
            built[line.id] = Wire(line.id, face, script, served, now)
    return built


def _without_wire(station: Station) -> set[str]:
    return {line.id for line in station.lines if scheme_of(line) == "local"}


def _units(devices: Sequence[Device]) -> dict[str, int]:
    """By device. Where a protocol has no numbers, those of a line are counted from 1."""
    units: dict[str, int] = {}
    counted: Counter[str] = Counter()
    for device in devices:
        address = cast("DeviceSettings", device.settings).address()
        counted[device.line] += 1
        units[device.id] = address if isinstance(address, int) else counted[device.line]
    return units


def _spoken(station: Station) -> dict[str, list[StatusFrom]]:
    """What is said of other devices' values, by the device that says it."""
    spoken: dict[str, list[StatusFrom]] = {}
    for device in station.devices:
        for wanted in device.status_from:
            spoken.setdefault(wanted.device, []).append(wanted)
    return spoken


def _face(
    line: Line, devices: Mapping[int, Device], seed: int, spoken: Mapping[str, Sequence[StatusFrom]]
) -> Face | TalkFace:
    """What stands behind the line: its devices all speak alike. ValueError: they cannot be simulated."""
    kinds = sorted({device.driver for device in devices.values()})
    talkers = [TALKERS[kind] for kind in kinds if kind in TALKERS]
    if talkers and len(kinds) > 1:
        raise ValueError(f'line "{line.id}": {" and ".join(kinds)} on one line cannot be simulated')
    if talkers:
        return TalkFace(talkers[0](Behind(devices, seed)))
    units = {
        unit: instrument(device, seed + _SEED_STEP * unit, spoken.get(device.id, ()))
        for unit, device in devices.items()
    }
    return Face(units, gateway=scheme_of(line) in _NUMBERED)


@asynccontextmanager
async def serve(
    station: Station, wishes: Wishes, served: ServedLog
) -> AsyncIterator[tuple[Mapping[str, str], Sequence[Place]]]:
    """Everything on the air: the url of each line, and where each device is. OSError: a wished port is taken."""
    built = wires(station, wishes, served)
    where = Where(wishes.ports, wishes.links, wishes.tls, wishes.replays)
    async with on_the_air(station, built, where) as urls:
        yield urls, [place for line in built for place in _places(station, line, urls[line])]


def _places(station: Station, line: str, url: str) -> Iterator[Place]:
    for device in station.devices:
        if device.line == line:
            settings = cast("DeviceSettings", device.settings)
            yield Place(device.id, line, url, settings.address(), len(settings.channels()))
