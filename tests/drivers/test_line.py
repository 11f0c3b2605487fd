"""What a line's url and durations may say, and how a mistake is answered."""

from typing import Any

import pytest
from pydantic import ValidationError

from drivers.line import LineSettings, SerialPort, TcpHost, ThisMachine, UdpHost, endpoint

pytestmark = pytest.mark.pure


def line(url: str = "tcp://10.0.0.5", **more: Any) -> LineSettings:
    return LineSettings.model_validate({"url": url, **more})


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("serial:///dev/ttyUSB0?baudrate=9600&parity=E", SerialPort("/dev/ttyUSB0", 9600, "E", 1)),
        ("serial:///dev/ttyS1?baudrate=19200&stopbits=2&bytesize=8", SerialPort("/dev/ttyS1", 19200, "N", 2)),
        ("tcp://10.0.0.5:1502", TcpHost("10.0.0.5", 1502, False)),
        ("tcp://analyzer", TcpHost("analyzer", 502, False)),
        ("tcp://[fe80::1]:502", TcpHost("fe80::1", 502, False)),
        ("rtu+tcp://10.0.0.6:4001", TcpHost("10.0.0.6", 4001, True)),
        ("ascii+tcp://10.0.0.6:4001", TcpHost("10.0.0.6", 4001, False, ascii=True)),
        ("udp://10.0.0.6", UdpHost("10.0.0.6", 502)),
        (
            "serial:///dev/ttyS1?baudrate=9600&bytesize=7&parity=E&framer=ascii",
            SerialPort("/dev/ttyS1", 9600, "E", 1, 7, framer="ascii"),
        ),
    ],
)
def test_where_a_line_is(url: str, where: object) -> None:
    assert endpoint(url) == where
    assert line(url).endpoint == where


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


def test_an_endpoint_is_named_as_the_technician_knows_it() -> None:
    assert str(endpoint("serial:///dev/ttyUSB0?baudrate=9600")) == "/dev/ttyUSB0"
    assert str(endpoint("tcp://10.0.0.5")) == "10.0.0.5:502"
    assert str(endpoint("tcp://[fe80::1]:502")) == "[fe80::1]:502"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("/dev/ttyUSB0", 'write "serial:///dev/ttyUSB0?baudrate=9600'),
        ("serial://dev/ttyUSB0?baudrate=9600", 'three slashes, write "serial:///dev/ttyUSB0"'),
        ("serial:///?baudrate=9600", "a device is missing"),
        ("serial:///dev/ttyUSB0", "speed is missing"),
        ("serial:///dev/ttyUSB0?baudrate=9601", "not possible; one of 300"),
        ("serial:///dev/ttyUSB0?boudrate=9600", 'did you mean "baudrate"'),
        ("serial:///dev/ttyUSB0?baudrate=9600&xyz=1", "there are: baudrate, parity"),
        ("serial:///dev/ttyUSB0?baudrate=9600&parity=even", 'parity "even" is not possible; one of N, E, O'),
        ("serial:///dev/ttyUSB0?baudrate=9600&bytesize=6", "one of 7, 8"),
        ("serial:///dev/ttyUSB0?baudrate=9600&rs485=yes", "one of no, kernel"),
        ("serial:///dev/ttyUSB0?baudrate=9600&baudrate=19200", "stands twice"),
        ("tcp://", "a host is missing"),
        ("tcp://10.0.0.5:70000", "from 1 to 65535"),
        ("tcp://10.0.0.5:0", "from 1 to 65535"),
        ("tcp://10.0.0.5:502/unit", "nothing may follow (got /unit)"),
        ("tcp://10.0.0.5:502?x=1", "nothing may follow (got ?x=1)"),
        ("tcp://me:secret@10.0.0.5", "no user name or password"),
        ("tcp://10.0.0.5#a", '"#a" has no meaning'),
        ("ascii+tcp://10.0.0.6", 'write for example "ascii+tcp://10.0.0.6:4001"'),
        ("udp://10.0.0.6:0", "from 1 to 65535"),
        ("serial:///dev/ttyUSB0?baudrate=9600&framer=tcp", "one of rtu, ascii"),
        ("local://localhost", 'write "local://"'),
        ("local://?a=1", 'write "local://"'),
        ("rtu+tcp://10.0.0.6", "serial server's port is missing"),
        ("rtu+udp://10.0.0.5", "rtu+udp:// comes later"),
        ("tls://", 'write for example "tls://10.0.0.5:802"'),
        ("tls://10.0.0.5?ca=x", "nothing may follow (got ?ca=x)"),
        ("tpc://10.0.0.5", 'did you mean "tcp://"?'),
        ("10.0.0.5", "has no kind of line"),
    ],
)
def test_a_wrong_url_is_answered_in_words(url: str, words: str) -> None:
    with pytest.raises(ValidationError) as error:
        line(url)
    assert words in str(error.value)


def test_a_password_in_a_url_is_not_repeated_by_its_error() -> None:
    with pytest.raises(ValueError, match="no user name") as error:
        endpoint("tcp://me:secret@10.0.0.5")
    assert "secret" not in str(error.value)


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
