"""Every type in every order, against bytes worked out by hand or by the manuals."""

import math
import struct
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.modbus import REGISTERS, ByteOrder, DataType, Point, decode, decoder, encode

pytestmark = pytest.mark.pure

ORDERS: tuple[ByteOrder, ...] = get_args(ByteOrder)


def point(kind: DataType, order: ByteOrder = "ABCD", **more: Any) -> Point:
    return Point(
        "c", "holding", 0, kind, order, more.pop("count", REGISTERS.get(kind, 1)), more.pop("bit", None)
    )


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", [0x40FB, 0x3333]),  # E+H Liquiline: 40 fb 33 33 is 7.85 (SD01189C)
        ("CDAB", [0x3333, 0x40FB]),  # SICK MCS100E: low word first (manual p. 127)
        ("BADC", [0xFB40, 0x3333]),
        ("DCBA", [0x3333, 0xFB40]),
    ],
)
def test_the_ph_of_the_manual_reads_the_same_in_all_four_orders(order: ByteOrder, words: list[int]) -> None:
    value = decode(point("float32", order), words)
    assert value == struct.unpack(">f", bytes.fromhex("40fb3333"))[0]
    assert encode(point("float32", order), value) == words


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", [0x0102, 0x0304, 0x0506, 0x0708]),
        ("CDAB", [0x0708, 0x0506, 0x0304, 0x0102]),
        ("BADC", [0x0201, 0x0403, 0x0605, 0x0807]),
        ("DCBA", [0x0807, 0x0605, 0x0403, 0x0201]),
    ],
)
def test_64_bits_follow_the_same_rule_word_by_word(order: ByteOrder, words: list[int]) -> None:
    assert decode(point("uint64", order), words) == 0x0102030405060708
    assert encode(point("uint64", order), 0x0102030405060708) == words


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("int16", [0xFFFE], -2),
        ("uint16", [0xFFFE], 65534),
        ("int32", [0xFFFF, 0xFFFE], -2),
        ("uint32", [0x0001, 0x0000], 65536),
        ("int64", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], -2),
        ("float64", [0x3FF8, 0, 0, 0], 1.5),
        ("bcd16", [0x1234], 1234),
        ("bcd32", [0x0012, 0x3456], 123456),
    ],
)
def test_each_number_type(kind: DataType, words: list[int], value: float) -> None:
    decoded = decode(point(kind), words)
    assert decoded == value
    assert type(decoded) is type(value)
    assert encode(point(kind), value) == words


def test_a_16_bit_value_knows_only_the_swap_of_its_bytes() -> None:
    assert [decode(point("uint16", order), [0x1234]) for order in ORDERS] == [0x1234, 0x1234, 0x3412, 0x3412]


@pytest.mark.parametrize("words", [[0x7FA0, 0], [0x7FC0, 0], [0x7F80, 0], [0xFF80, 0]])
def test_nan_and_infinity_are_no_value(words: list[int]) -> None:
    assert decode(point("float32"), words) is None  # 7FA00000 is what Liquiline sends


def test_a_bcd_digit_above_nine_is_no_value() -> None:
    assert decode(point("bcd16"), [0x12A4]) is None


def test_no_value_is_encoded_as_nan_and_only_floats_have_it() -> None:
    assert math.isnan(struct.unpack(">f", struct.pack(">HH", *encode(point("float32"), None)))[0])
    with pytest.raises(ValueError, match="None is not a value of type int16"):
        encode(point("int16"), None)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int16", 40000),
        ("uint16", -1),
        ("bcd16", 10000),
        ("bcd32", -1),
        ("float32", 1e40),
        ("uint32", 1 << 32),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: DataType, value: float) -> None:
    with pytest.raises(ValueError, match="fit"):
        encode(point(kind), value)


def test_a_bit_of_a_register_counts_from_the_least_significant() -> None:
    assert [decode(point("bit", bit=n), [0b1000_0000_0000_0101]) for n in (0, 1, 2, 15)] == [1, 0, 1, 1]
    assert decode(point("bit", "BADC", bit=0), [0x0100]) == 1
    assert encode(point("bit", bit=3), 1) == [8]
    assert encode(point("bit", "DCBA", bit=3), 1) == [0x0800]


def test_a_coil_is_its_own_bit() -> None:
    coil = Point("pump", "coil", 16, "bit")
    assert decode(coil, [1]) == 1
    assert encode(coil, 1) == [1]
    assert encode(coil, 0) == [0]


def test_a_serial_number_is_read_as_text_up_to_the_first_nul() -> None:
    tag = point("string", count=4)
    assert decode(tag, [0x4341, 0x3820, 0x3000, 0x5858]) == "CA8 0"
    assert decode(point("string", "BADC", count=2), [0x4143, 0x3038]) == "CA80"
    assert encode(tag, "CA80") == [0x4341, 0x3830, 0, 0]
    with pytest.raises(ValueError, match="needs 9 bytes"):
        encode(tag, "too long!")


def test_old_instruments_write_latin_1() -> None:
    assert decode(point("string", count=2), [0x6DB0, 0x4300]) == "m°C"
    assert decode(point("string", count=2), [0xC2B0, 0x4300]) == "°C"


def test_the_words_of_a_text_keep_their_places_in_every_order() -> None:
    assert decode(point("string", "CDAB", count=2), [0x4341, 0x3830]) == "CA80"


def test_a_decoder_finds_its_value_inside_a_block() -> None:
    block = (9, 9, 0x3333, 0x40FB, 9)
    assert decoder(point("float32", "CDAB"), 2)(block) == pytest.approx(7.85)
    assert decoder(point("uint16"), 4)(block) == 9
    assert decoder(point("bit", bit=0), 4)(block) == 1


NUMBERS = {
    "int16": st.integers(-(2**15), 2**15 - 1),
    "uint16": st.integers(0, 2**16 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "bcd16": st.integers(0, 9999),
    "bcd32": st.integers(0, 99999999),
}


@given(st.data())
def test_what_is_encoded_is_decoded(data: st.DataObject) -> None:
    kind: Any = data.draw(st.sampled_from(sorted(NUMBERS)))
    at = point(kind, data.draw(st.sampled_from(ORDERS)))
    value = data.draw(NUMBERS[kind])
    assert decode(at, encode(at, value)) == value
