"""`tram read`: what an instrument keeps is shown, and said to be no reading."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import tram
from tests.agent.commands.test_sim import twin

pytestmark = pytest.mark.system

STATION = """\
[station]
id = "AIR"

[[line]]
id = "lan"
url = "tcp://10.0.0.6:9880"

[[line]]
id = "plc"
url = "tcp://10.0.0.5:502"

[[device]]
id = "o3"
line = "lan"
driver = "clink"
unit = 49
every = "5s"
channel = [{ id = "O3", field = "o3", unit = "ppb" }]

[[device]]
id = "pump"
line = "plc"
driver = "modbus"
unit = 1
every = "5s"
channel = [{ id = "runs", table = "discrete", address = 0, type = "bit" }]

[[device.status_from]]
device = "switch"
channel = "on"
flags = { 0 = "maintenance", 1 = "valid" }

[[device]]
id = "switch"
line = "plc"
driver = "modbus"
unit = 2
every = "5s"
channel = [{ id = "on", table = "discrete", address = 0, type = "bit" }]
"""


async def read(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, tram, ["read", *arguments])


async def test_what_an_instrument_keeps_is_shown_and_is_no_reading(tmp_path: Path) -> None:
    file, copy = tmp_path / "station.toml", tmp_path / "copy.toml"
    file.write_text(STATION, encoding="utf-8")
    async with twin(file, "--json", "--write", copy, "--port", "lan=0", "--port", "plc=0"):
        shown = await read(str(copy), "o3", "--records", "3")
        assert shown.exit_code == 0, shown.output
        *records, clock, plainly = shown.output.splitlines()
        assert len(records) == 3
        assert all("flags 00000000  o3 " in record for record in records)
        assert clock.startswith("3 of 1440 records, dated by the instrument's own clock, which shows ")
        assert plainly.endswith("These are no readings: nothing of them is signed or sent.")
        table = json.loads((await read(str(copy), "o3", "--records", "2", "--json")).output)
        assert [sorted(record) for record in table["records"]] == [["at", "words"]] * 2
        refused = await read(str(copy), "pump", "--records", "2")
        assert refused.exit_code == 1
        assert 'device "pump": the driver modbus reads no kept records' in refused.stderr
        pump = await read(str(copy), "pump")
        assert "not asked here: what on of switch says of them, see tram read FILE switch" in pump.output
