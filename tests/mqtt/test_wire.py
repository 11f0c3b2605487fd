"""A socket as paho reads it: bursts, and the first cause of a failure."""

import socket
import ssl
from collections.abc import Sequence

import pytest

from mqtt.wire import Wire

pytestmark = pytest.mark.pure


class Scripted(socket.socket):
    """A socket that is never opened: it gives what the script says."""

    def __init__(self, received: Sequence[bytes | OSError], sent: OSError | None = None) -> None:
        super().__init__()
        self._received = list(received)
        self._sent = sent

    def recv(self, *_: object) -> bytes:
        item = self._received.pop(0)
        if isinstance(item, OSError):
            raise item
        return item

    def send(self, chunk: object, *_: object) -> int:
        if self._sent is not None:
            raise self._sent
        assert isinstance(chunk, bytes)
        return len(chunk)


def _alert(name: str) -> ssl.SSLError:
    error = ssl.SSLError(1, name)
    error.reason = name
    return error


def test_a_burst_is_taken_once_and_served_in_parts() -> None:
    wire = Wire(Scripted([b"abcdef", BlockingIOError(), b"g", b""]))
    assert (wire.recv(1), wire.recv(2), wire.pending()) == (b"a", b"bc", 3)
    assert wire.recv(100) == b"def"
    with pytest.raises(BlockingIOError):
        wire.recv(1)
    assert wire.failure is None
    assert (wire.recv(1), wire.recv(1)) == (b"g", b"")
    wire.close()


def test_what_broke_it_is_kept() -> None:
    reset = ConnectionResetError()
    wire = Wire(Scripted([reset]))
    with pytest.raises(ConnectionResetError):
        wire.recv(1)
    assert wire.failure is reset
    wire.close()
    assert (wire.fileno(), wire.pending()) == (-1, 0)


@pytest.mark.parametrize("then", [b"", ConnectionResetError(), ssl.SSLError(1, "?")])
def test_a_failed_write_without_an_alert_is_its_own_reason(then: bytes | OSError) -> None:
    end = ssl.SSLEOFError(8, "EOF")
    wire = Wire(Scripted([then], sent=end))
    with pytest.raises(ssl.SSLEOFError):
        wire.send(b"x")
    assert wire.failure is end
    wire.close()


def test_an_alert_that_waits_unread_behind_a_failed_write_is_the_reason() -> None:
    alert = _alert("TLSV13_ALERT_CERTIFICATE_REQUIRED")
    wire = Wire(Scripted([alert], sent=ssl.SSLEOFError(8, "EOF")))
    with pytest.raises(ssl.SSLEOFError):
        wire.send(b"x")
    assert wire.failure is alert
    wire.close()


def test_a_full_kernel_buffer_is_no_failure() -> None:
    wire = Wire(Scripted([], sent=BlockingIOError()))
    with pytest.raises(BlockingIOError):
        wire.send(b"x")
    assert wire.failure is None
    wire.close()
