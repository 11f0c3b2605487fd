"""Certificates: until when they are valid, and whether the client's key is the one of its certificate."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from agent.doctor.verdict import Verdict, ok, warning, wrong

WARN_DAYS = 30
DAY_MS = 86_400_000
Whose = Literal["broker", "client", "ca", "line"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """`names`: hosts it is for, or its subject. Instants in ms UTC."""

    names: tuple[str, ...]
    from_wall_ms: int
    to_wall_ms: int


@dataclass(frozen=True, slots=True)
class PairFacts:
    """A client certificate with its key. `certificate` None: unreadable, `why`. `fits` None: the key is unreadable."""

    path: Path
    key_path: Path
    certificate: Certificate | None
    fits: bool | None
    why: str


def judge_files(
    whose: Whose, ca: Path | None, cert: Path | None, key: Path | None, wall_ms: int
) -> list[Verdict]:
    """Of one TLS connection; `whose`: what its authorities are for. Missing files are the station file's."""
    found = []
    authority = None if ca is None else look_at_authority(ca)
    if authority is not None:
        found.append(judge_validity(whose, authority, wall_ms))
    if cert is not None:
        found += judge_pair(look_at_pair(cert, key or cert), wall_ms)
    return found


def judge_validity(whose: Whose, certificate: Certificate, wall_ms: int) -> Verdict:
    """Codes are cert-WHOSE-ok, -soon, -expired, -early."""
    days = (certificate.to_wall_ms - wall_ms) / DAY_MS
    values: dict[str, object] = {
        "names": ", ".join(certificate.names),
        "until": _day(certificate.to_wall_ms),
        "since": _day(certificate.from_wall_ms),
        "days": f"{abs(days):.0f}",
    }
    if wall_ms < certificate.from_wall_ms:
        return wrong(f"cert-{whose}-early", **values)
    if days < 0:
        return wrong(f"cert-{whose}-expired", **values)
    return (warning if days < WARN_DAYS else ok)(
        f"cert-{whose}-{'soon' if days < WARN_DAYS else 'ok'}", **values
    )


def judge_pair(facts: PairFacts, wall_ms: int) -> list[Verdict]:
    """Of the client's certificate and key."""
    values = {"path": facts.path, "key": facts.key_path}
    if facts.certificate is None or facts.fits is None:
        return [wrong("cert-client-unreadable", **values, why=facts.why)]
    if not facts.fits:
        return [wrong("cert-client-other-key", **values)]
    return [judge_validity("client", facts.certificate, wall_ms)]


def look_at_pair(path: Path, key_path: Path) -> PairFacts:
    """Both files as they are on the disk."""
    try:
        cert = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        return PairFacts(path, key_path, None, None, f"{path}: {error}")
    try:
        key = load_pem_private_key(key_path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        return PairFacts(path, key_path, certificate_of(cert), None, f"{key_path}: {error}")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fits = key.public_key().public_bytes(*form) == cert.public_key().public_bytes(*form)
    return PairFacts(path, key_path, certificate_of(cert), fits, "")


def look_at_authority(path: Path) -> Certificate | None:
    """Of the authorities in the file the one that is valid longest; None when none can be read."""
    try:
        found = [certificate_of(each) for each in x509.load_pem_x509_certificates(path.read_bytes())]
    except (OSError, ValueError):
        return None
    return max(found, key=lambda each: each.to_wall_ms, default=None)


def from_der(der: bytes) -> Certificate:
    """As a broker shows it. ValueError when it is none."""
    return certificate_of(x509.load_der_x509_certificate(der))


def certificate_of(cert: x509.Certificate) -> Certificate:
    """What is to be judged of it."""
    return Certificate(
        _names(cert),
        int(cert.not_valid_before_utc.timestamp() * 1_000),
        int(cert.not_valid_after_utc.timestamp() * 1_000),
    )


def _names(cert: x509.Certificate) -> tuple[str, ...]:
    try:
        san = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return (cert.subject.rfc4514_string(),)
    hosts = [*san.get_values_for_type(x509.DNSName), *map(str, san.get_values_for_type(x509.IPAddress))]
    return tuple(hosts) or (cert.subject.rfc4514_string(),)


def _day(wall_ms: int) -> str:
    # Not fromtimestamp: on a 32-bit system that ends in 2038, and many an authority does not.
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=wall_ms):%Y-%m-%d}"
