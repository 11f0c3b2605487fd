"""Deterministic CBOR: one value, one encoding, and nothing else is read."""

import math
import struct

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import cbor

pytestmark = pytest.mark.pure

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.binary(max_size=300)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.integers(-(2**32), 2**32) | st.text(max_size=30), inner, max_size=5)
    ),
    max_leaves=20,
)


def same(one: object, other: object) -> bool:
    """Equal, with the same types and the sign of zero."""
    return repr(one) == repr(other) if isinstance(one, float) else type(one) is type(other) and one == other


@given(values)
def test_what_is_encoded_is_read_back(value: object) -> None:
    encoded = cbor.encode(value)
    assert cbor.decode(encoded, max_depth=50) == value
    assert list(cbor.sequence(encoded * 2)) == [encoded] * 2


@given(values)
def test_another_implementation_reads_the_same_value(value: object) -> None:
    assert cbor2.loads(cbor.encode(value)) == value


@given(scalars)
def test_a_scalar_keeps_its_type_and_sign(value: object) -> None:
    assert same(cbor.decode(cbor.encode(value)), value)


@given(st.binary(max_size=60))
def test_bytes_are_refused_or_are_the_one_encoding_of_their_value(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except cbor.CborError:
        return
    assert cbor.encode(value) == data


@given(values, st.data())
def test_damage_is_refused_or_is_another_value(value: object, data: st.DataObject) -> None:
    encoded = bytearray(cbor.encode(value))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert cbor.encode(cbor.decode(bytes(encoded), max_depth=50)) == encoded
    except cbor.CborError:
        return


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65_536, "1a00010000"),
        (2**32, "1b0000000100000000"),
        (2**64 - 1, "1bffffffffffffffff"),
        (-1, "20"),
        (-24, "37"),
        (-25, "3818"),
        (-(2**64), "3bffffffffffffffff"),
        (0.0, "fa00000000"),
        (-0.0, "fa80000000"),
        (1.5, "fa3fc00000"),
        (1.1, "fb3ff199999999999a"),
        (3.4028234663852886e38, "fa7f7fffff"),
        (1e300, "fb7e37e43c8800759c"),
        (5e-324, "fb0000000000000001"),
        (False, "f4"),
        (True, "f5"),
        (None, "f6"),
        ("Trạm", "665472e1baa16d"),
        (b"\x01", "4101"),
        ((1, 2), "820102"),
        ({}, "a0"),
    ],
)
def test_the_encodings_of_rfc_8949_without_half_floats(value: object, encoded: str) -> None:
    assert cbor.encode(value).hex() == encoded
    assert cbor.encode(cbor.decode(bytes.fromhex(encoded))).hex() == encoded


def test_map_keys_are_in_the_bytewise_order_of_their_encoding() -> None:
    table = {"q_": 1, 24: 2, -1: 3, 10: 4, "a": 5, 0: 6, 256: 7}
    assert list(cbor.decode(cbor.encode(table))) == [0, 10, 24, 256, -1, "a", "q_"]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 2**64, -(2**64) - 1, {1.5: 0}, {True: 0}, {None: 0}, {1}, "\ud800"],
)
def test_a_value_without_a_place_is_not_encoded(value: object) -> None:
    with pytest.raises(ValueError, match=r"no encoding|fit in 64|no place|map key|surrogates"):
        cbor.encode(value)


def test_a_negative_number_is_no_uint() -> None:
    assert cbor.encode_uint(7) == b"\x07"
    with pytest.raises(ValueError, match="negative"):
        cbor.encode_uint(-1)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "ends in the middle"),
        ("18", "ends in the middle"),
        ("19ff", "ends in the middle"),
        ("62 61", "ends in the middle"),
        ("42 61", "ends in the middle"),
        ("fa 00", "ends in the middle"),
        ("fb 00", "ends in the middle"),
        ("82 01", "ends in the middle"),
        ("a1 01", "ends in the middle"),
        ("00 00", "after the end"),
        ("18 17", "shortest form"),
        ("19 00ff", "shortest form"),
        ("1a 0000ffff", "shortest form"),
        ("1b 00000000ffffffff", "shortest form"),
        ("38 17", "shortest form"),
        ("58 01 00", "shortest form"),
        ("a2 01 02 01 03", "twice or out of order"),
        ("a2 02 00 01 00", "twice or out of order"),
        ("a2 61 62 00 61 61 00", "twice or out of order"),
        ("a1 f4 00", "neither integer nor text"),
        ("a1 80 00", "neither integer nor text"),
        ("5f 41 00 ff", "indefinite"),
        ("9f ff", "indefinite"),
        ("bf ff", "indefinite"),
        ("ff", "indefinite"),
        ("1c", "reserved"),
        ("c1 00", "a tag"),
        ("d8 12 00", "a tag"),
        ("f7", "simple value"),
        ("e0", "simple value"),
        ("f8 20", "simple value"),
        ("f9 3c00", "half float"),
        ("fa 7fc00000", "not a number"),
        ("fa 7f800000", "not a number"),
        ("fa ff800000", "not a number"),
        ("fb 7ff8000000000000", "not a number"),
        ("fb fff0000000000000", "not a number"),
        ("fb 3ff8000000000000", "fits in 32 bits"),
        ("61 ff", "not UTF-8"),
        ("63 eda080", "not UTF-8"),
        ("9b ffffffffffffffff", "ends in the middle"),
        ("5b ffffffffffffffff", "ends in the middle"),
    ],
)
def test_what_is_outside_the_profile_is_refused_and_said(data: str, why: str) -> None:
    with pytest.raises(cbor.CborError, match=why):
        cbor.decode(bytes.fromhex(data))


def test_eight_deep_is_read_and_nine_is_not() -> None:
    assert cbor.decode(b"\x81" * 8 + b"\x00") == [[[[[[[[0]]]]]]]]
    with pytest.raises(cbor.CborError, match="too deeply"):
        cbor.decode(b"\x81" * 9 + b"\x00")
    with pytest.raises(cbor.CborError, match="too deeply"):
        cbor.decode(b"\xa1\x00" * 9 + b"\x00")
    with pytest.raises(cbor.CborError, match="too deeply"):
        list(cbor.sequence(b"\x81" * 4000))


def test_a_sequence_gives_the_exact_bytes_of_each_item() -> None:
    items = [
        b"\xd2\x84\x41a\xa0\x42bc\x40",
        b"\x00",
        b"\xa1\x01\x82\x01\x02",
        struct.pack(">Bd", 0xFB, 1.1),
        b"\xf9\x3c\x00",
    ]
    assert list(cbor.sequence(b"".join(items))) == items
    assert list(cbor.sequence(b"")) == []


@pytest.mark.parametrize("tail", ["82 00", "58", "42 00", "d2", "fa 00", "9f 00 ff", "fc", "18 00"])
def test_a_damaged_sequence_gives_what_came_before_the_damage(tail: str) -> None:
    items = cbor.sequence(b"\x01\x02" + bytes.fromhex(tail))
    assert [next(items), next(items)] == [b"\x01", b"\x02"]
    with pytest.raises(cbor.CborError):
        next(items)
