"""The twin of a station file, read by the real drivers."""

import asyncio
import socket
from pathlib import Path

import pytest

from agent.station import load_station
from agent.tables import settings_of, wire_of
from config.station import Station
from drivers import catalogue
from drivers.errors import Unreachable
from drivers.lines import bus_for, on
from drivers.protocols.modbus import Value
from sim.face import Face
from sim.hosts.tls import certificate
from sim.moment import Moment
from sim.rehearsal import Rehearsal, rewrite
from sim.served import ServedLog
from sim.talkers.catalogue import TALKERS
from sim.twin import Wishes, serve, wires
from tests.sim.bench import NOON

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "stations"
STATION = """\
[station]
id = "TWIN"

[[line]]
id = "rs485"
url = "serial:///dev/ttyS77?baudrate=19200&parity=E"
timeout = "250ms"
guard = "50ms"

[[line]]
id = "server"
url = "rtu+tcp://10.0.0.6:{port}"
timeout = "250ms"
guard = "50ms"

[[line]]
id = "gateway"
url = "tcp://10.0.0.5:{port}"

[[device]]
id = "ph"
line = "rs485"
driver = "modbus"
unit = 3
every = "5s"
channel = [
  {{ id = "pH", table = "holding", address = 0, type = "float32", order = "CDAB", unit = "pH", range = [0, 14] }},
  {{ id = "T", table = "holding", address = 2, type = "int16", scale = 0.1, unit = "oC", range = [0, 60] }},
  {{ id = "level", table = "input", address = 7, type = "uint16", scale = 1e-4, unit = "m", range = [0, 5] }},
  {{ id = "serial-no", table = "holding", address = 20, type = "string", length = 8 }},
]

[[device]]
id = "cod"
line = "rs485"
driver = "modbus"
unit = 4
every = "5s"
channel = [ {{ id = "COD", register = 40001, type = "float64", order = "DCBA", unit = "mg/L", range = [0, 800] }} ]

[[device]]
id = "pump"
line = "server"
driver = "modbus"
unit = 1
every = "5s"
channel = [
  {{ id = "runs", table = "discrete", address = 0, type = "bit" }},
  {{ id = "fault", table = "holding", address = 5, type = "bit", bit = 3 }},
  {{ id = "total", table = "holding", address = 8, type = "bcd32", unit = "m3" }},
]

[[device]]
id = "meter-a"
line = "gateway"
driver = "modbus"
unit = 1
every = "5s"
channel = [
  {{ id = "flow", table = "input", address = 0, type = "uint32", scale = 0.01, unit = "m3/h", range = [0, 200] }},
]

[[device]]
id = "meter-b"
line = "gateway"
driver = "modbus"
unit = 2
every = "5s"
channel = [ {{ id = "flow", table = "input", address = 0, type = "int64", unit = "m3/h" }} ]
"""


CHARACTERS = """\
[station]
id = "TALK"

[[line]]
id = "rs232"
url = "serial:///dev/ttyS77?baudrate=9600&bytesize=7&parity=E"
guard = "50ms"
timeout = "250ms"

[[line]]
id = "mast"
url = "tcp://10.0.0.6:4001"

[[device]]
id = "ph"
line = "rs232"
driver = "ascii"
every = "5s"
request = 'A?\\r'
terminator = '\\r'
pattern = 'A (?P<pH>\\d\\d\\.\\d\\d) (?P<T>[+-]\\d{3}\\.\\d)'
channel = [
  { id = "pH", unit = "pH", range = [0, 14] },
  { id = "Temp", field = "T", unit = "degC", range = [0, 60] },
]

[[device]]
id = "do"
line = "rs232"
driver = "ascii"
every = "5s"
request = 'B?\\r'
separator = ','
columns = { DO = 2 }
count = 3
check = { algorithm = "sum", mark = "*" }
channel = [{ id = "DO", unit = "mg/L", range = [0, 20], scale = 0.1 }]

[[device]]
id = "weather"
line = "mast"
driver = "ascii"
every = "5s"
silence = "5s"
pattern = '{T};{RH}'
channel = [{ id = "T", unit = "degC", range = [-10, 50] }]
"""


def load(folder: Path, port: int = 502) -> Station:
    return load_text(folder, STATION.format(port=port))


def load_text(folder: Path, text: str) -> Station:
    file = folder / "station.toml"
    file.write_text(text)
    return load_station(file, elsewhere=True)


async def read_all(station: Station) -> dict[tuple[str, str], Value]:
    """What the drivers read of every device, without any flag or error."""
    read: dict[tuple[str, str], Value] = {}
    for device in station.devices:
        (line,) = [line for line in station.lines if line.id == device.line]
        settings = settings_of(device)
        async with bus_for(wire_of(line), [settings], lambda: 0) as bus:
            cycle = await on(bus, catalogue.driver(device.driver), settings).read()
        assert cycle.errors == ()
        for reading in (reading for block in cycle.blocks for reading in block.readings):
            assert reading.flags == 0
            read[device.id, reading.channel] = reading.value
    return read


