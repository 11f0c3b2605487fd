"""`tram read` as a technician calls it at the station: a good instrument, and one mistake after the other."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.commands.tram import tram
from agent.station import load_station
from drivers.protocols.modbus_rtu import take_request
from sim import twin
from sim.face import Face
from sim.faults import Flipped, Noisy, Silent
from sim.hosts.tcp import TcpHost
from sim.served import ServedLog
from sim.wire import Wire
from telemetry import keyfile
from tests.sim.bench import flow_meter, ph_meter
from tests.sim.scan_line import KeptLine

pytestmark = pytest.mark.system

STATION = """\
[station]
id = "NUO001"

[identity]
key = "station.pem"

[[line]]
id = "wire"
url = "{url}"
timeout = "200ms"
guard = "50ms"
retries = 0

[[device]]
id = "ph"
line = "wire"
driver = "modbus"
unit = {unit}
every = "5s"
channel = [{channels}]

[[destination]]
id = "so-tnmt"
url = "mqtt://10.0.0.9:1883"
ack = "broker"
"""
PH = (
    '{{ id = "pH", table = "{table}", address = {address}, type = "float32", order = "{order}", unit = "pH", '
    "range = [0, 14] }}"
)


def ph(table: str = "holding", address: int = 0, order: str = "ABCD") -> str:
    return PH.format(table=table, address=address, order=order)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keyfile.create(tmp_path / "station.pem")
    return tmp_path


async def read(folder: Path, url: str, *options: str, channels: str = "", unit: int = 3) -> Result:
    file = folder / "station.toml"
    file.write_text(STATION.format(url=url, unit=unit, channels=channels or ph()), encoding="utf-8")
    return await asyncio.to_thread(CliRunner().invoke, tram, ["read", str(file), "ph", *options])


def behind_tcp() -> TcpHost:
    return TcpHost(Wire("lan", Face({3: ph_meter()}, gateway=True)))


def url_of(host: TcpHost | KeptLine) -> str:
    if isinstance(host, TcpHost):
        return f"tcp://{host.host}:{host.port}"
    return f"serial://{host.path}?baudrate=9600"


async def test_a_good_instrument_is_its_values_and_nothing_else(folder: Path) -> None:
    async with behind_tcp() as host:
        result = await read(folder, url_of(host))
    assert result.exit_code == 0
    assert result.output == f"{'pH':<16} {'7.5':>12} pH\n"


async def test_raw_shows_registers_and_every_byte_with_its_direction(folder: Path) -> None:
    async with KeptLine({3: ph_meter()}) as line:
        result = await read(folder, url_of(line), "--raw")
    assert result.exit_code == 0
    assert (
        "  holding 0..1 (400001)\n        0  40f0  16624  pH\n        1  0000      0  pH\n" in result.output
    )
    assert (
        "  > 03 03 00 00 00 02 c5 e9\n  < 03 03 04 40 f0 00 00 cc 00\n  CRC cc 00: right\n" in result.output
    )


async def test_orders_shows_each_value_four_times_and_marks_the_files(folder: Path) -> None:
    async with behind_tcp() as host:
        result = await read(folder, url_of(host), "--orders")
        told = await read(folder, url_of(host), "--orders", "--raw", "--json")
    heads, row = result.output.split("cannot be\n")[1].splitlines()[:2]
    assert heads.split() == ["ABCD", "CDAB", "BADC", "DCBA"]
    assert row.split()[:2] == ["pH", "7.5*"]
    assert all(cell.startswith("(") for cell in row.split()[2:])
    table = json.loads(told.output)
    assert table["orders"]["pH"]["ABCD"] == 7.5
    assert table["blocks"] == [
        {"table": "holding", "address": 0, "length": 2, "words": [16624, 0], "why": ""}
    ]
    assert [each["sent"] for each in table["bytes"]] == [True, False]
    assert table["verdict"] == []


async def test_a_wrong_byte_order_is_named_with_the_right_one(folder: Path) -> None:
    async with behind_tcp() as host:
        result = await read(folder, url_of(host), channels=ph(order="CDAB"))
    assert result.exit_code == 0, "it was read; what it means is for the technician to say"
    assert (
        'VERDICT\npH is 2.329519e-41, it should be 0 to 14 pH: order = "ABCD" gives 7.5, compare with'
        in result.output
    )


async def test_an_address_that_counts_from_one_is_found(folder: Path) -> None:
    wire = Wire("lan", Face({3: ph_meter()}))
    async with TcpHost(wire) as host:
        high = (
            '{ id = "total", table = "holding", address = 11, type = "uint32", order = "CDAB", unit = "m3" }'
        )
        result = await read(folder, url_of(host), channels=high)
    assert result.exit_code == 1
    assert "holding 11..12: exception 2, it has no such register" in result.output
    assert "  one lower, holding 10 (400011) is answered: total would be" in result.output
    assert {pdu.function for pdu in wire.served.kept} <= {3, 4}, "looking beside only reads"


async def test_where_address_and_byte_order_are_both_wrong_both_are_said(folder: Path) -> None:
    async with TcpHost(Wire("lan", Face({3: flow_meter()}))) as host:
        flow = '{ id = "flow", table = "holding", address = 4001, type = "float32", unit = "m3/h", range = [0, 500] }'
        result = await read(folder, url_of(host), channels=flow)
    assert (
        '  one lower, holding 4000 (404001) is answered: flow would be 86.4 with order = "CDAB"'
        in result.output
    )


async def test_the_wrong_table_is_found(folder: Path) -> None:
    async with behind_tcp() as host:
        result = await read(folder, url_of(host), channels=ph(table="input"))
    assert result.exit_code == 1
    assert "  with function 3, holding 0 (400001) is answered: pH would be 7.5" in result.output


async def test_silence_shows_what_was_sent_and_what_to_check(folder: Path) -> None:
    async with KeptLine({3: ph_meter()}) as line:
        result = await read(folder, url_of(line), unit=9)
        assert take_request(line.received) == (9, bytes.fromhex("03 0000 0002"))
    assert result.exit_code == 1
    assert "  > 09 03 00 00 00 02 c5 43\n  < nothing\n" in result.output
    assert "unit 9 does not answer. Check in this order:\n  1  is it switched on?" in result.output
    assert f"Look for it: tram scan {folder / 'station.toml'} wire\n" in result.output
    assert result.output.splitlines()[-1].startswith('Error: device "ph": ')


async def test_a_damaged_answer_shows_the_check_that_it_has_and_the_one_it_should(folder: Path) -> None:
    async with KeptLine({3: ph_meter()}) as line:
        line.wire.script.add(Flipped(1), 3, requests=5)
        result = await read(folder, url_of(line))
    assert result.exit_code == 1
    assert "WRONG, the bytes give" in result.output
    assert "something is heard that is no answer. The wires are connected." in result.output
    assert "its CRC is wrong: it says" in result.output


async def test_noise_before_an_answer_is_seen_and_harms_nothing(folder: Path) -> None:
    async with KeptLine({3: ph_meter()}) as line:
        line.wire.script.add(Noisy(), 3, requests=5)
        result = await read(folder, url_of(line), "--raw")
    assert result.exit_code == 0
    assert "03 03 04 40 f0 00 00 cc 00\n  CRC cc 00: right" in result.output


async def test_an_instrument_that_speaks_characters_is_shown_in_hex_and_in_letters(folder: Path) -> None:
    file = folder / "station.toml"
    text = STATION.format(url="tcp://127.0.0.1:4001", unit=1, channels="@")
    air = 'dialect = "ecotech-old"\nvalues = 1\nchannel = [{ id = "SO2", field = "1", unit = "ppb" }]'
    text = text.replace('driver = "modbus"', 'driver = "bayern_hessen"').replace("channel = [@]", air)
    file.write_text(text, encoding="utf-8")
    wishes = twin.Wishes(ports={"wire": 0})
    async with twin.serve(load_station(file), wishes, ServedLog(keep=0)) as (urls, _):
        file.write_text(text.replace("tcp://127.0.0.1:4001", urls["wire"]), encoding="utf-8")
        result = await asyncio.to_thread(CliRunner().invoke, tram, ["read", str(file), "ph", "--raw"])
    assert result.exit_code == 0, result.output
    assert (
        "  > 02 44 41 30 30 31 03 33 35                       .DA001.35\n  < 02 4d 44 30 31" in result.output
    )
    assert ": right\n" in result.output


async def test_a_line_that_cannot_be_opened_says_why_and_nothing_else(folder: Path) -> None:
    result = await read(folder, "serial:///dev/tram-is-not-here?baudrate=9600")
    assert result.exit_code == 1
    assert result.output.startswith('Error: device "ph": /dev/tram-is-not-here: there is no such device')


async def test_a_device_that_is_not_in_the_file_is_named_with_those_that_are(folder: Path) -> None:
    await read(folder, "tcp://127.0.0.1:1")
    result = await asyncio.to_thread(CliRunner().invoke, tram, ["read", str(folder / "station.toml"), "cod"])
    assert result.exit_code == 1
    assert 'has no device "cod"; it has: ph' in result.output


async def test_silent_now_and_then_is_still_one_shot(folder: Path) -> None:
    async with behind_tcp() as host:
        host.wire.script.add(Silent(), 3)
        result = await read(folder, url_of(host))
    assert result.exit_code == 1
    assert "unit 3 does not answer" in result.output
