"""What brokers, TLS and the network say, in a technician's words, with what to do about it."""

import errno
import socket
import ssl

# MQTT 5.0, table 2-6 (reason codes of 0x80 and above).
_REASONS = {
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "the broker does not speak MQTT 5",
    0x85: "client id not accepted",
    0x86: "bad user name or password",
    0x87: "not authorized: the broker's access list does not allow it",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "this client is banned",
    0x8B: "the broker is shutting down",
    0x8C: "bad authentication method",
    0x8D: "the broker heard nothing from us for too long",
    0x8E: "another client connected with the same client id",
    0x8F: "topic filter not accepted",
    0x90: "topic name not accepted",
    0x91: "packet identifier in use",
    0x92: "packet identifier not found",
    0x93: "too many unacknowledged messages at once",
    0x95: "the packet is larger than the broker takes",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "ended by the broker's administrator",
    0x99: "payload format not accepted",
    0x9A: "retained messages are not supported",
    0x9B: "QoS 1 is not supported",
    0x9C: "use another broker",
    0x9D: "the broker has moved",
    0x9E: "shared subscriptions are not supported",
    0x9F: "connections too frequent",
    0xA0: "the longest connection time has passed",
    0xA2: "wildcard subscriptions are not supported",
}

# OpenSSL's X509_V_ERR_* (x509_vfy.h), as SSLCertVerificationError.verify_code has them.
_NOT_TRUSTED = "the broker's certificate is not from the authority that we trust: check `ca`"
_CERTIFICATES = {
    9: "the broker's certificate is not yet valid: check the station's clock",
    10: "the broker's certificate has expired: check the station's clock, else the broker needs a new one",
    18: _NOT_TRUSTED,
    19: _NOT_TRUSTED,
    20: _NOT_TRUSTED,
    21: _NOT_TRUSTED,
    62: "the broker's certificate is for another host name: check the host in `url`",
    64: "the broker's certificate is for another address: write the host name of the certificate in `url`",
}

# OpenSSL's reason names (ssl/ssl_err.c); an ALERT is what the broker says about us.
_OUR_CERTIFICATE = "the broker does not accept our certificate: check `cert` and `cert_key`"
_HANDSHAKES = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the broker demands a client certificate: set `cert` and `cert_key`",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the broker ended the TLS handshake: it may demand a client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": _OUR_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": _OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the broker says that our certificate has expired: check `cert`",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the broker speaks no TLS 1.2 or newer",
    "UNSUPPORTED_PROTOCOL": "the broker speaks no TLS 1.2 or newer",
    "WRONG_VERSION_NUMBER": "there is no TLS on this port: write mqtt:// or take the broker's TLS port",
}

_NETWORK = {
    errno.ECONNREFUSED: "connection refused: nothing listens on this port, check the port and the broker",
    errno.ENETUNREACH: "network unreachable: check cable, modem and route",
    errno.EHOSTUNREACH: "host unreachable: check address, cable and route",
    errno.ECONNRESET: "the other side reset the connection: check the port, and whether it takes TLS (mqtts://)",
    errno.EPIPE: "the other side closed the connection",
    errno.ETIMEDOUT: "the other side stopped answering",
}


def of_reason(reason_code: int) -> str:
    """Words for MQTT 5's reason code, with its number."""
    return f"{_REASONS.get(reason_code, 'unknown reason')} (0x{reason_code:02X})"


def of_failure(error: OSError) -> str:
    """Words for what a socket or TLS raised."""
    match error:
        case ssl.SSLCertVerificationError():
            unnamed = f"the broker's certificate is not valid: {error.verify_message}"
            return _CERTIFICATES.get(error.verify_code, unnamed)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "the broker closed the connection in the middle of TLS"
        case ssl.SSLError():
            reason = reason_name(error)
            return _HANDSHAKES.get(reason, f"TLS failed: {reason or error}")
        case socket.gaierror():
            if error.errno == socket.EAI_AGAIN:
                return "the name could not be looked up now: check this machine's DNS and network"
            return "name not found: check the host's spelling and this machine's DNS"
        case _:
            return _NETWORK.get(error.errno or 0, error.strerror or type(error).__name__)


def reason_name(error: ssl.SSLError) -> str:
    """OpenSSL's name for it; "" when it gave none (the attribute may be missing altogether)."""
    return getattr(error, "reason", None) or ""
