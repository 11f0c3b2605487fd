"""Keys: what a person compares, and what must never be trusted."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from telemetry import keys
from telemetry.keys import BadSignature, KeyRefused, KeyRing, SigningKey, UnknownKey

pytestmark = pytest.mark.pure

KEY = SigningKey.from_seed(bytes(range(32)))
P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def test_the_kid_is_the_first_eight_bytes_of_the_hash_of_the_key() -> None:
    assert KEY.public.hex() == "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    assert KEY.kid == keys.kid_of(KEY.public)
    assert KEY.kid.hex() == "56475aa75463474c"


def test_a_fingerprint_can_be_typed_in_any_way() -> None:
    shown = keys.fingerprint(KEY.public)
    groups = shown.split("-")
    assert len(groups) == 8
    assert {len(group) for group in groups} == {4}
    assert shown == shown.lower()
    for typed in (shown, shown.upper(), shown.replace("-", ""), shown.replace("-", " "), f"  {shown}\n"):
        assert keys.same_fingerprint(typed, KEY.public)
    assert not keys.same_fingerprint(shown[:-1], KEY.public)
    assert not keys.same_fingerprint("", KEY.public)
    assert not keys.same_fingerprint(shown, SigningKey.generate().public)


def test_the_qr_code_says_station_and_fingerprint() -> None:
    said = keys.qr_text("BD_VSIP_NUO001", KEY.public)
    assert said == f"tram:1:BD_VSIP_NUO001:{keys.fingerprint(KEY.public)}"
    drawn = keys.qr_terminal(said)
    assert "█" in drawn
    assert max(len(line) for line in drawn.splitlines()) < 80


def test_a_signature_is_by_one_key_over_one_message() -> None:
    ring = KeyRing([KEY.public])
    signature = KEY.sign(b"reading")
    ring.verify(KEY.kid, signature, b"reading")
    with pytest.raises(BadSignature, match=KEY.kid.hex()):
        ring.verify(KEY.kid, signature, b"writing")
    with pytest.raises(BadSignature):
        ring.verify(KEY.kid, signature[:63], b"reading")
    with pytest.raises(UnknownKey, match="0000000000000000"):
        ring.verify(bytes(8), signature, b"reading")


def test_a_ring_is_a_mapping_from_kid_to_key() -> None:
    other = SigningKey.generate()
    ring = KeyRing([KEY.public, other.public, KEY.public])
    assert dict(ring) == {KEY.kid: KEY.public, other.kid: other.public}
    assert len(ring) == 2
    assert ring[other.kid] == other.public
    assert not KeyRing([])


def test_keys_travel_as_pem() -> None:
    assert SigningKey.from_pem(KEY.to_pem()).public == KEY.public
    assert keys.public_from_pem(keys.public_to_pem(KEY.public)) == KEY.public


def test_other_pem_is_refused_in_words() -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    encrypted = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    for pem in (b"", b"nonsense", keys.public_to_pem(KEY.public), encrypted):
        with pytest.raises(KeyRefused, match="unencrypted private key"):
            SigningKey.from_pem(pem)
    with pytest.raises(KeyRefused, match="not an Ed25519 key"):
        SigningKey.from_pem(elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for pem in (b"", b"nonsense", KEY.to_pem()):
        with pytest.raises(KeyRefused, match="not a public key"):
            keys.public_from_pem(pem)
    with pytest.raises(KeyRefused, match="not an Ed25519 key"):
        keys.public_from_pem(
            elliptic.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
    with pytest.raises(KeyRefused, match="small order"):
        keys.public_from_pem(keys.public_to_pem(b"\x01" + bytes(31)))


def add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Addition on the curve, from RFC 8032 section 5.1, to check the table of small-order points."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def point(y: int) -> tuple[int, int]:
    """A point with this y."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    if root * root % P != square:
        root = root * pow(2, (P - 1) // 4, P) % P
    assert root * root % P == square
    return root, y


def test_the_table_of_small_orders_is_complete() -> None:
    """Eight points p have 8p = 0; (x, y) and (-x, y) share a y, so five y are all of them."""
    points = set()
    for y in keys._SMALL_ORDER:
        x, _ = p = point(y)
        points |= {(x, y), (-x % P, y)}
        for _ in range(3):
            p = add(p, p)
        assert p == (0, 1)
    assert len(points) == 8


def test_a_key_of_small_order_signs_everything_and_is_therefore_refused() -> None:
    with pytest.raises(KeyRefused, match="small order"):
        KeyRing([b"\x01" + bytes(31)])
    with pytest.raises(KeyRefused, match="canonical"):
        keys.check_public((P + 1).to_bytes(32, "little"))
    with pytest.raises(KeyRefused, match="not a point"):
        keys.check_public((2).to_bytes(32, "little"))
    with pytest.raises(KeyRefused, match="32 bytes, this one 31"):
        keys.check_public(KEY.public[1:])
    for _ in range(20):
        keys.check_public(SigningKey.generate().public)
