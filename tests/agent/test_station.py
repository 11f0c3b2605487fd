"""The station file with the real drivers."""

from pathlib import Path

import pytest

from agent.station import KeyedMachine, check_station, drivers, load_station
from config.errors import StationFileError
from config.machine import Role
from drivers import catalogue
from drivers.driver import DriverSettings
from drivers.line import LineSettings
from telemetry import keyfile
from tests.agent.commands.test_check import STATION


def test_lines_and_devices_have_the_settings_of_the_real_drivers() -> None:
    station = check_station(STATION, Path("station.toml"))
    assert all(isinstance(line.settings, LineSettings) for line in station.lines)
    assert all(isinstance(device.settings, DriverSettings) for device in station.devices)


def test_every_driver_of_the_catalogue_has_settings() -> None:
    assert {name: settings() for name, settings in drivers().items()} == {
        name: catalogue.settings(name) for name in catalogue.DRIVERS
    }


def test_the_twin_on_a_laptop_needs_no_keys(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(STATION, encoding="utf-8")
    assert load_station(file, elsewhere=True).id == "BD_VSIP_NUO001"
    with pytest.raises(StationFileError, match="the private key is missing"):
        load_station(file)


def test_a_key_is_looked_into(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    keyfile.create(good)
    bad.write_text("-", encoding="utf-8")
    bad.chmod(0o600)
    assert KeyedMachine().file_problem(good, Role.PRIVATE_KEY) is None
    assert "cannot be used" in (KeyedMachine().file_problem(bad, Role.PRIVATE_KEY) or "")
    assert "this is a private key" in (KeyedMachine().file_problem(good, Role.CENTRE_KEY) or "")
    assert KeyedMachine().file_problem(bad, Role.CERTIFICATES) is None
