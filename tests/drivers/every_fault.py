"""One story for each driver, line and fault: a device that is sound, goes wrong and is sound again, and its neighbour.

    0 s ........ 60 s ........ 180 s ........ 330 s      virtual time
      a is sound   a is faulty   a is sound again        b is sound all the time

Polled by the agent's own line task over the product's own connections (memory_network), so periods, back-off,
guards and reconnecting are those of the field.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from agent.field import plan_of
from agent.read import Device, Line
from agent.schedule import Due
from agent.sign import DevicePlan
from agent.station import check_station
from agent.tables import settings_of, wire_of
from config.station import Station
from drivers import catalogue
from drivers.driver import Cycle, Driver
from drivers.errors import DriverError
from drivers.lines import AnyBus, bus_for, on
from sim.hosts.listener import Listener
from sim.hosts.rtu_tcp import AsciiTcpHost, RtuTcpHost
from sim.hosts.talk import TalkTcpHost
from sim.hosts.tcp import TcpHost
from sim.hosts.udp import UdpHost
from sim.moment import Moment
from sim.script import parse_all
from sim.served import ServedLog
from sim.talk import TalkFace
from sim.twin import Wishes, wires
from sim.wire import Wire
from telemetry.reading import Block, Reading
from tests.virtual_time import VirtualClock

PERIOD_S, TIMEOUT_S, GUARD_S, RETRIES = 10.0, 1.0, 1.0, 1
FAULTY_S, SOUND_AGAIN_S, END_S = 60.0, 180.0, 330.0
PORT = 47_001
HOSTS: dict[str, type[Listener] | type[UdpHost]] = {
    "tcp": TcpHost,
    "udp": UdpHost,
    "rtu+tcp": RtuTcpHost,
    "ascii+tcp": AsciiTcpHost,
}
STATION = """\
[station]
id = "TABLE"

[[line]]
id = "line"
url = "{url}"
timeout = "1s"
guard = "1s"
retries = 1
"""
DEVICE = """
[[device]]
id = "{id}"
line = "line"
every = "10s"
"""


class Row(NamedTuple):
    """A driver on one kind of line. `tables`: of device a, and of b where the protocol allows a second one.

    `checked`: the protocol proves its messages. Where it does not, a damaged digit is another digit: no wrong value
    is then not promised.
    """

    scheme: str
    tables: tuple[str, ...]
    checked: bool = True


class Poll(NamedTuple):
    """One poll, from its first moment to its last, in virtual seconds."""

    device: str
    began_s: float
    ended_s: float
    cycle: Cycle | None
    error: DriverError | None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Empty when nothing at all was read."""
        return tuple(
            reading for block in (self.cycle.blocks if self.cycle else ()) for reading in block.readings
        )


@dataclass
class Told:
    """What happened. `kept`: what was handed to the recorder, by device. `streaming`: devices that nobody asks."""

    polls: list[Poll]
    served: ServedLog
    kept: dict[str, list[tuple[float, tuple[Block, ...]]]]
    streaming: frozenset[str] = frozenset()

    def of(self, device: str, from_s: float = 0.0, to_s: float = END_S) -> list[Poll]:
        """Polls that began within these seconds."""
        return [poll for poll in self.polls if poll.device == device and from_s <= poll.began_s < to_s]

    def outcomes(self, polls: Sequence[Poll]) -> set[str]:
        """Of their readings: "right" is what the instrument said, "wrong" what it did not, "flagged" is neither."""
        found = {"flagged" for poll in polls if poll.error is not None}
        for poll in polls:
            for reading in poll.readings:
                right = self.is_right(poll, reading)
                found.add("flagged" if reading.flags else "right" if right else "wrong")
        return found

    def is_right(self, poll: Poll, reading: Reading) -> bool:
        """Whether the instrument said this value of this channel during this poll, or to a stream just before."""
        since_ms = (
            round(1_000 * (poll.began_s - PERIOD_S if poll.device in self.streaming else poll.began_s)) - 1
        )
        return any(
            served.device == poll.device
            and since_ms <= served.asked_mono_ms
            and reading.channel in served.values
            and _same(served.values[reading.channel], reading.value)
            for served in self.served.kept
        )


