"""The station file with the real drivers."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.station import KeyedMachine, check_station, drivers, lines_of, load_station, store_of
from config.errors import StationFileError
from config.machine import Role
from drivers import catalogue
from drivers.driver import DriverSettings
from drivers.line import LineSettings
from telemetry import keyfile
from tests.agent.commands.test_check import STATION
from tests.certificates import Authority

ODD = [
    *(
        "-1",
        "1.5",
        '"x"',
        '""',
        "true",
        "[]",
        '["a", 1]',
        "{}",
        "{ id = 1 }",
        "nan",
        "2026-11-22",
        "[{}]",
        "[[1]]",
    ),
    *(
        "99999999999999999999",
        '"rs485"',
        '"a\\nb"',
        "-0.0",
        "1e400",
        '"5s"',
        '"mqtt://["',
        '"serial:///dev/x"',
        "'ü'",
    ),
]


EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").rglob("*.toml"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_is_in_order(file: Path) -> None:
    assert load_station(file, elsewhere=True).devices


def test_lines_and_devices_have_the_settings_of_the_real_drivers() -> None:
    station = check_station(STATION, Path("station.toml"))
    assert all(isinstance(line.settings, LineSettings) for line in station.lines)
    assert all(isinstance(device.settings, DriverSettings) for device in station.devices)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_done_to_a_file_every_mistake_is_one_line(data: st.DataObject) -> None:
    lines = STATION.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        key = lines[index].partition("=")[0]
        lines[index] = data.draw(
            st.sampled_from([f"{key} = {value}" for value in ODD] + ["", "[[device]]", key])
        )
    said = _said("\n".join(lines))
    assert all(re.match(r"station\.toml(:\d+)?: .", line) for line in said), said


def test_every_driver_of_the_catalogue_has_settings() -> None:
    assert {name: model() for name, model in drivers().items()} == {
        name: catalogue.settings(name) for name in catalogue.DRIVERS
    }


def test_the_twin_on_a_laptop_needs_no_keys(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(STATION, encoding="utf-8")
    assert load_station(file, elsewhere=True).id == "BD_VSIP_NUO001"
    with pytest.raises(StationFileError, match="the private key is missing"):
        load_station(file)


def test_the_store_is_found_in_a_file_that_has_mistakes_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(STATION, encoding="utf-8")
    store = store_of(file)
    mistaken = STATION.replace("[[device]]", '[[device]]\nevery_day = "yes"')
    file.write_text(mistaken, encoding="utf-8")
    assert store_of(file) == store == tmp_path / "data" / "ledger.db"
    file.write_text(f'{mistaken}\n[buffer]\npath = "elsewhere.db"\n', encoding="utf-8")
    assert store_of(file) == tmp_path / "elsewhere.db"


def test_the_mark_of_an_editor_on_windows_hides_neither_store_nor_lines(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    mistaken = f'{STATION.replace("[[device]]", "[[gadget]]")}\n[buffer]\npath = "elsewhere.db"\n'
    found = []
    for encoding in ("utf-8", "utf-8-sig"):
        file.write_text(mistaken, encoding=encoding)
        found.append((store_of(file), lines_of(file)))
    assert found[0] == found[1]
    assert found[1][0] == tmp_path / "elsewhere.db"
    assert found[1][1]


@pytest.mark.parametrize("text", ["[buffer", "buffer = 1", "[buffer]\npath = 7"])
def test_a_file_that_names_no_store_says_its_mistakes(tmp_path: Path, text: str) -> None:
    file = tmp_path / "station.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(StationFileError):
        store_of(file)


def test_a_key_is_looked_into(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    keyfile.create(good)
    bad.write_text("-", encoding="utf-8")
    bad.chmod(0o600)
    assert KeyedMachine().file_problem(good, Role.PRIVATE_KEY) is None
    assert "cannot be used" in (KeyedMachine().file_problem(bad, Role.PRIVATE_KEY) or "")
    assert "this is a private key" in (KeyedMachine().file_problem(good, Role.CENTRE_KEY) or "")


def test_certificates_are_looked_into(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("gateway")
    both, other = tmp_path / "both.pem", tmp_path / "ca.der"
    both.write_bytes(issued.key.read_bytes() + issued.cert.read_bytes())
    for good in (authority.ca, issued.cert, both):
        assert KeyedMachine().file_problem(good, Role.CERTIFICATES) is None
    for wrong in (b"\x30\x82\x01\x00der", b"", b"notes\n", issued.key.read_bytes()):
        other.write_bytes(wrong)
        assert KeyedMachine().file_problem(other, Role.CERTIFICATES) == (
            f"the certificates are not in PEM form (got {other}), "
            "such a file has a line -----BEGIN CERTIFICATE-----"
        )


@pytest.mark.parametrize(
    ("url", "keys", "wrong"),
    [
        ("tls://plc.example", 'ca = "ca.pem"', ""),
        ("tls://plc.example:8020", "", ""),
        (
            "tcp://plc.example:502",
            'ca = "ca.pem"',
            'line "lan".ca: is for TLS (got "tcp://plc.example:502"), write tls:// in url',
        ),
        (
            "tls://plc.example",
            'cert = "station.pem"',
            'line "lan".cert: is of no use alone, write cert_key = too',
        ),
        ("tls://plc.example", 'ca = ""', 'line "lan".ca: should be the path of a file in quotes'),
        ("tls://plc.example", 'ca_file = "ca.pem"', 'line "lan".ca_file: unknown key, '),
        ("tls://", "", 'line "lan".url: a host is missing, write for example "tls://10.0.0.5:802"'),
    ],
)
def test_a_line_with_tls_has_the_keys_of_a_destination_with_tls(url: str, keys: str, wrong: str) -> None:
    text = STATION.replace('url = "tcp://10.0.0.5:502"', f'url = "{url}"\n{keys}')
    said = _said(text)
    assert len(said) == (wrong != "")
    assert all(wrong in line for line in said)


def test_the_files_of_a_lines_tls_are_looked_for_beside_the_station_file(tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("gateway")
    issued.key.chmod(0o644)
    keys = f'ca = "none.pem"\ncert = "{issued.cert.name}"\ncert_key = "{issued.key.name}"'
    file = tmp_path / "station.toml"
    file.write_text(STATION.replace('tcp://10.0.0.5:502"', f'tls://10.0.0.5:802"\n{keys}'), encoding="utf-8")
    with pytest.raises(StationFileError) as raised:
        load_station(file)
    said = [line for line in str(raised.value).splitlines() if '"lan"' in line]
    assert f'line "lan".ca: the certificates are missing (got {tmp_path}/none.pem)' in said[0]
    assert "cert_key: the client certificate's private key can be read by others" in said[1]
    assert len(said) == 2


def _said(text: str) -> list[str]:
    """The lines that a technician reads; none when the file is in order."""
    try:
        check_station(text, Path("station.toml"))
    except StationFileError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("url", "unit", "refused"),
    [
        ("serial:///dev/ttyUSB0?baudrate=9600&parity=N", 0, True),
        ("serial:///dev/ttyUSB0?baudrate=9600&parity=N", 255, True),
        ("rtu+tcp://10.0.0.6:4001", 255, True),
        ("serial:///dev/ttyUSB0?baudrate=9600&parity=N", 247, False),
        ("tcp://10.0.0.6:502", 255, False),
        ("tcp://10.0.0.6:502", 0, False),
    ],
)
def test_a_serial_line_has_the_addresses_1_to_247(
    tmp_path: Path, url: str, unit: int, *, refused: bool
) -> None:
    text = f"""
[station]
id = "BD_1"
[[line]]
id = "wire"
url = "{url}"
[[device]]
id = "ph"
line = "wire"
driver = "modbus"
unit = {unit}
every = "5s"
[[device.channel]]
id = "pH"
table = "holding"
address = 0
type = "float32"
unit = "pH"
"""
    if not refused:
        assert check_station(text, tmp_path / "station.toml").devices
        return
    with pytest.raises(StationFileError) as raised:
        check_station(text, tmp_path / "station.toml")
    assert f'device "ph".unit: is no address of a serial line, these are 1 to 247 (got {unit})' in str(
        raised.value
    )