@pytest.mark.system
async def test_the_rewritten_file_reads_plausible_values_on_every_kind_of_line(tmp_path: Path) -> None:
    station = load(tmp_path)
    served = ServedLog()
    async with serve(station, Wishes(links=tmp_path), served) as (urls, places):
        assert urls["rs485"] == f"serial://{tmp_path}/rs485.tty?baudrate=19200&parity=N"
        assert [(place.device, place.unit, place.channels) for place in places] == [
            ("ph", 3, 4),
            ("cod", 4, 1),
            ("pump", 1, 3),
            ("meter-a", 1, 1),
            ("meter-b", 2, 1),
        ]
        copy = tmp_path / "rehearsal.toml"
        copy.write_text(rewrite(STATION.format(port=502), "station.toml", Rehearsal(urls, "k.pem", "l.db")))
        read = await read_all(load_station(copy, elsewhere=True))
    assert read["ph", "serial-no"] == "ph"
    assert (read["pump", "runs"], read["pump", "fault"]) == (0, 0)
    for key, low, high in (
        (("ph", "pH"), 6, 8.5),
        (("ph", "T"), 20, 36),
        (("ph", "level"), 0.1, 4.9),
        (("cod", "COD"), 16, 784),
        (("meter-a", "flow"), 4, 196),
        (("meter-b", "flow"), 0, 200),
    ):
        value = read[key]
        assert isinstance(value, int | float)
        assert low <= value <= high
    last = {
        (answer.device, channel): value for answer in served.kept for channel, value in answer.values.items()
    }
    assert read == last


@pytest.mark.system
async def test_instruments_that_speak_lines_are_read_right_asked_and_streamed(tmp_path: Path) -> None:
    station = load_text(tmp_path, CHARACTERS)
    served = ServedLog()
    async with serve(station, Wishes(links=tmp_path), served) as (urls, places):
        assert urls["rs232"] == f"serial://{tmp_path}/rs232.tty?baudrate=9600&parity=N"
        assert [(place.device, place.unit, place.channels) for place in places] == [
            ("ph", None, 2),
            ("do", None, 1),
            ("weather", None, 1),
        ]
        copy = tmp_path / "rehearsal.toml"
        copy.write_text(rewrite(CHARACTERS, "station.toml", Rehearsal(urls, "k.pem", "l.db")))
        read = await read_all(load_station(copy, elsewhere=True))
    assert list(read) == [("ph", "pH"), ("ph", "Temp"), ("do", "DO"), ("weather", "T")]
    told = {(answer.device, *item) for answer in served.kept for item in answer.values.items()}
    assert {(*key, value) for key, value in read.items()} <= told


@pytest.mark.parametrize("driver", sorted(catalogue.DRIVERS))
def test_every_driver_has_a_stand_in(driver: str) -> None:
    """Registers from their points, this machine by itself, others by a talker; one without a driver is nobody's."""
    has_registers = hasattr(catalogue.settings(driver), "points")
    assert (driver in TALKERS) != (has_registers or driver == "system")
    assert set(TALKERS) <= set(catalogue.DRIVERS)


def test_instruments_of_two_kinds_on_one_line_of_characters_are_not_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalogue.DRIVERS, "other", catalogue.DRIVERS["ascii"])
    text = CHARACTERS.replace('driver = "ascii"', 'driver = "other"', 1)
    with pytest.raises(ValueError, match='line "rs232": ascii and other on one line cannot be simulated'):
        wires(load_text(tmp_path, text), Wishes(), ServedLog())


def test_an_instrument_whose_wording_takes_no_number_is_said_before_anything_is_served(
    tmp_path: Path,
) -> None:
    text = CHARACTERS.replace("'{T};{RH}'", "'(?P<T>[A-F]);{RH}'")
    with pytest.raises(ValueError, match='device "weather": its wording does not take'):
        wires(load_text(tmp_path, text), Wishes(), ServedLog())


def test_faults_reach_instruments_that_speak_lines_by_their_names(tmp_path: Path) -> None:
    built = wires(load_text(tmp_path, CHARACTERS), Wishes(faults=("silent/do", "flip/weather")), ServedLog())
    assert [(rule.fault.name, rule.unit) for rule in built["rs232"].script.rules] == [("silent", 2)]
    assert [(rule.fault.name, rule.unit) for rule in built["mast"].script.rules] == [("flip", 1)]


