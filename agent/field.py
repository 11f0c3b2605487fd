"""The instruments' side of the agent: from a station's lines and devices to running line tasks."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from agent.backfill import Backfill
from agent.clock import Clock
from agent.configuration import without_secrets
from agent.read import LONGEST_CYCLE_MS, Device, Line, Report
from agent.schedule import Due
from agent.seams import Seams
from agent.sign import DevicePlan, Recorder
from agent.status_from import NOBODY, Standings, standings_of
from agent.tables import settings_of, wire_of
from agent.watched import Subject, Watched
from config.station import Device as DeviceTable
from config.station import Station
from drivers import catalogue
from drivers.driver import Driver, DriverSettings
from drivers.kept import Keeps
from drivers.lines import AnyBus, bus_for, framing, on
from drivers.turns import Turns, longest_question_s
from telemetry.pack import PackEncoder

LAST_POLL_S = 1.2
"""What a poll that runs when the station stops may still take."""


def plan_of(station: str, device: DeviceTable) -> DevicePlan:
    """How the recorder writes this device's readings."""
    channels = settings_of(device).channels()
    return DevicePlan(
        device=device.id,
        channels=tuple(channel.id for channel in channels),
        encoder=PackEncoder(station, device.id, [(channel.id, channel.unit) for channel in channels]),
        ranges={c.id: (c.low, c.high) for c in channels if c.low is not None or c.high is not None},
    )


@dataclass(slots=True)
class Field:
    """All lines of a station while one station file is in force. `tasks` end with `stop`."""

    station: Station
    recorder: Recorder
    clock: Clock
    report: Report
    seams: Seams
    watched: Watched = field(default_factory=Watched)
    lines: list[Line] = field(default_factory=list)
    buses: dict[str, AnyBus] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _buses: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def devices(self) -> list[Device]:
        """Every device, in the order of the lines."""
        return [device for line in self.lines for device in line.devices]

    async def start(self, tasks: asyncio.TaskGroup, before: Mapping[str, Device]) -> None:
        """Build the lines and let each run as a task of its own. `before`: the devices of the file before."""
        standings = standings_of(self.station, self.clock.mono_ms())
        self._renew_watched()
        for table in self.station.lines:
            settings, mono_ms = wire_of(table), self.clock.mono_ms
            mine = self._settings_on(table.id)
            bus = bus_for(settings, mine, mono_ms, wire=self.seams.wire, jitter=self.seams.rng.random)
            if isinstance(bus, Turns):
                bus.tap = self.watched.tap(table.id)
            await self._buses.enter_async_context(bus)
            self.buses[table.id] = bus
            devices = self._devices(table.id, bus, before, standings, longest_question_s(settings))
            line = Line(table.id, devices, self.recorder, self.clock, self.report, place=len(self.lines))
            line.back_by_mono_ms = self.clock.mono_ms() + LONGEST_CYCLE_MS
            self.lines.append(line)
            self._tasks.append(tasks.create_task(line.run(), name=f"line {table.id}"))

    async def stop(self) -> None:
        """End the line tasks, then close the wires. A poll that runs may end: what was answered gets signed."""
        for line, task in zip(self.lines, self._tasks, strict=True):
            line.ending = True
            if not line.polling:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_POLL_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._buses.aclose()

    def _renew_watched(self) -> None:
        subjects = []
        for table in self.station.lines:
            settings, mine = wire_of(table), self._settings_on(table.id)
            if settings.machine is None:
                streams = any(device.streams() for device in mine)
                url = without_secrets(settings.url)
                subjects.append(Subject(table.id, url, framing(settings, mine), streams))
        with_wire = {subject.line for subject in subjects}
        self.watched.renew(subjects, [table.id for table in self.station.lines if table.id not in with_wire])

    def _settings_on(self, line: str) -> list[DriverSettings]:
        return [settings_of(device) for device in self.station.devices if device.line == line]

    def _devices(
        self, line: str, bus: AnyBus, before: Mapping[str, Device], standings: Standings, question_s: float
    ) -> list[Device]:
        now_ms = self.clock.mono_ms()
        devices = []
        for table in self.station.devices:
            if table.line != line:
                continue
            settings = settings_of(table)
            driver = on(bus, catalogue.driver(table.driver), settings)
            patience_ms = round(1_000 * (settings.patience_s() + question_s))
            due = Due(table.every_ms, now_ms)
            device = Device(plan_of(self.station.id, table), driver, due, patience_ms)
            device.source = standings.sources.get(table.id)
            device.standing = standings.of.get(table.id, NOBODY)
            device.backfill = self._backfill(table.id, driver, first=not before)
            if table.id in before:
                device.carry(before[table.id])
            devices.append(device)
        return devices

    def _backfill(self, device: str, driver: Driver, *, first: bool) -> Backfill | None:
        """first: nobody was asked before in this run; a device that comes later missed nothing while it was off."""
        if not isinstance(driver, Keeps) or not driver.backfills:
            return None
        away_since_mono_ms = None if first else self.recorder.away_since_mono_ms()
        return Backfill(device, driver, self.recorder, self.clock, self.report, away_since_mono_ms)
