"""A station that watches its own gateway: the twin leaves that line alone."""

from pathlib import Path

import pytest

from agent.station import load_station
from agent.tables import settings_of, wire_of
from config.errors import StationFileError
from drivers import catalogue
from drivers.lines import bus_for, on
from sim.served import ServedLog
from sim.twin import Wishes, serve, wires

STATION = """\
[station]
id = "SELF"

[[line]]
id = "self"
url = "local://{root}"

[[line]]
id = "wire"
url = "tcp://127.0.0.1:1"

[[device]]
id = "gateway"
line = "{on}"
driver = "system"
every = "5s"
channel = [ {{ id = "load", unit = "1", range = [0, 4] }} ]

[[device]]
id = "ph"
line = "{other}"
driver = "modbus"
unit = 3
every = "5s"
channel = [ {{ id = "pH", register = 40001, type = "float32", unit = "pH" }} ]
"""


def written(folder: Path, **names: str) -> Path:
    file = folder / "station.toml"
    file.write_text(STATION.format(**{"on": "self", "other": "wire", "root": folder} | names))
    return file


@pytest.mark.system
async def test_the_twin_passes_the_line_through_and_the_driver_reads_the_copy(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "loadavg").write_text("0.52 0.48 0.31 1/345 12345\n")
    station = load_station(written(tmp_path), elsewhere=True)
    async with serve(station, Wishes(), ServedLog()) as (urls, places):
        assert urls["self"] == f"local://{tmp_path}"
        assert [place.device for place in places] == ["ph"]
    (line, _) = station.lines
    (gateway, _) = station.devices
    async with bus_for(wire_of(line), [settings_of(gateway)], lambda: 7) as bus:
        cycle = await on(bus, catalogue.driver(gateway.driver), settings_of(gateway)).read()
    assert cycle.blocks[0].readings[0].value == 0.52


def test_a_fault_on_the_gateway_itself_cannot_be_simulated(tmp_path: Path) -> None:
    station = load_station(written(tmp_path), elsewhere=True)
    with pytest.raises(ValueError, match="no device 'gateway'; there are ph"):
        wires(station, Wishes(faults=("silent/gateway",)), ServedLog())


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"on": "wire", "other": "self"}, 'the driver system has a line of its own: url = "local://"'),
        ({"other": "self"}, 'cannot be on line "self": only the driver system reads this machine'),
        ({"on": "wire"}, 'cannot be on line "wire": it leads to an instrument'),
    ],
)
def test_only_the_system_driver_is_on_this_line_and_on_no_other(
    tmp_path: Path, names: dict[str, str], words: str
) -> None:
    with pytest.raises(StationFileError) as told:
        load_station(written(tmp_path, **names), elsewhere=True)
    assert words in str(told.value)
