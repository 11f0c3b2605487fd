"""The ledger alone tells what every number meant."""

from pathlib import Path

from agent.configuration import Configuration, configuration_of, without_secrets
from agent.station import load_station
from telemetry import cbor, keyfile
from telemetry.bodies import ConfigurationBody, configuration_hash

STATION = """
[station]
id = "BD_1"
name = "Trạm 1"
timezone = "Asia/Ho_Chi_Minh"
[identity]
key = "station.pem"
[buffer]
path = "ledger.db"
keep = "1d"
quota = "1GB"
[[line]]
id = "wire"
url = "tcp://127.0.0.1:1502"
[[device]]
id = "many"
line = "wire"
driver = "modbus"
unit = 3
every = "5s"
"""


def configuration(folder: Path, channels: int, scale: str = "0.1") -> Configuration:
    rows = "".join(
        f'[[device.channel]]\nid = "c{n}"\ntable = "holding"\naddress = {n}\ntype = "uint16"\n'
        f'scale = {scale}\nunit = "mg/L"\nrange = [0, 100]\n'
        for n in range(channels)
    )
    if not (folder / "station.pem").exists():
        keyfile.create(folder / "station.pem")
    (folder / "station.toml").write_text(STATION + rows)
    return configuration_of(load_station(folder / "station.toml"), "tram test")


def bodies(of: Configuration) -> list[ConfigurationBody]:
    return [ConfigurationBody.decode(cbor.decode(body)) for _, body in of.bodies]


def test_every_channel_is_told_with_its_place_scale_unit_and_range(tmp_path: Path) -> None:
    station, device = bodies(configuration(tmp_path, 1))
    assert (station.device, device.device, device.part, device.parts) == (None, "many", 1, 1)
    assert isinstance(device.content, dict)
    assert device.content["every_ms"] == 5_000
    assert device.content["unit"] == 3
    assert device.content["url"] == "tcp://127.0.0.1:1502"
    (row,) = device.content["channels"]
    assert row[:5] == ["c0", "holding", 0, "uint16", "ABCD"]
    assert row[-2:] == ["mg/L", [0, 100]]


def test_the_hash_is_that_of_all_bodies_in_force_and_each_body_carries_it(tmp_path: Path) -> None:
    made = configuration(tmp_path, 3)
    assert made.hash8 == configuration_hash([body.unnamed() for body in bodies(made)])
    assert {body.hash8 for body in bodies(made)} == {made.hash8}


def test_a_changed_scale_is_another_configuration(tmp_path: Path) -> None:
    assert configuration(tmp_path, 3).hash8 == configuration(tmp_path, 3).hash8
    assert configuration(tmp_path, 3).hash8 != configuration(tmp_path, 3, scale="0.05").hash8


def test_five_hundred_channels_are_told_in_parts_that_fit_an_envelope(tmp_path: Path) -> None:
    made = configuration(tmp_path, 500)
    parts = bodies(made)[1:]
    assert [(body.part, body.parts) for body in parts] == [(1, 3), (2, 3), (3, 3)]
    assert all(len(body) < 31 * 1024 for _, body in made.bodies)


def test_no_password_of_a_url_reaches_the_ledger() -> None:
    assert without_secrets("tcp://user:secret@10.0.0.5:502") == "tcp://10.0.0.5:502"
    assert without_secrets("serial:///dev/ttyUSB0?baudrate=9600") == "serial:///dev/ttyUSB0?baudrate=9600"
