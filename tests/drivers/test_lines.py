"""How the bytes of a line are put into frames, by its url and by what its devices speak."""

from typing import Any

import pytest

from drivers.ascii import Settings as AsciiSettings
from drivers.driver import DriverSettings
from drivers.line import LineSettings
from drivers.lines import framing
from drivers.modbus_settings import Settings as ModbusSettings

pytestmark = pytest.mark.pure

METER = ModbusSettings.model_validate(
    {"unit": 1, "channel": ({"id": "pH", "table": "holding", "address": 0, "type": "uint16", "unit": "pH"},)}
)
TANK = AsciiSettings.model_validate(
    {"request": r"D\r", "pattern": "{level}", "channel": ({"id": "level", "unit": "m"},)}
)


@pytest.mark.parametrize(
    ("url", "device", "expected"),
    [
        ("tcp://10.0.0.5:502", METER, "tcp"),
        ("tls://10.0.0.5:802", METER, "tcp"),
        ("udp://10.0.0.5:502", METER, "udp"),
        ("rtu+tcp://10.0.0.5:4001", METER, "rtu"),
        ("ascii+tcp://10.0.0.5:4001", METER, "ascii"),
        ("serial:///dev/ttyUSB0?baudrate=9600", METER, "rtu"),
        ("serial:///dev/ttyUSB0?baudrate=9600&framer=ascii", METER, "ascii"),
        ("serial:///dev/ttyUSB0?baudrate=9600", TANK, "characters"),
        ("tcp://10.0.0.5:4001", TANK, "characters"),
    ],
)
def test_a_line_frames_as_its_url_and_its_devices_say(
    url: str, device: DriverSettings, expected: str
) -> None:
    table: dict[str, Any] = {"url": url}
    assert framing(LineSettings.model_validate(table), [device]) == expected
