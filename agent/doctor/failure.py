"""Why the way to a broker ends, as a code that has a sentence in every language. Pure.

The words of `mqtt.words` are English and for the log; here the same numbers become codes. What has no code of its own
keeps those words (`why`).
"""

import errno
import socket
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple

from mqtt.errors import BrokerUnfit, Lost, MqttError, Refused


class Failure(NamedTuple):
    """`code` of a sentence, and the English words of the room that found it."""

    code: str
    why: str


_NETWORK: Final[Mapping[int, str]] = {
    errno.ECONNREFUSED: "tcp-refused",
    errno.ENETUNREACH: "tcp-no-way",
    errno.EHOSTUNREACH: "tcp-no-way",
    errno.ENETDOWN: "tcp-no-way",
    errno.ETIMEDOUT: "tcp-silent",
    errno.ECONNRESET: "tcp-reset",
    errno.EPIPE: "tcp-reset",
}
# OpenSSL's X509_V_ERR_*, as in mqtt.words.
_CERTIFICATES: Final[Mapping[int, str]] = {
    9: "tls-early",
    10: "tls-expired",
    18: "tls-untrusted",
    19: "tls-untrusted",
    20: "tls-untrusted",
    21: "tls-untrusted",
    62: "tls-other-name",
    64: "tls-other-name",
}
_HANDSHAKES: Final[Mapping[str, str]] = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "tls-wants-client",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "tls-wants-client",
    "TLSV1_ALERT_UNKNOWN_CA": "tls-refuses-client",
    "SSLV3_ALERT_BAD_CERTIFICATE": "tls-refuses-client",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "tls-refuses-client",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "tls-client-expired",
    "WRONG_VERSION_NUMBER": "tls-not-here",
    "RECORD_LAYER_FAILURE": "tls-not-here",
}
_WORDS: Final[Mapping[str, str]] = {
    "demands a client certificate": "tls-wants-client",
    "does not accept our certificate": "tls-refuses-client",
    "our certificate has expired": "tls-client-expired",
    "instead of an MQTT 5 answer": "login-closed",
}
# MQTT 5.0, table 2-6.
_REASONS: Final[Mapping[int, str]] = {
    0x84: "login-version",
    0x85: "login-client-id",
    0x86: "login-refused",
    0x87: "login-refused",
    0x8A: "login-banned",
}


def of_connecting(error: MqttError, step: str) -> Failure:
    """While the step `dns`, `tcp`, `tls` or `login` was tried."""
    why = str(error)
    if isinstance(error, Refused):
        return Failure(_REASONS.get(error.reason_code, "login-other"), why)
    if isinstance(error, BrokerUnfit):
        return Failure("login-unfit", why)
    code = _of_cause(error.__cause__) or _of_words(why)
    if code == "tcp-reset" and step != "tcp":
        code = f"{step}-closed"
    return Failure(code or f"{step}-{'silent' if _is_silence(error) else 'other'}", why)


def of_using(error: MqttError, verb: str) -> Failure:
    """While it was asked whether we may `publish` or `subscribe`."""
    if isinstance(error, Refused):
        return Failure(f"acl-{verb}", str(error))
    return Failure("acl-ended" if isinstance(error, Lost) else "acl-other", str(error))


def of_name(error: OSError) -> Failure:
    """A host name that was not found, or not in time."""
    if isinstance(error, TimeoutError):
        return Failure("dns-silent", "no answer")
    again = error.errno == socket.EAI_AGAIN
    return Failure("dns-down" if again else "dns-unknown", str(error))


def _of_cause(cause: BaseException | None) -> str | None:
    match cause:
        case ssl.SSLCertVerificationError():
            return _CERTIFICATES.get(cause.verify_code)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "tls-closed"
        case ssl.SSLError():
            return _HANDSHAKES.get(getattr(cause, "reason", None) or "")
        case socket.gaierror():
            return of_name(cause).code
        case OSError():
            return _NETWORK.get(cause.errno or 0)
        case _:
            return None


def _of_words(why: str) -> str | None:
    """TLS 1.3 says what it thinks of our certificate after a handshake that looked done: only the words are left."""
    return next((code for words, code in _WORDS.items() if words in why), None)


def _is_silence(error: MqttError) -> bool:
    return isinstance(error.__cause__, TimeoutError) or "no MQTT answer" in str(error)
