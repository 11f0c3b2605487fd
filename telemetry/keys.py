"""Ed25519 keys: signing, verifying, and how a person recognises one.

KeyRefused        a public key that must never be trusted: malformed, not a point, small order
UnknownKey        a signature by a key that is not on the ring
BadSignature      the key is known and did not sign these bytes
"""

import base64
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_ORDER_8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_SMALL_ORDER = frozenset((0, 1, _P - 1, _ORDER_8, _P - _ORDER_8))
"""The y of the eight points of order 1, 2, 4 and 8; under such a key signatures fit any message."""


class KeyRefused(ValueError):
    """The public key is not one that may be trusted; the message says why."""


class UnknownKey(Exception):
    """No key on the ring has this kid."""


class BadSignature(Exception):
    """The signature is not by this key over these bytes."""


def kid_of(public: bytes) -> bytes:
    """Key id: the first 8 bytes of SHA-256 over the raw public key."""
    return hashlib.sha256(public).digest()[:8]


def fingerprint(public: bytes) -> str:
    """For eyes and typing: 160 bits of SHA-256 in base32, lower case, eight groups of four joined by '-'."""
    letters = base64.b32encode(hashlib.sha256(public).digest()[:20]).decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, 32, 4))


def same_fingerprint(typed: str, public: bytes) -> bool:
    """Whether a person typed this key's fingerprint; case, spaces and dashes do not count."""
    letters = "".join(c for c in typed.lower() if c not in " -\t\n")
    return letters == fingerprint(public).replace("-", "")


def check_public(public: bytes) -> None:
    """KeyRefused unless `public` is the canonical encoding of a point of large order (RFC 8032 5.1.3)."""
    if len(public) != 32:
        raise KeyRefused(f"an Ed25519 public key has 32 bytes, this one {len(public)}")
    y = int.from_bytes(public, "little") & (1 << 255) - 1
    if y >= _P:
        raise KeyRefused("the public key is not in its canonical form")
    if y in _SMALL_ORDER:
        raise KeyRefused("the public key has small order: signatures under it prove nothing")
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise KeyRefused("the public key is not a point of the curve")


def public_from_pem(pem: bytes) -> bytes:
    """The raw key in a PEM 'PUBLIC KEY'. KeyRefused for anything else."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as e:
        raise KeyRefused("not a public key in PEM form") from e
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused("not an Ed25519 key")
    public = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    check_public(public)
    return public


def public_to_pem(public: bytes) -> bytes:
    """PEM 'PUBLIC KEY' (SubjectPublicKeyInfo, RFC 8410)."""
    return Ed25519PublicKey.from_public_bytes(public).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


def qr_text(station: str, public: bytes) -> str:
    """What the QR code at the station says: `tram:1:STATION:FINGERPRINT`."""
    return f"tram:1:{station}:{fingerprint(public)}"


def qr_terminal(code: str) -> str:
    """`code` as a QR code in half blocks, for a terminal."""
    import segno  # noqa: PLC0415  (two commands need it; the agent's start does not wait for it)

    drawn = io.StringIO()
    segno.make(code, error="m", micro=False).terminal(out=drawn, compact=True)
    return drawn.getvalue()


class SigningKey:
    """A private key. `public` is its raw public key, `kid` the key id."""

    __slots__ = ("_private", "kid", "public", "sign")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.sign = private.sign
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.kid = kid_of(self.public)

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """The key of a 32-byte seed (RFC 8032); for test vectors."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningKey":
        """The key in an unencrypted PEM 'PRIVATE KEY'. KeyRefused for anything else."""
        try:
            private = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as e:
            raise KeyRefused("not an unencrypted private key in PEM form") from e
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyRefused("not an Ed25519 key")
        return cls(private)

    def to_pem(self) -> bytes:
        """PEM 'PRIVATE KEY' (PKCS #8), unencrypted: the file's permissions protect it."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class KeyRing(Mapping[bytes, bytes]):
    """The public keys that are trusted, by kid. KeyRefused when one of them must not be."""

    def __init__(self, publics: Iterable[bytes]) -> None:
        self._publics: dict[bytes, bytes] = {}
        for public in publics:
            check_public(public)
            self._publics[kid_of(public)] = public
        self._keys = {kid: Ed25519PublicKey.from_public_bytes(raw) for kid, raw in self._publics.items()}

    def __getitem__(self, kid: bytes) -> bytes:
        return self._publics[kid]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._publics)

    def __len__(self) -> int:
        return len(self._publics)

    def verify(self, kid: bytes, signature: bytes, message: bytes) -> None:
        """Nothing when the key `kid` signed `message`; else UnknownKey or BadSignature."""
        key = self._keys.get(kid)
        if key is None:
            raise UnknownKey(f"no trusted key has the id {kid.hex()}")
        try:
            key.verify(signature, message)
        except InvalidSignature:
            raise BadSignature(f"the signature is not by the key {kid.hex()} over these bytes") from None