def _same(said: Any, read: Any) -> bool:
    return None not in (said, read) and abs(said - read) <= 1e-9 * max(1.0, abs(said))


@dataclass
class Notes:
    """The recorder's two verbs."""

    kept: dict[str, list[tuple[float, tuple[Block, ...]]]] = field(default_factory=dict)

    def readings(self, plan: DevicePlan, blocks: Sequence[Block]) -> tuple[Block, ...]:
        self.kept.setdefault(plan.device, []).append((_now(), tuple(blocks)))
        return tuple(blocks)

    def gap(self, *_: object) -> None:
        """What explains a silence is the agent's story, not this one's."""


class _Watched:
    """A driver whose polls are written down."""

    def __init__(self, device: str, driver: Driver, polls: list[Poll]) -> None:
        self._device = device
        self._driver = driver
        self._polls = polls

    async def read(self) -> Cycle:
        began_s = _now()
        try:
            cycle = await self._driver.read()
        except DriverError as error:
            self._polls.append(Poll(self._device, began_s, _now(), None, error))
            raise
        self._polls.append(Poll(self._device, began_s, _now(), cycle, None))
        return cycle


def _now() -> float:
    return asyncio.get_running_loop().time()


def world_moment() -> Moment:
    """Now, for simulators."""
    return Moment(1_795_000_000.0 + _now(), round(1_000 * _now()))


def station_of(row: Row) -> Station:
    """A mistake in the tables raises."""
    text = STATION.format(url=f"{row.scheme}://127.0.0.1:{PORT}")
    for name, table in zip("ab", row.tables, strict=False):
        text += DEVICE.format(id=name) + table
    return check_station(text, Path("station.toml"))


async def story(row: Row, fault: str) -> Told:
    """The whole of it; to be run in a MemoryLoop."""
    station, served = station_of(row), ServedLog()
    (wire,) = wires(station, Wishes(), served, now=world_moment).values()
    kind: Any = TalkTcpHost if isinstance(wire.face, TalkFace) else HOSTS[row.scheme]
    settings = wire_of(station.lines[0])
    tables = [settings_of(device) for device in station.devices]
    streaming = frozenset(
        device.id for device, table in zip(station.devices, tables, strict=True) if table.streams()
    )
    told, notes = Told([], served, {}, streaming), Notes()
    async with (
        kind(wire, port=PORT),
        bus_for(settings, tables, lambda: round(1_000 * _now()), jitter=lambda: 1.0) as bus,
    ):
        task = asyncio.create_task(line_of("line", station, bus, notes, told.polls).run())
        await asyncio.sleep(FAULTY_S - 1)
        wire.script.rules += parse_all([f"{fault}/a"], _units(wire), strict=True)
        await asyncio.sleep(SOUND_AGAIN_S - FAULTY_S)
        wire.script.rules.clear()
        await asyncio.sleep(END_S - SOUND_AGAIN_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    told.kept = notes.kept
    return told


def _units(wire: Wire) -> dict[str, int]:
    return {instrument.name: unit for unit, instrument in wire.face.instruments.items()}


def line_of(name: str, station: Station, bus: AnyBus, notes: Notes, polls: list[Poll]) -> Line:
    """The agent's task of one line, whose polls are written down."""
    clock, devices = VirtualClock(mono_ms=0), []
    for table in station.devices:
        if table.line == name:
            settings = settings_of(table)
            watched = _Watched(table.id, on(bus, catalogue.driver(table.driver), settings), polls)
            patience_ms = round(1_000 * settings.patience_s())
            due = Due(table.every_ms, 0.0)
            devices.append(Device(plan_of(station.id, table), watched, due, patience_ms))  # type: ignore[arg-type]
    return Line(name, devices, notes, clock, lambda *_: None)  # type: ignore[arg-type]
