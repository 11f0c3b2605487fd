"""TLS around a line: what the station file says of it, and what goes wrong with it in the technician's words.

MODBUS/TCP Security Protocol Specification (2018): the frames of Modbus TCP inside TLS 1.2 or newer, port 802. The
other side's certificate and name are always checked. Roles in certificates are between the server and its list.
"""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

from pydantic import BaseModel, Field, PlainValidator, ValidationInfo, WithJsonSchema

from drivers.errors import Unreachable

P = TypeVar("P", bound=asyncio.BaseProtocol)

MODBUS_TLS_PORT = 802
HANDSHAKE_SHARE = 0.8
"""Of the time for connecting: a handshake that hangs is named before the whole attempt runs out of time."""


def _beside_the_file(path: object, info: ValidationInfo) -> Path:
    if not isinstance(path, str | Path) or not str(path):
        raise ValueError('should be the path of a file in quotes, e.g. "keys/plc-ca.pem"')
    return Path((info.context or {}).get("folder", Path())) / path


TlsFile = Annotated[Path, PlainValidator(_beside_the_file), WithJsonSchema({"type": "string"})]


class TlsKeys(BaseModel):
    """The keys of a `[[line]]` that are for tls://, as those of a destination are for mqtts://."""

    ca: TlsFile | None = Field(default=None, description="Certificates that the other side's must chain to")
    cert: TlsFile | None = Field(default=None, description="Our client certificate")
    cert_key: TlsFile | None = Field(default=None, description="Its private key, mode 0600")


class Wrong(NamedTuple):
    """What happened, and what to do."""

    what: str
    hint: str


def tls_context(where: str, keys: TlsKeys) -> ssl.SSLContext:
    """Read anew whenever the line is opened: a certificate that was renewed needs no restart. Unreachable.

    Without `ca` the authorities of the operating system are trusted.
    """
    try:
        context = ssl.create_default_context(cafile=None if keys.ca is None else str(keys.ca))
    except OSError as error:  # ssl.SSLError is one
        raise Unreachable(f"{where}: {keys.ca} cannot be used ({error})", hint=_PEM) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if keys.cert is not None:
        try:
            context.load_cert_chain(keys.cert, keys.cert_key, password=_no_passphrase)
        except OSError as error:
            files = f"{keys.cert} and {keys.cert_key}"
            hint = "they must belong together, in PEM form, the key without passphrase"
            raise Unreachable(f"{where}: {files} cannot be used ({error})", hint=hint) from None
    return context


async def dial(
    protocol: Callable[[], P], host: str, port: int, context: ssl.SSLContext, connect_s: float
) -> tuple[asyncio.Transport, P]:
    """A connection with the other side's certificate and name checked. OSError, which `wrong` knows."""
    loop = asyncio.get_running_loop()
    handshake_s = HANDSHAKE_SHARE * connect_s
    try:
        return await loop.create_connection(
            protocol, host, port, ssl=context, ssl_handshake_timeout=handshake_s
        )
    except (ConnectionResetError, BrokenPipeError):
        raise ConnectionAbortedError from None


def wrong(error: BaseException | None) -> Wrong | None:
    """Words for what TLS raised; None: it is no matter of TLS."""
    match error:
        case ssl.SSLCertVerificationError():
            other = Wrong(f"its certificate is not valid ({error.verify_message})", _ASK)
            return _CERTIFICATES.get(error.verify_code, other)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionAbortedError():
            # the last one is asyncio's when the handshake takes too long, and `dial`'s when it is cut off
            return Wrong("it takes the connection and does not go on with TLS", _NO_TLS)
        case ssl.SSLError():
            reason = getattr(error, "reason", None) or str(error)
            return _HANDSHAKES.get(reason, Wrong(f"TLS failed ({reason})", _ASK))
    return None


def _no_passphrase() -> str:
    """Instead of OpenSSL's question at the terminal, which a daemon cannot answer."""
    return ""


_PEM = "ca must be a file in PEM form, with a line -----BEGIN CERTIFICATE-----"
_ASK = "look at its certificate in its own settings"
_NO_TLS = f"is that its port for TLS (usually {MODBUS_TLS_PORT}), and is TLS switched on there?"
_STRANGER = Wrong(
    "its certificate is not from an authority that we trust",
    "put the certificate of its authority into the file that ca names",
)
# OpenSSL's X509_V_ERR_* (x509_vfy.h)
_CERTIFICATES = {
    9: Wrong("its certificate is not yet valid", "check this gateway's clock (tram status), then its own"),
    10: Wrong("its certificate has expired", "it needs a new one; check this gateway's clock as well"),
    18: Wrong(
        "it shows a certificate that it signed itself, and ca does not name it",
        "compare it with the one in its own settings, then put that into the file that ca names",
    ),
    19: _STRANGER,
    20: _STRANGER,
    21: _STRANGER,
    62: Wrong("its certificate is for another name", "write in url the host name that is in its certificate"),
    64: Wrong(
        "its certificate is for another address", "write in url the name or address of its certificate"
    ),
}
# OpenSSL's reason names (ssl/ssl_err.c); an ALERT is what the other side says of us
_OURS = Wrong("it does not accept our certificate", "check cert and cert_key, and what it trusts")
_OLD = Wrong("it speaks no TLS 1.2 or newer", "update it, or put a TLS gateway in front of it")
_DEMANDED = Wrong("it demands a client certificate", "set cert and cert_key in this line")
_HANDSHAKES = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _DEMANDED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": Wrong(
        "it ended the TLS handshake", "it may demand a client certificate (cert, cert_key) or other ciphers"
    ),
    "TLSV1_ALERT_UNKNOWN_CA": _OURS,
    "SSLV3_ALERT_BAD_CERTIFICATE": _OURS,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _OURS,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": Wrong("it says that our certificate has expired", "renew cert"),
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD,
    "UNSUPPORTED_PROTOCOL": _OLD,
    "WRONG_VERSION_NUMBER": Wrong("there is no TLS on this port", _NO_TLS),
}
