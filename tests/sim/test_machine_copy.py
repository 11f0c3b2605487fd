"""The gateway's copy: what the driver reads of it is what it says."""

from pathlib import Path

from drivers.machine import Machine
from drivers.system import Settings, SystemDriver
from sim.machine_copy import SAYS, differing, write
from sim.reconcile import Stored

UNITS = {"load": "1", "uptime": "h", "memory_free": "%"}


async def test_the_driver_reads_of_the_copy_what_it_says(tmp_path: Path) -> None:
    assert write(tmp_path / "gateway") == f"local://{tmp_path}/gateway"
    channels = [{"id": channel, "unit": UNITS[channel]} for channel in SAYS]
    settings = Settings.model_validate({"channel": tuple(channels)})
    cycle = await SystemDriver(settings, Machine(tmp_path / "gateway", lambda: 7)).read()
    readings = {reading.channel: reading.value for block in cycle.blocks for reading in block.readings}
    assert readings == SAYS


def test_a_value_that_does_not_stand_there_is_named_and_the_disk_is_anybodys_guess() -> None:
    right = Stored("gateway", 4, 1, {**SAYS, "disk_free": 44.1})
    assert list(differing([right])) == []
    wrong = right._replace(values={**right.values, "load": 0.48})
    assert list(differing([wrong])) == ["record 4 of gateway: load is 0.48, 0.52 is there"]
