"""What a line carries, what its durations may say, and how a mistake is answered."""

from typing import Any

import pytest
from pydantic import ValidationError

from drivers.endpoint import ThisMachine, endpoint
from drivers.line import LineSettings

pytestmark = pytest.mark.pure


def line(url: str = "tcp://10.0.0.5", **more: Any) -> LineSettings:
    return LineSettings.model_validate({"url": url, **more})


@pytest.mark.parametrize(
    ("url", "numbered", "modbus", "characters"),
    [
        ("tcp://10.0.0.5", True, True, False),
        ("udp://10.0.0.5", True, True, False),
        ("rtu+tcp://10.0.0.5:1", False, True, False),
        ("ascii+tcp://10.0.0.5:1", False, True, False),
        ("serial:///dev/ttyS1?baudrate=9600", False, True, True),
        ("serial:///dev/ttyS1?baudrate=9600&bytesize=7", False, False, True),
        ("serial:///dev/ttyS1?baudrate=9600&bytesize=7&framer=ascii", False, True, False),
    ],
)
def test_what_a_line_carries_and_whether_its_answers_have_numbers(
    url: str, numbered: bool, modbus: bool, characters: bool
) -> None:
    assert line(url).endpoint.numbered is numbered
    assert (line(url).refuses_speech("modbus") is None) is modbus
    assert (line(url).refuses_speech("characters") is None) is characters
    assert (line(url).refuses(248) is None) is numbered


def test_a_line_that_is_no_wire_leads_to_this_machine_and_carries_nothing_else() -> None:
    assert line("local://").machine == ThisMachine("/")
    assert line("local:///tmp/copy").machine == ThisMachine("/tmp/copy")
    assert line("tcp://10.0.0.5").machine is None
    assert str(endpoint("local://")) == "this machine"
    assert str(endpoint("local:///tmp/copy")) == "the machine in /tmp/copy"
    assert line("local://").refuses(300) is None
    assert line("local://").refuses_speech("machine") is None
    for speech in ("modbus", "characters"):
        assert "only the driver system reads this machine" in str(line("local://").refuses_speech(speech))
    for url in ("tcp://10.0.0.5", "rtu+tcp://10.0.0.5:1", "serial:///dev/ttyS0?baudrate=9600"):
        assert 'url = "local://"' in str(line(url).refuses_speech("machine"))


def test_durations_are_seconds_inside() -> None:
    settings = line(timeout="50ms", guard="2s", gap="1.5 ms", reconnect="1min", connect_timeout="3s")
    assert (settings.timeout_s, settings.guard_s, settings.gap_s) == (0.05, 2.0, 0.0015)
    assert (settings.reconnect_s, settings.connect_s) == (60.0, 3.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, 'write "5s" or "5ms"'),
        ("fast", "not a duration"),
        ("0s", "greater than"),
        ("2h", "less than"),
        (True, "number"),
    ],
)
def test_a_wrong_duration_is_answered_in_words(value: object, words: str) -> None:
    with pytest.raises(ValidationError) as error:
        line(timeout=value)
    assert words in str(error.value)


def test_the_silence_between_frames_follows_the_speed() -> None:
    assert line("serial:///dev/x?baudrate=9600").silence_s() == pytest.approx(0.00401, rel=0.01)
    assert line("serial:///dev/x?baudrate=115200").silence_s() == 0.00175
    assert line("rtu+tcp://h:4001").silence_s() == 0.005
    assert line("rtu+tcp://h:4001", gap="20ms").silence_s() == 0.02


def test_the_schema_shows_durations_as_text() -> None:
    assert LineSettings.model_json_schema()["properties"]["timeout"]["type"] == "string"


@pytest.mark.parametrize(
    ("url", "speech", "words"),
    [
        ("serial:///dev/ttyS1?baudrate=9600", "modbus", None),
        ("serial:///dev/ttyS1?baudrate=9600", "characters", None),
        ("serial:///dev/ttyS1?baudrate=9600&bytesize=7&parity=E", "characters", None),
        ("serial:///dev/ttyS1?baudrate=9600&bytesize=7&parity=E", "modbus", "Modbus RTU needs bytesize=8"),
        ("tcp://10.0.0.6:4001", "characters", None),
        ("tcp://10.0.0.6", "modbus", None),
        (
            "tcp://10.0.0.6",
            "characters",
            'its port is missing, write for example "tcp://10.0.0.6:4001"',
        ),
        ("rtu+tcp://10.0.0.6:4001", "modbus", None),
        (
            "rtu+tcp://10.0.0.6:4001",
            "characters",
            'it carries Modbus RTU; for characters write "tcp://10.0.0.6:4001"',
        ),
    ],
)
def test_what_a_line_can_carry(url: str, speech: str, words: str | None) -> None:
    assert LineSettings(url=url).refuses_speech(speech) == words
