"""Why a line cannot be opened, in the technician's words."""

import errno
import socket
from pathlib import Path

import pytest

from drivers.diagnosis import unreachable
from drivers.endpoint import SerialPort, TcpHost

PORT = SerialPort("/dev/ttyUSB0", 9600, "E", 1)
HOST = TcpHost("10.0.0.5", 502, False)
SERVER = TcpHost("10.0.0.6", 4001, True)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EBUSY, "busy"), "another program holds it; stop that program (fuser -v /dev/ttyUSB0"),
        (BlockingIOError(errno.EAGAIN, "locked"), "another program holds it"),
        (OSError(errno.EIO, "i/o"), "the adapter is gone; plug it in again"),
        (OSError(errno.EINVAL, "bad"), "it refuses 9600 Bd 8E1; this adapter cannot do that"),
        (ValueError("Invalid baud rate"), "it refuses 9600 Bd 8E1"),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), "this is not a serial port"),
        (OSError("(25, 'Inappropriate ioctl for device')"), "this is not a serial port"),
        (
            OSError(errno.EMFILE, "Too many open files"),
            "it cannot be opened ([Errno 24] Too many open files)",
        ),
        (None, "it cannot be opened (it takes too long)"),
    ],
)
def test_a_serial_port(error: Exception | None, words: str) -> None:
    assert str(unreachable(PORT, error)).startswith(f"/dev/ttyUSB0: {words}")


def test_an_adapter_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    gone = FileNotFoundError(errno.ENOENT, "no such file")
    assert f"is the adapter plugged in? none is to be seen in {tmp_path}" in str(
        unreachable(PORT, gone, by_id=tmp_path)
    )
    (tmp_path / "usb-FTDI-if00").touch()
    assert f"there is now {tmp_path}/usb-FTDI-if00" in str(unreachable(PORT, gone, by_id=tmp_path))
    assert "none is to be seen" in str(unreachable(PORT, gone, by_id=tmp_path / "not-there"))


def test_a_port_without_permission_names_the_group_to_join(tmp_path: Path) -> None:
    port = tmp_path / "tty"
    port.touch()
    denied = PermissionError(errno.EACCES, "denied")
    group = port.group()
    said = str(unreachable(PORT._replace(path=str(port)), denied))
    assert (
        f"no permission to open it; add the user of tram to the group {group}: sudo usermod -aG {group} USER"
        in said
    )
    assert "group dialout" in str(unreachable(PORT._replace(path=str(tmp_path / "gone")), denied))


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        (
            HOST,
            ConnectionRefusedError(errno.ECONNREFUSED, ""),
            "it refuses the connection; is Modbus TCP in the instr",
        ),
        (
            SERVER,
            ConnectionRefusedError(errno.ECONNREFUSED, ""),
            "it refuses the connection; is the serial server",
        ),
        (HOST, None, "it does not answer; check power"),
        (HOST, TimeoutError(), "it does not answer"),
        (HOST, OSError(errno.ETIMEDOUT, ""), "it does not answer"),
        (HOST, OSError(errno.EHOSTUNREACH, ""), "there is no way to it; check the network cable"),
        (HOST, socket.gaierror(-2, "Name or service not known"), 'the name "10.0.0.5" is not known'),
        (HOST, UnicodeError("label empty or too long"), 'the name "10.0.0.5" is not known'),
        (HOST, ConnectionResetError(errno.ECONNRESET, ""), "it closed the connection"),
        (HOST, OSError(errno.EADDRNOTAVAIL, "no"), "it cannot be reached ([Errno 99] no)"),
    ],
)
def test_a_host(where: TcpHost, error: Exception | None, words: str) -> None:
    assert str(unreachable(where, error)).startswith(f"{where}: {words}")


def test_who_listens_at_a_host_is_said_by_whoever_asks() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "")
    assert "is the gauge switched on" in str(unreachable(HOST, refused, server="the gauge"))
    assert "is the serial server switched on" in str(unreachable(SERVER, refused, server="the gauge"))


def test_seven_bits_are_said_to_be_seven() -> None:
    refused = OSError(errno.EINVAL, "bad")
    assert "it refuses 9600 Bd 7E1" in str(unreachable(PORT._replace(bytesize=7), refused))
