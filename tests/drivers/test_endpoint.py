"""What a line's url may say, and how a mistake is answered."""

import re

import pytest
from pydantic import ValidationError

from drivers.endpoint import SerialPort, TcpHost, UdpHost, endpoint
from drivers.line import LineSettings

pytestmark = pytest.mark.pure


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
        ("serial:///dev/tty\x1b[2JUSB0?baudrate=9600", "holds a character that cannot be seen"),
    ],
)
def test_a_wrong_url_is_answered_in_words(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        endpoint(url)
    with pytest.raises(ValidationError, match=re.escape(words)):
        LineSettings.model_validate({"url": url})


def test_a_password_in_a_url_is_not_repeated_by_its_error() -> None:
    with pytest.raises(ValueError, match="no user name") as error:
        endpoint("tcp://me:secret@10.0.0.5")
    assert "secret" not in str(error.value)
