"""Heads: read back as they were written; what contradicts itself is refused."""

from dataclasses import replace
from random import Random

import pytest

from telemetry import cbor, ranges
from telemetry.fields import RecordError
from telemetry.head import Head, decode_head
from telemetry.record import ZERO_HASH

pytestmark = pytest.mark.pure

HASH = b"\x07" * 32
HEAD = Head("S1", bytes(16), 20, HASH, 2, ((3, 9), (15, 20)), 99, (2, 12))


@pytest.mark.parametrize("head", [HEAD, Head("S1", bytes(16), 0, ZERO_HASH, 0, (), 99, (0, 0))])
def test_a_head_is_read_back(head: Head) -> None:
    assert decode_head(head.encode()) == head


@pytest.mark.parametrize("seed", range(12))
def test_a_head_never_owes_less_than_it_owes(seed: int) -> None:
    random = Random(seed)
    seqs = random.sample(range(1, 5001), k=random.randint(0, 300))
    owed = ranges.normal((n, n) for n in seqs)
    said = decode_head(replace(HEAD, newest=5000, owed=owed).encode()).owed
    assert len(said) <= 64
    assert not ranges.subtract(owed, said)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (1, 2, "version"),
        (4, 0, "newest"),
        (5, ZERO_HASH, "newest"),
        (6, 21, "beyond newest"),
        (7, [[3, 21]], "beyond newest"),
        (7, [[n, n] for n in range(2, 200, 2)], "99 ranges"),
        (8, -1, "wall"),
        (9, [1], "clock"),
    ],
)
def test_a_head_that_deviates_is_refused(field: int, value: object, why: str) -> None:
    said = cbor.decode(HEAD.encode())
    assert isinstance(said, dict)
    with pytest.raises(RecordError, match=why):
        decode_head(cbor.encode({**said, field: value}))