@pytest.mark.system
async def test_a_port_that_is_taken_gives_way_and_a_wished_one_does_not(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        station = load(tmp_path, port)
        async with serve(station, Wishes(), ServedLog()) as (urls, _places):
            assert urls["gateway"] != f"tcp://127.0.0.1:{port}"
            assert urls["rs485"].startswith("serial:///dev/pts/")
        with pytest.raises(OSError, match="in use"):
            async with serve(station, Wishes(ports={"gateway": port}), ServedLog()):
                pass
    async with serve(station, Wishes(ports={"server": 0}), ServedLog()) as (urls, _places):
        assert urls["gateway"] == f"tcp://127.0.0.1:{port}"


def test_faults_are_dealt_out_to_the_lines_of_their_devices(tmp_path: Path) -> None:
    built = wires(load(tmp_path), Wishes(faults=("silent/cod", "slow=1")), ServedLog(), lambda: NOON)
    names = {
        line: [(rule.fault.name, rule.unit) for rule in wire.script.rules] for line, wire in built.items()
    }
    assert names == {
        "rs485": [("silent", 4), ("slow", None)],
        "server": [("slow", None)],
        "gateway": [("slow", None)],
    }
    with pytest.raises(ValueError, match="no device 'nobody'; there are ph, cod"):
        wires(load(tmp_path), Wishes(faults=("silent/nobody",)), ServedLog())


def test_another_seed_is_another_day(tmp_path: Path) -> None:
    station = load(tmp_path)

    def ph(seed: int) -> Value:
        (wire, *_others) = wires(station, Wishes(seed), ServedLog(), lambda: NOON).values()
        assert isinstance(wire.face, Face)
        return wire.face.instruments[3].read("holding", 0, 2, NOON).values["pH"]

    assert ph(1) == ph(1) != ph(2)


def test_a_total_counts_up_while_the_twin_runs(tmp_path: Path) -> None:
    face = wires(load(tmp_path), Wishes(), ServedLog())["server"].face
    assert isinstance(face, Face)
    pump = face.instruments[1]
    later = Moment(NOON.utc_s + 60, NOON.mono_ms + 60_000)
    assert pump.read("holding", 8, 2, NOON).values == {"total": 0}
    assert pump.read("holding", 8, 2, later).values == {"total": 30}


def test_the_twin_of_a_module_shows_that_all_is_well_with_the_devices_it_speaks_for(tmp_path: Path) -> None:
    """A switch that is open for maintenance is closed, a valve that is closed for calibration is open."""
    text = (EXAMPLES.parent / "status-from.toml").read_text(encoding="utf-8")
    (tmp_path / "station.toml").write_text(text, encoding="utf-8")
    station = load_station(tmp_path / "station.toml", elsewhere=True)
    face = wires(station, Wishes(), ServedLog())["lan"].face
    assert isinstance(face, Face)
    shown = face.instruments[1].read("discrete", 0, 2, NOON).values
    assert shown == {"cal-valve": 0, "in-service": 1}


SECURED = """\
[station]
id = "TWIN"

[[line]]
id = "plc"
url = "tls://plc.example"
ca = "keys/plc.pem"
cert = "keys/station.pem"
cert_key = "keys/station.key"

[[line]]
id = "other"
url = "tls://10.0.0.9:4001"

[[device]]
id = "ph"
line = "plc"
driver = "modbus"
unit = 1
every = "5s"
channel = [{ id = "pH", table = "holding", address = 0, type = "float32", unit = "pH", range = [0, 14] }]

[[device]]
id = "level"
line = "other"
driver = "ascii"
every = "5s"
request = 'LEV?\\r'
pattern = 'LEV {level} m'
channel = [{ id = "level", unit = "m", range = [0, 5] }]
"""


@pytest.mark.system
async def test_lines_with_tls_are_played_with_a_certificate_that_only_the_copy_trusts(tmp_path: Path) -> None:
    station = load_text(tmp_path, SECURED)
    shown = certificate(tmp_path)
    async with serve(station, Wishes(tls=shown, ports={"plc": 0, "other": 0}), ServedLog()) as (
        urls,
        _places,
    ):
        assert urls["plc"].startswith("tls://127.0.0.1:")
        copy = tmp_path / "rehearsal.toml"
        copy.write_text(rewrite(SECURED, "station.toml", Rehearsal(urls, "k.pem", "l.db", shown.cert.name)))
        rehearsed = load_station(copy, elsewhere=True)
        assert [wire_of(line).cert for line in rehearsed.lines] == [None, None]
        read = await read_all(rehearsed)
        assert set(read) == {("ph", "pH"), ("level", "level")}
        stranger = certificate(tmp_path)  # another one, with the same name
        assert stranger == shown
        with pytest.raises(Unreachable, match="it signed itself"):
            await read_all(rehearsed)
    await asyncio.sleep(0.01)


@pytest.mark.system
async def test_a_line_with_tls_that_no_copy_is_written_of_is_served_to_nobody(tmp_path: Path) -> None:
    station = load_text(tmp_path, SECURED)
    async with serve(station, Wishes(ports={"plc": 0, "other": 0}), ServedLog()) as (urls, _places):
        assert urls["plc"].startswith("tls://127.0.0.1:")
