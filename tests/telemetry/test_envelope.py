"""Envelopes: what was signed is what is read, and nothing else is."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import envelope
from telemetry.envelope import (
    HEAD,
    MAX_ENVELOPE_BYTES,
    RECEIPT,
    RECORD,
    BadSignature,
    Forged,
    Malformed,
    Sealer,
    TooLarge,
    UnknownKey,
    WrongType,
    peek,
    unseal,
)
from telemetry.keys import KeyRing, SigningKey

pytestmark = pytest.mark.pure

KEY = SigningKey.from_seed(bytes(32))
RING = KeyRing([KEY.public])
SEALER = Sealer(KEY, RECORD)


@given(st.binary(max_size=1000))
def test_what_was_sealed_is_unsealed(payload: bytes) -> None:
    sealed = SEALER.seal(payload)
    assert unseal(sealed, RECORD, RING) == (payload, KEY.kid)
    assert peek(sealed, RECORD) == (payload, KEY.kid)


@pytest.mark.parametrize("length", [0, 1, 23, 24, 255, 256, 30_000, 32_639])
def test_payloads_of_every_length_of_length(length: int) -> None:
    payload = bytes(length)
    assert unseal(SEALER.seal(payload), RECORD, RING).payload == payload


def test_an_envelope_is_a_cose_sign1_to_everyone_else() -> None:
    tag = cbor2.loads(SEALER.seal(b"payload"))
    protected, unprotected, payload, signature = tag.value
    assert tag.tag == 18
    assert cbor2.loads(protected) == {1: -19, 4: KEY.kid, 16: "application/tram-record+cbor"}
    assert not unprotected
    assert payload == b"payload"
    KEY._private.public_key().verify(signature, cbor2.dumps(["Signature1", protected, b"", payload]))


def test_a_receipt_is_never_a_record() -> None:
    receipt = Sealer(KEY, RECEIPT).seal(b"payload")
    for other in (RECORD, HEAD):
        with pytest.raises(WrongType, match="tram-receipt"):
            unseal(receipt, other, RING)
    assert unseal(receipt, RECEIPT, RING).payload == b"payload"


def test_a_forgery_names_its_kind() -> None:
    good = SEALER.seal(b"payload")
    with pytest.raises(UnknownKey):
        unseal(good, RECORD, KeyRing([SigningKey.generate().public]))
    with pytest.raises(BadSignature):
        unseal(good.replace(b"payload", b"PAYLOAD"), RECORD, RING)
    assert peek(good.replace(b"payload", b"PAYLOAD"), RECORD).payload == b"PAYLOAD"
    with pytest.raises(Malformed, match="tag 18"):
        unseal(good[1:], RECORD, RING)
    with pytest.raises(Malformed, match="64 bytes"):
        peek(good[:-1], RECORD)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(Forged):
        unseal(noise, RECORD, RING)


@given(st.data())
def test_damage_anywhere_is_refused(data: st.DataObject) -> None:
    damaged = bytearray(SEALER.seal(b"a payload of some bytes"))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Forged):
        unseal(bytes(damaged), RECORD, RING)


def test_nothing_over_32_kib_is_signed_or_read() -> None:
    most = MAX_ENVELOPE_BYTES - len(SEALER.seal(bytes(300))) + 300
    assert len(SEALER.seal(bytes(most))) == MAX_ENVELOPE_BYTES
    with pytest.raises(ValueError, match="32769 bytes"):
        SEALER.seal(bytes(most + 1))
    with pytest.raises(TooLarge):
        unseal(bytes(MAX_ENVELOPE_BYTES + 1), RECORD, RING)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"\xd2\x84", "protected header is not a byte string"),
        (b"\xd2\x84\x00", "protected header is not a byte string"),
        (b"\xd2\x84\x60", "protected header is not a byte string"),
        (b"\xd2\x84\x5f", "protected header is not a byte string"),
        (b"\xd2\x84\x5a\x00\x00\x00\x01a", "protected header is not a byte string"),
        (b"\xd2\x84\x58\x05abcde", "shortest form"),
        (b"\xd2\x84\x59\x00\x05abcde", "shortest form"),
        (b"\xd2\x84\x58\x50abc", "ends inside the protected header"),
        (b"\xd2\x84\x43abc", "protected header"),
        (b"\xd2\x84\x41\xa0", "exactly Ed25519"),
        (b"\xd2\x84\x41\x80", "exactly Ed25519"),
    ],
)
def test_a_broken_shape_is_said(broken: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        peek(broken, RECORD)


def test_the_hash_is_over_the_whole_envelope() -> None:
    good = SEALER.seal(b"payload")
    assert envelope.hash_of(good) != envelope.hash_of(good[:-1])
    assert envelope.hash_of(b"").hex().startswith("e3b0c442")
