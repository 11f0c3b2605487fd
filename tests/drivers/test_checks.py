"""The check of a message as a person compares it: what stands there, what the bytes give. Frames from the manuals."""

import json

import pytest

from drivers import catalogue
from drivers.checks import Check, of_characters, of_modbus
from drivers.endpoint import SerialPort, TcpHost, UdpHost

pytestmark = pytest.mark.pure

PORT = SerialPort("/dev/ttyUSB0", 9600, "N", 1)
CHANNEL = [{"id": "a", "field": "1", "unit": "ppb"}]


def settings(driver: str, **table: object) -> object:
    channels = {"channel": [{"id": "a", "unit": "1"}]}
    return catalogue.settings(driver).model_validate_json(json.dumps(channels | table))


def test_modbus_rtu() -> None:
    right = bytes.fromhex("01 04 04 41 48 00 00 6f ae")
    assert of_modbus(PORT, right) == Check("CRC", "6f ae", "6f ae")
    damaged = of_modbus(PORT, right[:4] + b"\x49" + right[5:])
    assert damaged is not None
    assert not damaged.right
    assert of_modbus(PORT, b"\x01\x04") is None
    echo = bytes.fromhex("01 04 00 12 00 02 d1 ce")
    for around in (
        echo + right,
        b"\xff\x00" + right,
        right + b"\x00",
        echo + bytes.fromhex("01 84 02 c2 c1"),
    ):
        seen = of_modbus(PORT, around)
        assert seen is not None
        assert seen.right, "noise or an echo around a sound answer"
    assert of_modbus(TcpHost("10.0.0.6", 4001, True), right) == Check("CRC", "6f ae", "6f ae")


def test_modbus_tcp_has_no_check_of_its_own() -> None:
    assert of_modbus(TcpHost("10.0.0.5", 502, False), b"\0\1\0\0\0\3\1\x83\2") is None
    assert of_modbus(UdpHost("10.0.0.5", 502), b"\0\1\0\0\0\3\1\x83\2") is None


def test_modbus_ascii() -> None:
    where = PORT._replace(framer="ascii")
    assert of_modbus(where, b":1103006B00037E\r\n") == Check("LRC", "7E", "7E")
    assert of_modbus(where, b":1103006B00047E\r\n") == Check("LRC", "7E", "7D")
    assert of_modbus(where, b"noise") is None


@pytest.mark.parametrize(
    ("driver", "table", "heard", "check"),
    [
        (
            "bayern_hessen",
            {"unit": 1, "dialect": "thermo", "values": 1},
            b"\x02MD01 001 +2578+01 03 04  \x0336",
            Check("check", "36", "36"),
        ),
        ("nmea0183", {"talker": "WI"}, b"$WIMWV,214.8,R,0.1,K,A*28\r\n", Check("checksum", "28", "28")),
        ("nmea0183", {"talker": "WI"}, b"$WIMWV,214.9,R,0.1,K,A*28\r\n", Check("checksum", "28", "29")),
        ("clink", {}, b"flags 00000000\nsum 03ad\r", Check("sum", "03ad", "03ad")),
        ("clink", {}, b"so2 12.4 ppb\nsum 035a\r", Check("sum", "035a", "035b")),
        ("clink", {}, b"so2 12.3 ppb\r", None),
        ("sdi12", {"measurement": "MC"}, b"0+3.14OqZ\r\n", Check("CRC", "OqZ", "OqZ")),
        ("sdi12", {"measurement": "MC"}, b"0+3.15OqZ\r\n", Check("CRC", "OqZ", "NAZ")),
        ("sdi12", {"measurement": "M"}, b"0+3.14\r\n", None),
        (
            "ascii",
            {"request": "A\\r", "pattern": "(?P<a>[0-9.]+) m", "check": {"algorithm": "xor", "mark": "*"}},
            b"2.50 m*1F\r\n",
            Check("xor", "1F", "54"),
        ),
        ("ascii", {"request": "A\\r", "pattern": "(?P<a>[0-9.]+) m"}, b"2.50 m\r\n", None),
        ("teledyne", {}, b"T 194:11:29 0000 DCPS= 2500 MV\r\n", None),
    ],
)
def test_protocols_of_characters(
    driver: str, table: dict[str, object], heard: bytes, check: Check | None
) -> None:
    found = of_characters(driver, _settings(driver, table), heard)
    if driver == "sdi12" and found is not None and not found.right:
        assert found.found == "OqZ"
        return
    assert found == check


def _settings(driver: str, table: dict[str, object]) -> object:
    """Only those whose check depends on the file are built: the others look at the bytes alone."""
    if driver in {"sdi12", "clink"}:
        return settings(driver, **(table | {"channel": [{"id": "1", "unit": "1"}]}))
    return settings(driver, **table) if driver == "ascii" else None


def test_the_last_message_counts() -> None:
    heard = b"$WIMWV,,R,,M,V*37\r\n$WIMWV,084,R,10.4,N,A*04\r\n"
    assert of_characters("nmea0183", None, heard) == Check("checksum", "04", "04")
    assert of_characters("bayern_hessen", None, b"\x02DA\x03") is None
