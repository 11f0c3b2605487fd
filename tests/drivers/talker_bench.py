"""The twin of a device table, polled by its driver: in virtual time with faults, and on real wires.

`TABLE` is what stands under [[device]] in the station file, without id, line and every.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.station import check_station
from agent.tables import settings_of, wire_of
from config.station import Station
from drivers import catalogue
from drivers.driver import Cycle
from drivers.errors import DriverError
from drivers.lines import bus_for, on
from sim.served import ServedLog
from sim.talk import TalkFace
from sim.twin import Wishes, serve, wires
from telemetry.reading import Reading
from tests.drivers.simulated_talk import TalkingLine

SERIAL = "serial:///dev/ttyS77?baudrate=9600&parity=N"
TCP = "tcp://127.0.0.1:47001"
ALL_FAULTS = ("silent", "late=1.5", "slow=0.3", "truncated", "flip", "noise", "close", "reboot=3")
HEAD = """\
[station]
id = "TALK"

[[line]]
id = "line"
url = "{url}"
timeout = "{timeout}"
guard = "1s"
retries = {retries}
"""
DEVICE = """
[[device]]
id = "{id}"
line = "line"
every = "10s"
"""


def station_of(*tables: str, url: str = SERIAL, timeout: str = "1s", retries: int = 1) -> Station:
    """One line with these devices, `a`, `b`, ...; a mistake in the file raises."""
    text = HEAD.format(url=url, timeout=timeout, retries=retries)
    for place, table in enumerate(tables):
        text += DEVICE.format(id="abcdefgh"[place]) + table
    return check_station(text, Path("station.toml"))


class Poll(NamedTuple):
    """One poll of one device: its cycle, or the error when nothing was read."""

    device: str
    cycle: Cycle | None
    error: DriverError | None = None

    @property
    def readings(self) -> dict[str, Reading]:
        """By channel."""
        blocks = self.cycle.blocks if self.cycle else ()
        return {reading.channel: reading for block in blocks for reading in block.readings}

    @property
    def values(self) -> dict[str, object]:
        """By channel."""
        return {channel: reading.value for channel, reading in self.readings.items()}

    @property
    def said(self) -> str:
        """All errors in words."""
        errors = self.cycle.errors if self.cycle else ()
        return "; ".join(map(str, (*errors, *([self.error] if self.error else ()))))


def twin_line(station: Station, faults: Sequence[str] = ()) -> TalkingLine:
    """The station's line with the twin's instruments at its far end."""
    (wire,) = wires(station, Wishes(), ServedLog()).values()
    assert isinstance(wire.face, TalkFace)
    (line,) = station.lines
    settings = wire_of(line)
    return TalkingLine(
        wire.face,
        settings.url,
        faults=faults,
        retries=settings.retries,
        timeout=f"{settings.timeout_s:g}s",
    )


async def polled(station: Station, line: TalkingLine, count: int = 1, every_s: float = 10.0) -> list[Poll]:
    """`count` polls of each device in turn, in virtual time."""
    drivers = {
        table.id: catalogue.driver(table.driver)(settings_of(table), line.bus) for table in station.devices
    }
    done = []
    async with line.bus:
        for _ in range(count):
            for name, driver in drivers.items():
                async with asyncio.timeout(120):
                    try:
                        done.append(Poll(name, await driver.read()))
                    except DriverError as error:
                        done.append(Poll(name, None, error))
            await asyncio.sleep(every_s)
    return done


def assert_honest(polls: Sequence[Poll], line: TalkingLine) -> None:
    """Every value without a flag was shown by this channel of this device; every channel is there once."""
    shown: dict[tuple[str, str], set[float]] = {}
    for served in line.wire.served.kept:
        for channel, value in served.values.items():
            if not isinstance(value, str | None):
                shown.setdefault((served.device, channel), set()).add(float(value))
    for poll in polls:
        assert poll.error is not None or len(poll.readings) > 0
        for channel, reading in poll.readings.items():
            assert reading.value is not None or reading.flags
            if reading.flags == 0 and not isinstance(reading.value, str):
                values = shown.get((poll.device, channel), set())
                assert any(reading.value == pytest.approx(value, rel=1e-9) for value in values), reading


async def read_on_a_real_wire(station: Station, folder: Path) -> tuple[list[Poll], ServedLog]:
    """Each device once, through a pseudo-terminal or a port of this machine."""
    served = ServedLog()
    polls = []
    async with serve(
        station, Wishes(links=folder, ports={"line": 0} if "tcp" in _url(station) else {}), served
    ) as (
        urls,
        _places,
    ):
        (line,) = station.lines
        settings = wire_of(line).model_copy(update={"url": urls["line"]})
        tables = [settings_of(table) for table in station.devices]
        async with bus_for(settings, tables, lambda: 0) as bus:
            for table in station.devices:
                driver = on(bus, catalogue.driver(table.driver), settings_of(table))
                async with asyncio.timeout(30):
                    polls.append(Poll(table.id, await driver.read()))
    return polls, served


def assert_read_what_was_served(polls: Sequence[Poll], served: ServedLog) -> None:
    """Without a flag or an error."""
    shown = {
        (answer.device, channel, value) for answer in served.kept for channel, value in answer.values.items()
    }
    for poll in polls:
        assert poll.said == ""
        assert {reading.flags for reading in poll.readings.values()} == {0}
        for channel, value in poll.values.items():
            assert isinstance(value, str) or any(
                value == pytest.approx(said, rel=1e-9)
                for device, name, said in shown
                if (device, name) == (poll.device, channel)
            )


def _url(station: Station) -> str:
    return wire_of(station.lines[0]).url
