"""Air analyzers of three protocols on two lines each: their station files, their twins, and how a driver reads them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from agent.station import load_station
from agent.tables import settings_of
from drivers import catalogue
from drivers.driver import Cycle, Driver, DriverSettings
from sim.served import ServedLog
from sim.talk import TalkFace
from sim.twin import Wishes, wires
from telemetry.reading import Reading
from tests.drivers.simulated_talk import SimulatedLine, TalkingLine, moment

S = TypeVar("S", bound=DriverSettings)
HEAD = """\
[station]
id = "AIR"

[[line]]
id = "rs485"
url = "serial:///dev/ttyS77?baudrate=9600&parity=N"
timeout = "300ms"
guard = "50ms"

[[line]]
id = "server"
url = "tcp://10.0.0.6:4001"
timeout = "300ms"
guard = "50ms"

"""


class Air(NamedTuple):
    """One protocol. `faulty`: the device of the line rs485 that goes wrong, in `percent` of its answers.

    `checked`: damage cannot pass.
    """

    driver: str
    station: str
    faulty: str
    channels: int
    checked: bool = True
    percent: int = 20


BAYERN_HESSEN = Air(
    "bayern_hessen",
    HEAD
    + """\
[[device]]
id = "nox"
line = "rs485"
driver = "bayern_hessen"
dialect = "thermo"
unit = 42
values = 4
every = "5s"
channel = [
  { id = "NO", field = "1", unit = "ppb", range = [0, 500] },
  { id = "NO2", field = "2", unit = "ug/m3", instrument_unit = "ppb", scale = 1.88 },
]

[[device]]
id = "o3"
line = "rs485"
driver = "bayern_hessen"
dialect = "teledyne-type-1"
model = "teledyne-t400"
unit = 400
values = 1
every = "5s"
channel = [ { id = "O3", field = "1", unit = "ppb", instrument_unit = "ppm" } ]

[[device]]
id = "so2"
line = "rs485"
driver = "bayern_hessen"
dialect = "ecotech-new"
unit = 97
every = "5s"
channel = [
  { id = "SO2", field = "gas 001", unit = "ppm" },
  { id = "H2S", field = "gas 002", unit = "ug/m3" },
]

[[device]]
id = "co"
line = "server"
driver = "bayern_hessen"
dialect = "teledyne-type-2"
model = "teledyne-t300"
unit = 310
query = "DA"
every = "5s"
channel = [
  { id = "CO2", field = "311", unit = "ppm" },
  { id = "CO", field = "310", unit = "mg/m3" },
]
""",
    faulty="nox",
    channels=7,
    percent=40,
)
CLINK = Air(
    "clink",
    HEAD
    + """\
[[device]]
id = "o3"
line = "rs485"
driver = "clink"
unit = 49
checksum = true
every = "5s"
channel = [
  { id = "O3", field = "o3", unit = "ppb" },
  { id = "flow", field = "flow a", unit = "L/min", instrument_unit = "CC/M" },
  { id = "flags", unit = "1" },
]

[[device]]
id = "so2"
line = "rs485"
driver = "clink"
unit = 43
checksum = true
sum_with_line_feed = true
states = ["gas mode", "mode"]
flag_bits = { "0000000F" = "instrument_fault" }
every = "5s"
channel = [ { id = "SO2", field = "so2", unit = "ug/m3", instrument_unit = "ppb", scale = 2.62 } ]

[[device]]
id = "pm"
line = "server"
driver = "clink"
states = []
end = "nul"
every = "5s"
channel = [
  { id = "PM10", field = "pm", unit = "µg/m3" },
  { id = "T", field = "ambient temp", unit = "°C" },
  { id = "ratio", unit = "1" },
]
""",
    faulty="o3",
    channels=7,
)
TELEDYNE = Air(
    "teledyne",
    HEAD
    + """\
[[device]]
id = "o3"
line = "rs485"
driver = "teledyne"
unit = 400
list_wait = "100ms"
every = "5s"
channel = [
  { id = "O3", unit = "ppb" },
  { id = "flow", field = "SAMPFLOW", label = "SAMP FL", unit = "L/min", instrument_unit = "CC/M" },
  { id = "box", field = "BOX TEMP", unit = "°C", instrument_unit = "C" },
]

[[device]]
id = "so2"
line = "rs485"
driver = "teledyne"
unit = 0
warnings = false
every = "5s"
channel = [ { id = "SO2", unit = "ug/m3", instrument_unit = "ppb", scale = 2.62 } ]

[[device]]
id = "co"
line = "server"
driver = "teledyne"
mode = "computer"
list_wait = "100ms"
every = "5s"
channel = [ { id = "CO", unit = "ppm" } ]
""",
    faulty="o3",
    channels=5,
    checked=False,
)
ANALYZERS = (BAYERN_HESSEN, CLINK, TELEDYNE)


def written(folder: Path, text: str) -> Path:
    """As a station file."""
    file = folder / "station.toml"
    file.write_text(text, encoding="utf-8")
    return file


def talking(air: Air, folder: Path, *faults: str, **more: Any) -> tuple[TalkingLine, dict[str, Driver]]:
    """The twin of the line rs485 in virtual time, and the drivers of its devices."""
    station = load_station(written(folder, air.station), elsewhere=True)
    face = wires(station, Wishes(), ServedLog(), moment)["rs485"].face
    assert isinstance(face, TalkFace)
    line = TalkingLine(face, faults=faults, timeout="1s", guard="1s", **more)
    driver = catalogue.driver(air.driver)
    devices = [device for device in station.devices if device.line == "rs485"]
    return line, {device.id: driver(settings_of(device), line.bus) for device in devices}


async def asked(
    driver: Callable[[Any, Any], Driver],
    settings: DriverSettings,
    answer: Callable[[bytes], bytes | None],
    **line_settings: Any,
) -> tuple[Cycle, list[bytes]]:
    """What the driver makes of an instrument that answers so, and what was sent."""

    def answers(request: bytes) -> list[tuple[float, bytes]]:
        said = answer(request)
        return [] if said is None else [(0.05, said)]

    line = SimulatedLine(answers, **line_settings)
    async with line.bus:
        cycle = await driver(settings, line.bus).read()
    return cycle, [request for _, request in line.requests]


def readings(cycle: Cycle) -> tuple[Reading, ...]:
    """Of all blocks."""
    return tuple(reading for block in cycle.blocks for reading in block.readings)


def flags(cycle: Cycle) -> set[int]:
    """Of all readings."""
    return {reading.flags for reading in readings(cycle)}
