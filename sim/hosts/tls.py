"""Modbus TCP inside TLS, with a certificate made for the occasion: whoever is given it trusts nobody else."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sim.hosts.listener import Listener

VALID_DAYS = 30
CERTIFICATE = "sim.cert.pem"


class Certificate(NamedTuple):
    """`cert` is its own authority: it is what a master names as ca."""

    cert: Path
    key: Path


def certificate(folder: Path, host: str = "127.0.0.1") -> Certificate:
    """A new one for this address, self-signed, in files of this folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tram sim")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / CERTIFICATE, folder / "sim.key.pem")
    made.cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.touch(mode=0o600)
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made


def secure(host: Listener, files: Certificate | None) -> None:
    """The host speaks TLS 1.2 or newer from now on; a master's certificate is not asked for.

    `files` None: with a certificate that nobody can trust.
    """
    if files is None:
        with TemporaryDirectory() as folder:
            secure(host, certificate(Path(folder)))
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    host.tls = context
