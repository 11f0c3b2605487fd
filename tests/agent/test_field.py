"""From a station's lines and devices to running tasks."""

import asyncio
from pathlib import Path

import pytest

from agent.field import Field
from agent.seams import Seams
from agent.station import check_station
from agent.status_from import NOBODY
from drivers.bus import Bus
from drivers.character_bus import CharacterBus
from telemetry.bodies import BootBody, BootReason
from tests.agent.polled_line import recorder_of
from tests.virtual_time import VirtualClock, in_virtual_time

STATION = """
[station]
id = "FIELD"

[[line]]
id = "mast"
url = "tcp://127.0.0.1:9"

[[line]]
id = "plc"
url = "tcp://127.0.0.2:9"

[[device]]
id = "weather"
line = "mast"
driver = "ascii"
every = "5s"
silence = "40s"
pattern = "{T}"
channel = [{ id = "T", unit = "degC" }]

[[device]]
id = "pump"
line = "plc"
driver = "modbus"
unit = 1
every = "5s"
channel = [{ id = "runs", table = "coil", address = 0, type = "bit" }]
"""


@in_virtual_time
async def test_each_line_gets_the_bus_of_its_speech_and_is_waited_for_as_its_instrument_needs() -> None:
    station = check_station(STATION, Path("station.toml"))
    field = Field(station, None, VirtualClock(), lambda *_: None, Seams())  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        await field.start(tasks, {})
        assert [type(bus) for bus in field.buses.values()] == [CharacterBus, Bus]
        assert [device.patience_ms for device in field.devices] == [40_000 + 8_000, 8_000]
        await field.stop()


CLINK = """
[[line]]
id = "air"
url = "tcp://127.0.0.3:9880"

[[device]]
id = "o3"
line = "air"
driver = "clink"
unit = 49
every = "10s"
channel = [{ id = "O3", field = "o3", unit = "ppb" }]
"""


@pytest.mark.parametrize(("setting", "backfills"), [("", True), ("backfill = false\n", False)])
@in_virtual_time
async def test_what_an_analyzer_kept_is_fetched_unless_the_station_file_says_no(
    setting: str, *, backfills: bool
) -> None:
    station = check_station(f"{STATION}{CLINK}{setting}", Path("station.toml"))
    clock = VirtualClock()
    recorder = recorder_of("FIELD", clock, [])
    last_sign = (clock.wall_ms() - 300_000, 7)
    recorder.booted(BootBody(bytes(32), BootReason.CLEAN_STOP, last_sign, None, "tram"))
    first, again = (Field(station, recorder, clock, lambda *_: None, Seams()) for _ in range(2))
    async with asyncio.TaskGroup() as tasks:
        await first.start(tasks, {})
        *others, o3 = first.devices
        await first.stop()
        await again.start(tasks, {device.plan.device: device for device in others})
        await again.stop()
    assert [device.backfill for device in others] == [None, None]
    if not backfills:
        assert o3.backfill is None
        return
    assert o3.backfill is not None
    assert o3.backfill.away_since_mono_ms is None
    added = again.devices[-1].backfill
    assert added is not None
    assert added.away_since_mono_ms == clock.mono_ms() - 300_000, "an analyzer that came later missed nothing"


@in_virtual_time
async def test_a_device_knows_who_speaks_for_its_values_also_after_the_file_was_read_again() -> None:
    status = '[[device.status_from]]\ndevice = "pump"\nchannel = "runs"\nflags = { 0 = "out of service" }\n'
    weather, pump = STATION.split('[[device]]\nid = "pump"')
    station = check_station(f'{weather}\n{status}\n[[device]]\nid = "pump"{pump}', Path("station.toml"))
    field = Field(station, None, VirtualClock(), lambda *_: None, Seams())  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        await field.start(tasks, {})
        before = {device.plan.device: device for device in field.devices}
        await field.stop()
        again = Field(station, None, VirtualClock(), lambda *_: None, Seams())  # type: ignore[arg-type]
        await again.start(tasks, before)
        for devices in (before.values(), again.devices):
            mast, plc = devices
            assert plc.source is not None
            assert mast.source is None
            assert mast.standing.sources == (plc.source,)
            assert plc.standing == NOBODY
            assert not mast.standing.watches[0].is_known(0)  # a new file, and nothing heard yet
        await again.stop()
