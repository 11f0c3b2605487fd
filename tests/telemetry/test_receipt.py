"""Receipts: read back as they were written; what contradicts itself is refused."""

from dataclasses import replace

import pytest

from telemetry import cbor
from telemetry.fields import RecordError
from telemetry.receipt import Receipt, ReceiptStatus, decode_receipt
from telemetry.record import ZERO_HASH

pytestmark = pytest.mark.pure

HASH = b"\x07" * 32
RECEIPT = Receipt("S1", bytes(16), 5, HASH, ((7, 9, HASH), (11, 11, HASH)), bytes(16), 3, 4, ReceiptStatus.OK)


@pytest.mark.parametrize(
    "receipt",
    [
        RECEIPT,
        replace(RECEIPT, through=0, through_hash=ZERO_HASH, ranges=()),
        replace(RECEIPT, status=ReceiptStatus.FORK),
        replace(RECEIPT, status=9),
        replace(RECEIPT, ranges=tuple((7 + 2 * n, 7 + 2 * n, HASH) for n in range(64))),
    ],
)
def test_a_receipt_is_read_back(receipt: Receipt) -> None:
    assert decode_receipt(receipt.encode()) == receipt
    assert cbor.encode(cbor.decode(receipt.encode())) == receipt.encode()


def test_a_receipt_with_too_many_ranges_is_not_made() -> None:
    many = tuple((7 + 2 * n, 7 + 2 * n, HASH) for n in range(65))
    with pytest.raises(ValueError, match="65 ranges"):
        replace(RECEIPT, ranges=many).encode()


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (1, 2, "version"),
        (2, "", "station"),
        (3, b"", "ledger"),
        (4, 0, "through"),
        (5, ZERO_HASH, "through"),
        (6, [[7, 9]], "array of 3"),
        (6, [[7, 9, b""]], "hash of a range"),
        (6, [[5, 9, HASH]], "beyond through"),
        (6, [[9, 7, HASH]], "out of order"),
        (6, [[7, 9, HASH], [9, 10, HASH]], "out of order"),
        (7, b"", "store id"),
        (8, -1, "number"),
        (9, None, "wall"),
        (10, "ok", "status"),
        (11, 0, "fields"),
    ],
)
def test_a_receipt_that_deviates_is_refused(field: int, value: object, why: str) -> None:
    said = cbor.decode(RECEIPT.encode())
    assert isinstance(said, dict)
    with pytest.raises(RecordError, match=why):
        decode_receipt(cbor.encode({**said, field: value}))
