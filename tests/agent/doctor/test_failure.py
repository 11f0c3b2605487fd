"""Errors of the network as codes: each known number has its own sentence, the others keep their words."""

import errno
import socket
import ssl

import pytest

from agent.doctor.failure import of_connecting, of_name, of_using
from mqtt.errors import BrokerUnfit, Lost, MqttError, Refused, TooLarge, Unreachable

pytestmark = pytest.mark.pure


def caused(cause: BaseException | None) -> Unreachable:
    error = Unreachable("broker:1883: in words")
    error.__cause__ = cause
    return error


def verification(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_code = code
    error.verify_message = "in words"
    return error


def handshake(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "x")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "step", "code"),
    [
        (caused(OSError(errno.ECONNREFUSED, "")), "tcp", "tcp-refused"),
        (caused(OSError(errno.ENETUNREACH, "")), "tcp", "tcp-no-way"),
        (caused(OSError(errno.ECONNRESET, "")), "tcp", "tcp-reset"),
        (caused(OSError(errno.ECONNRESET, "")), "tls", "tls-closed"),
        (caused(OSError(errno.ECONNRESET, "")), "login", "login-closed"),
        (caused(OSError(errno.EPERM, "")), "tcp", "tcp-other"),
        (caused(TimeoutError()), "tcp", "tcp-silent"),
        (caused(TimeoutError()), "tls", "tls-silent"),
        (caused(None), "tls", "tls-other"),
        (caused(socket.gaierror(socket.EAI_NONAME, "")), "tcp", "dns-unknown"),
        (caused(verification(10)), "tls", "tls-expired"),
        (caused(verification(9)), "tls", "tls-early"),
        (caused(verification(20)), "tls", "tls-untrusted"),
        (caused(verification(62)), "tls", "tls-other-name"),
        (caused(verification(1)), "tls", "tls-other"),
        (caused(ssl.SSLEOFError()), "tls", "tls-closed"),
        (caused(handshake("WRONG_VERSION_NUMBER")), "tls", "tls-not-here"),
        (caused(handshake("SSLV3_ALERT_HANDSHAKE_FAILURE")), "tls", "tls-wants-client"),
        (caused(handshake("SOMETHING_NEW")), "tls", "tls-other"),
        (Refused("x", reason_code=0x86, words=""), "login", "login-refused"),
        (Refused("x", reason_code=0x87, words=""), "login", "login-refused"),
        (Refused("x", reason_code=0x85, words=""), "login", "login-client-id"),
        (Refused("x", reason_code=0x8A, words=""), "login", "login-banned"),
        (Refused("x", reason_code=0x97, words=""), "login", "login-other"),
        (BrokerUnfit("x"), "login", "login-unfit"),
        (Lost("x"), "login", "login-other"),
    ],
)
def test_on_the_way_to_the_login(error: MqttError, step: str, code: str) -> None:
    failure = of_connecting(error, step)
    assert failure.code == code
    assert failure.why == str(error)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("x", reason_code=0x87, words=""), "acl-publish"),
        (Lost("x"), "acl-ended"),
        (TooLarge("x", size=2, limit=1), "acl-other"),
    ],
)
def test_after_the_login(error: MqttError, code: str) -> None:
    assert of_using(error, "publish").code == code


def test_a_name() -> None:
    assert of_name(socket.gaierror(socket.EAI_AGAIN, "")).code == "dns-down"
    assert of_name(socket.gaierror(socket.EAI_NONAME, "")).code == "dns-unknown"
    assert of_name(TimeoutError()).code == "dns-silent"
