"""The writing side of a ledger: each record follows the one before, whatever happens."""

import pytest

from telemetry import cbor
from telemetry.envelope import RECORD, Sealer, hash_of, unseal
from telemetry.keys import KeyRing, SigningKey
from telemetry.ledger import Ledger, Sealed
from telemetry.record import ZERO_HASH, Boot, ClockState, Kind, Moment, decode_record

pytestmark = pytest.mark.pure

KEY = SigningKey.from_seed(bytes(32))
SEALER = Sealer(KEY, RECORD)
MOMENT = Moment(1_763_800_000_000, 5_000, ClockState.SYNCHRONISED, 12)


def seal(ledger: Ledger, body: bytes) -> Sealed:
    return ledger.seal(Kind.EVENT, body, MOMENT, Boot(1, bytes(8)), bytes(8), SEALER)


def test_each_record_names_the_one_before() -> None:
    ledger = Ledger("S1", bytes(16))
    before = ZERO_HASH
    for seq in range(1, 6):
        sealed = seal(ledger, cbor.encode({1: "event"}))
        record = decode_record(unseal(sealed.envelope, RECORD, KeyRing([KEY.public])).payload)
        assert (sealed.seq, record.seq, record.prev) == (seq, seq, before)
        assert sealed.hash == hash_of(sealed.envelope) == ledger.prev
        before = sealed.hash
    assert ledger.next_seq == 6


def test_a_record_that_is_too_large_leaves_the_ledger_where_it_was() -> None:
    ledger = Ledger("S1", bytes(16))
    seal(ledger, b"\x00")
    head = (ledger.next_seq, ledger.prev)
    with pytest.raises(ValueError, match="at most 32768"):
        seal(ledger, cbor.encode("x" * 33_000))
    assert (ledger.next_seq, ledger.prev) == head
    assert seal(ledger, b"\x00").seq == 2
