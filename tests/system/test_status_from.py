"""The agent and two real instruments: an analyzer, and an ioLogik E1210 with its calibration valve and switch."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.devices.moxa import e1210
from telemetry.bodies import ConfigurationBody
from telemetry.pack import Measured, decode_pack
from telemetry.reading import Flag
from telemetry.record import Kind
from tests.system.patience import until
from tests.system.station import Station, station_at

pytestmark = pytest.mark.system

CAL, MAINT, SILENT = Flag.CALIBRATION, Flag.MAINTENANCE, Flag.NO_COMMUNICATION


@dataclass(slots=True)
class Contact:
    """What somebody turns by hand."""

    closed: int

    def at(self, utc_s: float, up_s: float) -> float:
        return float(self.closed)


STATUS = """
[[device.status_from]]
device = "inputs"
channel = "cal-valve"
flags = { 1 = "calibration" }
flagged = ["tick"]

[[device.status_from]]
device = "inputs"
channel = "in-service"
flags = { 0 = "maintenance", 1 = "valid" }

"""
INPUTS = """
[[line]]
id = "lan"
url = "tcp://127.0.0.1:{port}"
timeout = "300ms"
guard = "100ms"

[[device]]
id = "inputs"
line = "lan"
driver = "modbus"
unit = 1
every = "300ms"
channel = [
    {{ id = "cal-valve", table = "discrete", address = 0, type = "bit" }},
    {{ id = "in-service", table = "discrete", address = 1, type = "bit" }},
]
"""


def ticks(station: Station) -> list[Measured]:
    """Every value of the gauge that was signed."""
    measured = (reading for record in station.records(Kind.READINGS) for reading in decode_pack(record.body))
    return [reading for reading in measured if (reading.device, reading.channel) == ("gauge1", "tick")]


def test_a_valve_a_switch_and_a_dead_module_are_in_the_signed_flags(tmp_path: Path) -> None:
    with station_at(tmp_path, centre=False) as station:
        valve, switch = Contact(0), Contact(1)
        module = station.plant.instrument("lan", e1210("inputs", {"cal-valve": valve, "in-service": switch}))
        station.describe(extra=STATUS + INPUTS.format(port=module.port))
        agent = station.start()

        def flagged(flags: int, times: int = 3) -> None:
            until(
                lambda: [reading.flags for reading in ticks(station)[-times:]] == [flags] * times,
                f"{times} values with {flags!r}",
            )

        flagged(0)
        assert ticks(station)[0].flags == 0  # the very first value waited for its status
        valve.closed = 1
        flagged(CAL)
        switch.closed = 0
        flagged(CAL | MAINT)
        valve.closed, switch.closed = 0, 1
        flagged(0)
        station.plant.wait_for(module.unplug)
        flagged(SILENT)
        assert "its status is unknown" in station.device("gauge1")["trouble"]
        assert station.device("gauge1")["failures"] == 0
        assert all(isinstance(reading.value, float) for reading in ticks(station))
        station.plant.wait_for(module.plug_in)
        flagged(0)
        agent.stop()
        contents = [ConfigurationBody.decode(record.body) for record in station.records(Kind.CONFIGURATION)]
        (gauge,) = [body.content for body in contents if body.device == "gauge1"]
        assert isinstance(gauge, dict)
        assert gauge["status_from"] == [
            ["inputs", "cal-valve", {"1": "calibration"}, ["tick"]],
            ["inputs", "in-service", {"0": "maintenance", "1": "valid"}, None],
        ]
