"""Records: twelve fields, each checked, and kinds of later versions let through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import cbor
from telemetry.fields import LARGEST_UINT
from telemetry.record import (
    ZERO_HASH,
    Boot,
    ClockState,
    Kind,
    Moment,
    Record,
    RecordError,
    decode_record,
    encode_record,
)

pytestmark = pytest.mark.pure

uints = st.integers(0, LARGEST_UINT)
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", fullmatch=True)


def fixed(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


records = st.builds(
    Record,
    station=ids,
    ledger=fixed(16),
    seq=st.integers(2, LARGEST_UINT),
    prev=fixed(32).filter(lambda prev: prev != ZERO_HASH),
    kind=uints,
    boot=st.builds(Boot, uints, fixed(8)),
    moment=st.builds(Moment, uints, uints, st.integers(0, 9), uints),
    configuration=fixed(8),
    body=st.none() | st.integers(0, 9) | st.lists(st.text(max_size=5), max_size=3),
)


def encoded(record: Record) -> bytes:
    return encode_record(
        record.station,
        record.ledger,
        record.seq,
        record.prev,
        record.kind,
        record.boot,
        record.moment,
        record.configuration,
        cbor.encode(record.body),
    )


FIRST = Record(
    "S1",
    bytes(16),
    1,
    ZERO_HASH,
    Kind.READINGS,
    Boot(1, bytes(8)),
    Moment(1, 2, ClockState.HOLDOVER, 3),
    bytes(8),
    7,
)


@given(records)
def test_what_is_encoded_is_read_back(record: Record) -> None:
    assert decode_record(encoded(record)) == record


@given(records)
def test_the_hot_path_encodes_as_the_general_encoder_does(record: Record) -> None:
    payload = encoded(record)
    assert cbor.encode(cbor.decode(payload)) == payload


def test_the_clock_state_is_named_when_it_is_known() -> None:
    assert decode_record(encoded(FIRST)).moment.clock is ClockState.HOLDOVER
    later = encoded(FIRST).replace(b"\x0a\x82\x03\x03", b"\x0a\x82\x09\x03")
    assert decode_record(later).moment.clock == 9


def changed(field: int, value: object) -> bytes:
    said = cbor.decode(encoded(FIRST))
    assert isinstance(said, dict)
    return cbor.encode({**said, field: value})


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (1, 2, r"version \(1\) is 2"),
        (1, "1", r"version \(1\)"),
        (2, "", r"station \(2\)"),
        (2, "x" * 33, r"station \(2\)"),
        (2, ".hidden", r"station \(2\)"),
        (2, "a/b", r"station \(2\)"),
        (2, "trạm", r"station \(2\)"),
        (2, 5, r"station \(2\)"),
        (3, bytes(15), r"ledger \(3\)"),
        (4, 0, r"seq \(4\)"),
        (4, 2, r"seq \(4\)"),
        (4, -1, r"seq \(4\)"),
        (4, True, r"seq \(4\)"),
        (4, LARGEST_UINT + 1, r"seq \(4\)"),
        (5, bytes(31), r"prev \(5\)"),
        (5, b"\x01" * 32, r"seq \(4\)"),
        (6, None, r"kind \(6\)"),
        (7, [1], r"boot \(7\)"),
        (7, [1, bytes(7)], r"boot id \(7\)"),
        (7, [-1, bytes(8)], r"boot counter \(7\)"),
        (8, 1.5, r"wall \(8\)"),
        (9, -1, r"mono \(9\)"),
        (10, [1, 2, 3], r"clock \(10\)"),
        (10, 2, r"clock \(10\)"),
        (11, "x", r"configuration \(11\)"),
        (13, 0, "the record has the fields"),
    ],
)
def test_a_field_that_deviates_is_named(field: int, value: object, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        decode_record(changed(field, value))


@pytest.mark.parametrize("payload", [b"", b"\x80", b"\xa0", b"\xff", b"\x00\x00"])
def test_what_is_no_record_is_refused(payload: bytes) -> None:
    with pytest.raises(RecordError, match="the record"):
        decode_record(payload)
