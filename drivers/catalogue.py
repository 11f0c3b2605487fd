"""Which drivers there are. A driver is imported when a station file names it."""

from importlib import import_module
from typing import cast

from drivers.driver import Driver, DriverSettings
from drivers.errors import Misconfigured

DRIVERS: dict[str, str] = {
    "analog": "drivers.analog.AnalogDriver",
    "ascii": "drivers.ascii.AsciiDriver",
    "bam1020": "drivers.bam1020.Bam1020Driver",
    "bayern_hessen": "drivers.bayern_hessen.BayernHessenDriver",
    "clink": "drivers.clink.ClinkDriver",
    "modbus": "drivers.modbus.ModbusDriver",
    "nmea0183": "drivers.nmea0183.Nmea0183Driver",
    "sdi12": "drivers.sdi12.Sdi12Driver",
    "system": "drivers.system.SystemDriver",
    "teledyne": "drivers.teledyne.TeledyneDriver",
    "vaisala_wxt": "drivers.vaisala_wxt.VaisalaWxtDriver",
}


def driver(name: str) -> type[Driver]:
    """The driver's class; Misconfigured when there is none of that name."""
    if name not in DRIVERS:
        raise Misconfigured(f"there is no driver {name!r}", hint=f"drivers are: {', '.join(sorted(DRIVERS))}")
    module, _, noun = DRIVERS[name].rpartition(".")
    return cast("type[Driver]", getattr(import_module(module), noun))


def settings(name: str) -> type[DriverSettings]:
    """The settings that go with the driver; Misconfigured when there is none of that name."""
    return driver(name).settings
