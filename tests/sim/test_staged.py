"""A full station of each kind: its file reads its instruments, and the account that is kept of it can say no.

Instruments and station file were written down separately; the real drivers read the one by the other.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.clock import SystemClock
from agent.station import check_station, load_station
from agent.tables import settings_of, wire_of
from config.station import Station
from drivers import catalogue
from drivers.lines import bus_for, on
from sim import twin
from sim.kinds.kind import Kind
from sim.moment import Moment
from sim.reconcile import Stored
from sim.served import Served, ServedLog
from sim.staged import KINDS, StagedStation, described, example, labelled, serve, staged

BY_FILE = {kind.file: kind for kind in KINDS}


class Turns:
    """The clock that dates what is asked and what is recorded: no two of these are at one instant."""

    def __init__(self) -> None:
        self.last_mono_ms = 0

    def mono_ms(self) -> int:
        """Now, and later than the last time."""
        self.last_mono_ms = max(SystemClock().mono_ms(), self.last_mono_ms + 1)
        return self.last_mono_ms

    def now(self) -> Moment:
        """The same, for instruments."""
        return Moment(time.time(), self.mono_ms())


def stage_of(kind: Kind, turns: Turns, file: Path | None = None) -> StagedStation:
    """`file`: another one than its example."""
    station = load_station(file or example(kind), elsewhere=True)
    return staged(kind, station, seed=1, served=ServedLog(), now=turns.now)


async def polled(stage: StagedStation, turns: Turns, folder: Path, only: str = "") -> list[Stored]:
    """Each device twice, over real wires: as records would have it. `only`: the device of whose line it is."""
    async with serve(stage, folder) as urls:
        station = check_station(stage.toml(urls, every="2s"), folder / "station.toml")
        lines = [device.line for device in station.devices if only in ("", device.id)]
        polls = await asyncio.gather(*(_line(station, line, turns) for line in dict.fromkeys(lines)))
    cycles = [cycle for line in polls for cycle in line]
    return [cycle._replace(seq=seq) for seq, cycle in enumerate(cycles, 1)]


async def _line(station: Station, name: str, turns: Turns) -> list[Stored]:
    (line,) = [line for line in station.lines if line.id == name]
    devices = [device for device in station.devices if device.line == name]
    cycles = []
    async with bus_for(
        wire_of(line), [settings_of(device) for device in devices], SystemClock().mono_ms
    ) as bus:
        drivers = {
            device.id: on(bus, catalogue.driver(device.driver), settings_of(device)) for device in devices
        }
        for _ in range(2):
            for device, driver in drivers.items():
                async with asyncio.timeout(20):
                    cycle = await driver.read()
                assert [str(error) for error in cycle.errors if "from now on" not in str(error)] == []
                readings = {r.channel: r for block in cycle.blocks for r in block.readings}
                values = {channel: r.value for channel, r in readings.items() if r.value is not None}
                flags = {channel: r.flags for channel, r in readings.items() if r.flags}
                cycles.append(Stored(device, 0, turns.mono_ms(), values, flags))
    return cycles


class Played(NamedTuple):
    """A station that was polled, and what came of it."""

    stage: StagedStation
    stored: list[Stored]

    def wrong(self, stored: list[Stored]) -> tuple[str, ...]:
        """What the comparison says of other records."""
        return self.stage.verdict(stored).wrong


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Played]:
    """Each kind of station, polled once for all tests here."""
    kept: dict[str, Played] = {}

    def play(name: str) -> Played:
        if name not in kept:
            turns = Turns()
            stage = stage_of(BY_FILE[name], turns)
            kept[name] = Played(stage, asyncio.run(polled(stage, turns, tmp_path_factory.mktemp(name))))
        return kept[name]

    return play


DEVICES = [
    (kind.file, device.id) for kind in KINDS for device in load_station(example(kind), elsewhere=True).devices
]


@pytest.mark.system
@pytest.mark.parametrize("name", BY_FILE)
def test_every_value_of_every_channel_is_the_one_that_was_served(
    name: str, played: Callable[[str], Played]
) -> None:
    stage, stored = played(name)
    verdict = stage.verdict(stored)
    assert verdict.wrong == ()
    assert verdict.unsigned == ()
    assert verdict.doubled == 0
    assert verdict.served >= 2 * (len(stage.station.devices) - len(stage.gateways))


def test_a_file_that_is_nowhere_is_said_with_where_it_was_looked_for() -> None:
    with pytest.raises(FileNotFoundError, match=r"sewer.toml is in none of .*docs.*, .*share"):
        example(Kind("sewer", lambda _seed: {}))


@pytest.mark.system
@pytest.mark.parametrize("name", BY_FILE)
async def test_its_twin_is_well_too(name: str, tmp_path: Path) -> None:
    """`tram sim FILE`, as the file says: instruments built from the file itself."""
    turns, served = Turns(), ServedLog()
    stage = stage_of(BY_FILE[name], turns)
    wishes = twin.Wishes(ports=dict.fromkeys(stage.wires, 0), links=tmp_path)
    async with twin.serve(stage.station, wishes, served) as (urls, _places):
        station = check_station(stage.toml(urls, every="2s"), tmp_path / "station.toml")
        polls = await asyncio.gather(*(_line(station, line, turns) for line in stage.wires))
    for cycle in [cycle for line in polls for cycle in line]:
        assert cycle.flags == {}, cycle
        assert set(cycle.values) == set(stage.channels[cycle.device])


def test_every_driver_is_on_the_stage() -> None:
    stations = [load_station(example(kind), elsewhere=True) for kind in KINDS]
    assert {device.driver for station in stations for device in station.devices} == set(catalogue.DRIVERS)


@pytest.mark.system
@pytest.mark.parametrize(("name", "device"), DEVICES)
def test_a_wrong_value_of_any_channel_is_named(
    name: str, device: str, played: Callable[[str], Played]
) -> None:
    stage, stored = played(name)
    cycle = [cycle for cycle in stored if cycle.device == device][1]
    for channel, value in cycle.values.items():
        if channel == "disk_free":
            continue  # nobody knows what it must be
        other = value * 1.0001 + 0.001 if isinstance(value, int | float) else f"{value}."
        planted = cycle._replace(values={**cycle.values, channel: other})
        wrong = played(name).wrong([planted if each is cycle else each for each in stored])
        assert [text.split(",")[0] for text in wrong] == [
            f"record {cycle.seq} of {device}: {channel} is {other!r}"
        ]
    assert stage.gateways == {"gateway"}


@pytest.mark.system
@pytest.mark.parametrize(("name", "device"), DEVICES)
def test_a_flag_and_a_channel_that_never_came_are_named(
    name: str, device: str, played: Callable[[str], Played]
) -> None:
    stored = played(name).stored
    cycles = [cycle for cycle in stored if cycle.device == device]
    channel = next(iter(cycles[0].values))
    flagged = cycles[0]._replace(flags={channel: 4})
    assert played(name).wrong([flagged if each is cycles[0] else each for each in stored]) == (
        f"record {flagged.seq} of {device}: {channel} is flagged 0x0004",
    )
    without = [
        each._replace(values={name: each.values[name] for name in each.values if name != channel})
        if each.device == device
        else each
        for each in stored
    ]
    assert f"{channel} of {device} never came with a value" in played(name).wrong(without)


@pytest.mark.system
@pytest.mark.parametrize(("name", "device"), DEVICES)
def test_a_record_that_is_lost_and_one_that_is_there_twice_are_seen(
    name: str, device: str, played: Callable[[str], Played]
) -> None:
    stage, stored = played(name)
    last = [cycle for cycle in stored if cycle.device == device][1]
    lost = stage.verdict([cycle for cycle in stored if cycle is not last])
    talks = any(answer.told for answer in stage.served.kept if answer.device == device)
    nobody_asked = talks or device in stage.gateways
    assert {answer.device for answer in lost.unsigned} == (set() if nobody_asked else {device})
    twice = stage.verdict([*stored, last._replace(seq=last.seq + 1000, mono_ms=last.mono_ms + 1)])
    assert (twice.doubled > 0) == (device not in stage.gateways)


@pytest.mark.system
@pytest.mark.parametrize(
    ("name", "device", "driver", "old", "new"),
    [
        ("wastewater", "water", "modbus", "address = 8\n", "address = 4\n"),
        ("wastewater", "flow", "analog", "span = [0.0, 200.0]", "span = [0.0, 201.0]"),
        ("stack", "flow", "ascii", "FLOW {q} Nm3/h V {v} m/s", "FLOW {v} Nm3/h V {q} m/s"),
        ("ambient-air", "nox", "bayern_hessen", 'PRE"]', 'PRE"]\nchannel = [{ id = "NO2", field = "3" }]'),
        (
            "ambient-air",
            "co",
            "clink",
            'profile = "thermo-48i-clink"\n',
            'profile = "thermo-48i-clink"\n[[device.channel]]\nid = "pressure"\nscale = 1.01\n',
        ),
        (
            "ambient-air",
            "o3",
            "teledyne",
            'profile = "teledyne-t400-ascii"',
            'profile = "teledyne-t400-ascii"\nchannel = [{ id = "O3", instrument_unit = "ppb", scale = 2.0 }]',
        ),
        (
            "ambient-air",
            "pm10",
            "bam1020",
            'profile = "met-one-bam1020-pm10"',
            'profile = "met-one-bam1020-pm10"\nchannel = [{ id = "PM10", offset = 1.0 }]',
        ),
        (
            "ambient-air",
            "weather",
            "vaisala_wxt",
            'heating-temperature"]',
            'heating-temperature"]\nchannel = [{ id = "wind-speed", field = "Sx" }]',
        ),
        (
            "groundwater",
            "weather",
            "nmea0183",
            'profile = "vaisala-wxt530-nmea"',
            'profile = "vaisala-wxt530-nmea"\nchannel = [{ id = "wind-speed", field = "S:2" }]',
        ),
        ("groundwater", "well", "sdi12", 'field = "1"', 'field = "3"'),
        ("stack", "gateway", "system", '{ id = "load", ', '{ id = "load", field = "load_5min", '),
    ],
)
async def test_a_mistake_in_the_station_file_comes_out_with_every_driver(
    tmp_path: Path, *, name: str, device: str, driver: str, old: str, new: str
) -> None:
    text = example(BY_FILE[name]).read_text(encoding="utf-8")
    assert text.count(old) >= 1
    file = tmp_path / f"{name}.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    turns = Turns()
    stage = stage_of(BY_FILE[name], turns, file)
    (table,) = [each for each in stage.station.devices if each.id == device]
    assert table.driver == driver
    wrong = stage.verdict(await polled(stage, turns, tmp_path / "wires", only=device)).wrong
    assert [text for text in wrong if f" of {device}: " in text] != []


def test_what_the_station_file_calls_otherwise_is_compared_under_its_name() -> None:
    served = Served(1, 5, 6, "lan", "gas", 1, 4, 0, 0, (), {"T": 2.0, "point": 1, "SO2": 3.0}, (), sent=True)
    labels = {"gas": {"T": "temperature", "point": "sampling-point"}}
    assert labelled(served, labels).values == {"temperature": 2.0, "sampling-point": 1, "SO2": 3.0}
    assert labelled(served, {"co": labels["gas"]}) == served


def test_trouble_is_aimed_at_a_device_by_its_name_and_its_line_tells_how_long_it_is_waited_for() -> None:
    stage = stage_of(BY_FILE["wastewater"], Turns())
    script, unit = stage.script("cod")
    assert (script, unit) == (stage.wires["rs485"].script, 4)
    assert stage.timeout_s("cod") == 1.0
    with pytest.raises(KeyError):
        stage.script("nobody")


def test_what_is_on_the_stage_is_said_in_words() -> None:
    first, *others = described([stage_of(kind, Turns()) for kind in KINDS])
    assert first == "5 stations poll 24 instruments on 20 wires, and themselves; enrolled:"
    assert others[0].split() == ["wastewater", "BD_VSIP_NUO001", "modbus,", "analog,", "system"]
    assert len(others) == 5
