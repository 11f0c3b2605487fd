"""From a station's lines and devices to running tasks."""

import asyncio
from pathlib import Path

from agent.field import Field
from agent.seams import Seams
from agent.station import check_station
from agent.status_from import NOBODY
from drivers.bus import Bus
from drivers.character_bus import CharacterBus
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
        assert [device.patience_ms for device in field.devices] == [40_000, 0]
        await field.stop()


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
