"""The station file's tables with their real types: `config` knows only that drivers handed it models."""

from config.station import Device, Line
from drivers.driver import DriverSettings
from drivers.line import LineSettings


def settings_of(device: Device) -> DriverSettings:
    """The driver's settings of a device table."""
    assert isinstance(device.settings, DriverSettings)
    return device.settings


def wire_of(line: Line) -> LineSettings:
    """The wire's settings of a line table."""
    assert isinstance(line.settings, LineSettings)
    return line.settings
