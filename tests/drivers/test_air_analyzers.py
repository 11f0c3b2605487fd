"""Air analyzers, one story for all drivers: the twin is read, nothing wrong is ever read, answers are not mixed up."""

from pathlib import Path
from typing import Any

import pytest

from agent.station import load_station
from agent.tables import settings_of, wire_of
from config.errors import StationFileError
from drivers import catalogue
from drivers.driver import Driver
from drivers.errors import Garbled, NoAnswer, Refused, Unreachable
from drivers.lines import bus_for, on
from sim.rehearsal import Rehearsal, rewrite
from sim.served import ServedLog
from sim.twin import Wishes, serve
from tests.drivers.air_analyzers import (
    ANALYZERS,
    BAYERN_HESSEN,
    CLINK,
    TELEDYNE,
    Air,
    readings,
    talking,
    written,
)
from tests.virtual_time import in_virtual_time

BY_DRIVER = [pytest.param(air, id=air.driver) for air in ANALYZERS]
FAULTS = ("silent", "late=1.2", "truncated", "flip", "flip=3", "noise", "close", "reboot=3", "slow=0.5")


@pytest.mark.system
@pytest.mark.parametrize("air", BY_DRIVER)
async def test_the_twin_is_read_on_a_pseudo_terminal_and_over_tcp(tmp_path: Path, air: Air) -> None:
    file = written(tmp_path, air.station)
    served = ServedLog()
    read: dict[tuple[str, str], Any] = {}
    async with serve(load_station(file, elsewhere=True), Wishes(links=tmp_path), served) as (urls, _):
        copy = tmp_path / "rehearsal.toml"
        copy.write_text(
            rewrite(air.station, "station.toml", Rehearsal(urls, "k.pem", "l.db")), encoding="utf-8"
        )
        station = load_station(copy, elsewhere=True)
        for line in station.lines:
            devices = [device for device in station.devices if device.line == line.id]
            async with bus_for(wire_of(line), [settings_of(device) for device in devices], lambda: 0) as bus:
                for device in devices:
                    cycle = await on(bus, catalogue.driver(air.driver), settings_of(device)).read()
                    assert cycle.errors == (), device.id
                    assert all(reading.flags == 0 for reading in readings(cycle))
                    read |= {(device.id, name): value for name, value, _ in readings(cycle)}
    last = {(answer.device, name): value for answer in served.kept for name, value in answer.values.items()}
    assert read == last
    assert len(read) == air.channels


@pytest.mark.parametrize("air", BY_DRIVER)
@pytest.mark.parametrize("fault", FAULTS)
@in_virtual_time
async def test_every_fault_gives_the_right_value_or_none(tmp_path: Path, air: Air, fault: str) -> None:
    """Where nothing proves an answer a flipped digit is another value; then names and neighbours are what is held."""
    line, drivers = talking(air, tmp_path, f"{fault}%{air.percent}/{air.faulty}", retries=1)
    believed = air.checked or not fault.startswith("flip")
    whole = 0
    async with line.bus:
        for _ in range(40):
            before = len(line.wire.served.kept)
            for device, driver in drivers.items():
                got = await polled(driver)
                served = [
                    answer for answer in list(line.wire.served.kept)[before:] if answer.device == device
                ]
                shown = {(name, value) for answer in served for name, value in answer.values.items()}
                if believed or device != air.faulty:
                    assert set(got.items()) <= shown, "nothing but what this instrument said in this poll"
                assert got or device == air.faulty or fault == "close", "its neighbour is never hit"
                whole += len(got) == len(channels_of(driver))
    assert whole >= 45
    assert sum(bool(answer.faults) for answer in line.wire.served.kept) > 5


def channels_of(driver: Driver) -> list[str]:
    return sorted(channel.id for channel in driver._settings.channels())  # type: ignore[attr-defined]


async def polled(driver: Driver) -> dict[str, Any]:
    """The values of one poll; what has none has a reason."""
    try:
        cycle = await driver.read()
    except (NoAnswer, Garbled, Refused, Unreachable):
        return {}
    assert sorted(name for name, _, _ in readings(cycle)) == channels_of(driver)
    assert all(value is not None or flags for _, value, flags in readings(cycle))
    return {name: value for name, value, _ in readings(cycle) if value is not None}


@pytest.mark.parametrize(
    ("air", "old", "new", "message"),
    [
        (BAYERN_HESSEN, "unit = 97", "unit = 42", 'is the address of device "nox" too'),
        (BAYERN_HESSEN, "unit = 97", 'query = "DA"\nunit = 97', "asked without its address"),
        (CLINK, "unit = 43", "unit = 49", 'is the address of device "o3" too'),
        (CLINK, "unit = 43\n", "", "asked without its address"),
        (TELEDYNE, "unit = 0\n", "unit = 400\n", 'is the address of device "o3" too'),
        (TELEDYNE, "unit = 0\n", "", "asked without its address"),
    ],
)
def test_two_analyzers_whose_answers_could_be_mixed_up_are_refused(
    tmp_path: Path, air: Air, old: str, new: str, message: str
) -> None:
    with pytest.raises(StationFileError) as told:
        load_station(written(tmp_path, air.station.replace(old, new)), elsewhere=True)
    assert message in str(told.value)
