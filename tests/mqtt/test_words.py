"""Every failure has words, also one that nobody foresaw."""

import errno
import socket
import ssl

import pytest

from mqtt import words

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "nothing listens on this port"),
        (OSError(errno.ENETUNREACH, "x"), "network unreachable"),
        (OSError(errno.EHOSTUNREACH, "x"), "host unreachable"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "reset"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "stopped answering"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (ConnectionAbortedError(), "ConnectionAbortedError"),
        (socket.gaierror(socket.EAI_NONAME, "x"), "name not found"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "could not be looked up now"),
        (ssl.SSLEOFError(8, "x"), "in the middle of TLS"),
        (ssl.SSLError(1, "strange"), "TLS failed"),
    ],
)
def test_a_network_failure_is_told_in_words(error: OSError, expected: str) -> None:
    assert expected in words.of_failure(error)


def test_a_certificate_that_is_bad_in_an_unforeseen_way_keeps_openssls_words() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 23, "certificate revoked"
    assert words.of_failure(error) == "the broker's certificate is not valid: certificate revoked"


def test_reasons_come_with_their_number() -> None:
    assert words.of_reason(0x87).endswith("(0x87)")
    assert words.of_reason(0xEE) == "unknown reason (0xEE)"
