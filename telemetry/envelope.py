"""The signed envelope: COSE_Sign1 (RFC 9052) with one fixed header, built and taken apart by hand.

    Forged            a verifier refuses the bytes; each kind says why
      TooLarge        more than 32 KiB
      Malformed       not the one shape that docs/wire.md allows
      WrongType       another typ: a receipt is never a record
      UnknownKey      signed by a key that is not trusted
      BadSignature    not signed by the key it names

The bytes that were signed are kept and verified as they are; nothing here encodes anew.
"""

import hashlib
from typing import NamedTuple

from telemetry import cbor, keys
from telemetry.keys import KeyRing, SigningKey

RECORD = "application/tram-record+cbor"
RECEIPT = "application/tram-receipt+cbor"
HEAD = "application/tram-head+cbor"

MAX_ENVELOPE_BYTES = 32 * 1024

_CONTEXT = b"\x84\x6aSignature1"  # Sig_structure: ["Signature1", protected, h'', payload]
_TAG_AND_ARRAY = b"\xd2\x84"  # tag 18, array of 4
_ALG_AND_KID = b"\xa3\x01\x32\x04\x48"  # {1: -19 (Ed25519, RFC 9864), 4: 8 bytes
_NOTHING = b"\xa0"  # the unprotected header: {}
_SIGNATURE_HEAD = b"\x58\x40"  # byte string of 64


class Forged(Exception):
    """Not an envelope that may be believed. The message says why."""


class TooLarge(Forged):
    """More than MAX_ENVELOPE_BYTES."""


class Malformed(Forged):
    """Not the shape of an envelope."""


class WrongType(Forged):
    """An envelope of another type than the one asked for."""


class UnknownKey(Forged):
    """Signed by a key that is not on the ring."""


class BadSignature(Forged):
    """The signature does not fit the key and the bytes."""


class Unsealed(NamedTuple):
    """What an envelope carries, and the id of the key it names."""

    payload: bytes
    kid: bytes


def hash_of(envelope: bytes) -> bytes:
    """SHA-256 of the whole envelope: what the next record's `prev` says."""
    return hashlib.sha256(envelope).digest()


class Sealer:
    """Signs payloads of one type with one key."""

    def __init__(self, key: SigningKey, typ: str) -> None:
        protected = cbor.encode_bytes(_ALG_AND_KID + key.kid + _type_field(typ))
        self._sign = key.sign
        self._signed_prefix = _CONTEXT + protected + b"\x40"
        self._prefix = _TAG_AND_ARRAY + protected + _NOTHING

    def seal(self, payload: bytes) -> bytes:
        """The envelope around `payload`. ValueError when it would be larger than 32 KiB."""
        carried = cbor.encode_bytes(payload)
        envelope = self._prefix + carried + _SIGNATURE_HEAD + self._sign(self._signed_prefix + carried)
        if len(envelope) > MAX_ENVELOPE_BYTES:
            raise ValueError(
                f"an envelope of {len(envelope)} bytes; at most {MAX_ENVELOPE_BYTES} may be signed"
            )
        return envelope


def unseal(data: bytes, typ: str, ring: KeyRing) -> Unsealed:
    """The payload of an envelope that a trusted key signed. Forged otherwise."""
    protected, kid, carried, signature = _take_apart(data, typ)
    try:
        ring.verify(kid, signature, _CONTEXT + protected + b"\x40" + carried)
    except keys.UnknownKey as e:
        raise UnknownKey(str(e)) from None
    except keys.BadSignature as e:
        raise BadSignature(str(e)) from None
    return Unsealed(_contents(carried), kid)


def peek(data: bytes, typ: str) -> Unsealed:
    """The payload of an envelope of the right shape. The signature is NOT checked: believe nothing in it."""
    _, kid, carried, _ = _take_apart(data, typ)
    return Unsealed(_contents(carried), kid)


def _type_field(typ: str) -> bytes:
    return b"\x10" + cbor.encode_text(typ)


def _take_apart(data: bytes, typ: str) -> tuple[bytes, bytes, bytes, bytes]:
    """The protected header as carried, the kid, the payload as carried, the signature."""
    if len(data) > MAX_ENVELOPE_BYTES:
        raise TooLarge(f"{len(data)} bytes; at most {MAX_ENVELOPE_BYTES} are read")
    if data[:2] != _TAG_AND_ARRAY:
        raise Malformed("does not begin with tag 18 and an array of 4")
    header_end = _end_of_bytes(data, 2, "protected header")
    protected = data[2:header_end]
    kid = _kid_in(_contents(protected), typ)
    if data[header_end : header_end + 1] != _NOTHING:
        raise Malformed("the unprotected header is not empty")
    payload_end = _end_of_bytes(data, header_end + 1, "payload")
    tail = data[payload_end:]
    if len(tail) != 66 or tail[:2] != _SIGNATURE_HEAD:
        raise Malformed("does not end with a signature of 64 bytes")
    return protected, kid, data[header_end + 1 : payload_end], tail[2:]


def _kid_in(header: bytes, typ: str) -> bytes:
    if header[:5] == _ALG_AND_KID and header[13:] == _type_field(typ):
        return header[5:13]
    try:
        said = cbor.decode(header)
    except cbor.CborError as e:
        raise Malformed(f"the protected header: {e}") from None
    if isinstance(said, dict) and isinstance(said.get(16), str) and said[16] != typ:
        raise WrongType(f"the type is {said[16]!r}, not {typ!r}")
    raise Malformed(
        "the protected header does not hold exactly Ed25519 (-19), a key id of 8 bytes and the type"
    )


_LENGTH_BYTES = {0x58: 1, 0x59: 2}
_SHORTEST = {1: 24, 2: 256}


def _end_of_bytes(data: bytes, at: int, what: str) -> int:
    """Where the byte string at `at` ends, its length in the shortest form."""
    start = at + 1
    length = data[at] - 0x40 if at < len(data) else -1
    if not 0 <= length < 24:
        width = _LENGTH_BYTES.get(length + 0x40)
        if width is None:
            raise Malformed(f"the {what} is not a byte string")
        length = int.from_bytes(data[start : start + width], "big")
        start += width
        if length < _SHORTEST[width]:
            raise Malformed(f"the length of the {what} is not in its shortest form")
    if start + length > len(data):
        raise Malformed(f"ends inside the {what}")
    return start + length


def _contents(carried: bytes) -> bytes:
    """A byte string without its length."""
    return carried[1 + _LENGTH_BYTES.get(carried[0], 0) :]
