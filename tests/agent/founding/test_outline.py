"""The text of a new station file, and devices from units that were found on a line."""

import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.founding.library import known_profiles, likely_first, serial_ports
from agent.founding.outline import (
    DeviceOutline,
    LineOutline,
    Outline,
    devices_of,
    free_id,
    free_unit,
    station_file,
)
from agent.station import check_station
from config.station import Station

RS485 = LineOutline("rs485", "serial:///dev/ttyUSB0?baudrate=9600&parity=N")
PROFILES = known_profiles()


class Found(NamedTuple):
    unit: int
    profile: str | None = None


def checked(*devices: DeviceOutline) -> Station:
    outline = Outline("BD_1", "Trạm", "Asia/Ho_Chi_Minh", lines=(RS485,), devices=devices)
    return check_station(station_file(outline), Path("station.toml"))


def test_units_that_were_found_become_devices_of_a_file_that_is_in_order() -> None:
    found = [Found(3, "hach-sc"), Found(7), Found(4, "hach-sc")]
    devices = devices_of("rs485", found, PROFILES, taken=["unit-7"])
    assert [(each.id, each.keys, each.profile) for each in devices] == [
        ("hach-sc", {"unit": 3}, "hach-sc"),
        ("unit-7-2", {"unit": 7}, None),
        ("hach-sc-2", {"unit": 4}, "hach-sc"),
    ]
    assert [device.id for device in checked(*devices).devices] == [each.id for each in devices]


def test_a_station_without_lines_gets_an_example_that_is_in_order() -> None:
    text = station_file(Outline("BD_1", "", "UTC", kind="stack"))
    station = check_station(text, Path("station.toml"))
    assert [device.id for device in station.devices] == ["ph"]
    assert station.name == "BD_1"
    assert "\n# stack\n" in text


@pytest.mark.parametrize("name", ['Trạm "số 1" \\ VSIP', "a\nb\x7f", "{station}"])
def test_whatever_a_station_is_called_stands_in_the_file(name: str) -> None:
    assert tomllib.loads(station_file(Outline("BD_1", name, "UTC")))["station"]["name"] == name


def test_ids_and_units_that_are_free() -> None:
    assert free_id("ph", []) == "ph"
    assert free_id("ph", ["ph", "ph-2"]) == "ph-3"
    assert free_id("a" * 40, ["a" * 32]) == "a" * 30 + "-2"
    assert free_unit("rs485", [DeviceOutline("a", "rs485", None, keys={"unit": 1})]) == 2
    assert free_unit("lan", [DeviceOutline("a", "rs485", None, keys={"unit": 1})]) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_in_order_once_its_wants_are_told(profile: str) -> None:
    known = PROFILES[profile]
    keys = dict.fromkeys(known.wants, 1)
    line = RS485 if known.driver in {"modbus", "analog"} else LineOutline("rs485", "tcp://10.0.0.6:4001")
    device = DeviceOutline("it", "rs485", profile, known.driver, keys=keys)
    outline = Outline("BD_1", "", "UTC", lines=(line,), devices=(device,))
    assert check_station(station_file(outline), Path("station.toml")).devices[0].profile == profile


def test_profiles_that_measure_what_the_station_watches_come_first() -> None:
    assert likely_first(PROFILES, "wastewater")[0].name == "endress-cm44"
    assert likely_first(PROFILES, "stack")[0].units & {"mg/m3", "mg/Nm3", "ppm", "%vol", "ppb", "ug/m3"}
    assert {each.name for each in likely_first(PROFILES, "air")} == set(PROFILES)


def test_the_ports_that_are_there_are_suggested_by_names_that_stay(tmp_path: Path) -> None:
    assert serial_ports(tmp_path / "none") == ()
    for name in ("usb-FTDI_B-port0", "usb-FTDI_A-port0"):
        (tmp_path / name).touch()
    assert serial_ports(tmp_path) == (f"{tmp_path}/usb-FTDI_A-port0", f"{tmp_path}/usb-FTDI_B-port0")
