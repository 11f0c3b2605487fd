"""The register bank."""

import math
import struct
from decimal import Decimal
from itertools import pairwise

import pytest

from drivers.protocols.modbus import Point
from sim.instrument import Instrument, Quantity, Refusal
from sim.moment import Moment
from sim.signals import Constant, Counter
from tests.sim.bench import NOON, ph_meter, ticking

pytestmark = pytest.mark.pure


def test_a_float_stands_in_two_registers_and_is_written_down_as_read() -> None:
    shown = ph_meter().read("holding", 0, 3, NOON)
    assert shown.words == (*struct.unpack(">HH", struct.pack(">f", 7.5)), 284)
    assert shown.values == {"pH": 7.5, "temperature": 28.4}


def test_scaling_is_decimal_and_not_binary() -> None:
    quantity = Quantity(Point("x", "holding", 0, "uint16"), Constant(7.1), Decimal("0.1"))
    assert quantity.words(0, 0) == (71,)
    assert quantity.read_back((71,)) == 7.1


def test_half_a_value_is_no_value() -> None:
    shown = ph_meter().read("holding", 1, 2, NOON)
    assert len(shown.words) == 2
    assert shown.values == {"temperature": 28.4}


def test_a_counter_of_two_registers_is_never_half_old() -> None:
    """65,535 becomes 65,536 between two requests: both words change in one request or not at all."""
    now, move = ticking()
    instrument = Instrument("c", (Quantity(Point("n", "input", 0, "uint32", "ABCD", 2), Counter(65_535.0)),))
    instrument.read("input", 0, 2, now())
    seen = []
    for _ in range(40):
        move(0.05)
        high, low = instrument.read("input", 0, 2, now()).words
        seen.append(high << 16 | low)
    assert seen == sorted(seen)
    assert max(b - a for a, b in pairwise(seen)) < 4000


@pytest.mark.parametrize(("address", "count"), [(3, 1), (2, 2), (9, 1), (12, 1), (65_000, 1)])
def test_a_register_that_does_not_exist_is_refused_with_exception_2(address: int, count: int) -> None:
    with pytest.raises(Refusal) as caught:
        ph_meter().read("holding", address, count, NOON)
    assert caught.value.code == 2


def test_an_instrument_may_let_its_gaps_be_read() -> None:
    instrument = ph_meter()
    instrument.gaps_read_zero = True
    assert instrument.read("holding", 3, 7, NOON).words == (0,) * 7
    for table, address in (("holding", 101), ("input", 0)):
        with pytest.raises(Refusal):
            instrument.read(table, address, 1, NOON)  # type: ignore[arg-type]


def test_a_value_set_by_hand_stays_until_it_is_released() -> None:
    instrument = ph_meter()
    instrument.set("pH", 3.25)
    assert instrument.read("holding", 0, 2, NOON).values == {"pH": 3.25}
    instrument.release("pH")
    assert instrument.read("holding", 0, 2, NOON).values == {"pH": 7.5}
    with pytest.raises(KeyError, match="no channel"):
        instrument.set("cod", 1)


def test_a_reboot_is_silence_and_then_counters_from_zero() -> None:
    now, move = ticking()
    instrument = ph_meter()
    instrument.read("holding", 10, 2, now())
    move(100)
    assert instrument.read("holding", 10, 2, now()).values == {"total": 1000}
    instrument.reboot(now(), silent_s=3)
    assert instrument.is_silent(now())
    move(3)
    assert not instrument.is_silent(now())
    move(2)
    assert instrument.read("holding", 10, 2, now()).values == {"total": 20}


def test_only_what_is_writable_can_be_written() -> None:
    instrument = ph_meter()
    instrument.write("holding", 100, (42,))
    instrument.write("coil", 0, (1,))
    assert instrument.read("holding", 100, 1, NOON).words == (42,)
    assert instrument.read("coil", 0, 1, NOON).words == (1,)
    with pytest.raises(Refusal) as caught:
        instrument.write("holding", 100, (1, 2))
    assert caught.value.code == 2
    assert instrument.read("holding", 100, 1, NOON).words == (42,)


def test_a_broken_instrument_refuses_with_exception_4() -> None:
    instrument = ph_meter()
    instrument.broken = True
    with pytest.raises(Refusal) as caught:
        instrument.read("holding", 0, 1, NOON)
    assert caught.value.code == 4
    with pytest.raises(Refusal):
        instrument.write("coil", 0, (1,))


def test_two_bits_share_one_register() -> None:
    bits = (
        Quantity(Point("door", "holding", 5, "bit", "ABCD", 1, 0), Constant(1)),
        Quantity(Point("power", "holding", 5, "bit", "ABCD", 1, 9), Constant(1)),
        Quantity(Point("pump", "holding", 5, "bit", "ABCD", 1, 3), Constant(0)),
    )
    shown = Instrument("io", bits).read("holding", 5, 1, NOON)
    assert shown.words == (0x0201,)
    assert shown.values == {"door": 1, "power": 1, "pump": 0}


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [("uint16", -5.0, 0), ("uint16", 1e9, 65_535), ("int16", -40_000, -32_768), ("bcd16", 123_456, 9999)],
)
def test_a_value_beyond_its_register_is_clipped_as_real_converters_do(
    kind: str, value: float, read: int
) -> None:
    quantity = Quantity(Point("x", "input", 0, kind), Constant(value))  # type: ignore[arg-type]
    assert quantity.read_back(quantity.words(0, 0)) == read


def test_no_value_is_nan_in_a_float_and_zero_in_an_integer() -> None:
    nothing = Constant(math.nan)
    assert Quantity(Point("x", "input", 0, "float32", "ABCD", 2), nothing).read_back((0x7FA0, 0)) is None
    as_float = Quantity(Point("x", "input", 0, "float32", "ABCD", 2), nothing, scale=Decimal(2))
    assert as_float.read_back(as_float.words(0, 0)) is None
    assert Quantity(Point("x", "input", 0, "int16"), nothing).words(0, 0) == (0,)


def test_a_name_plate_is_text_in_registers() -> None:
    serial = Quantity(Point("serial", "holding", 0, "string", "ABCD", 4), Constant(0), text="J70A1B")
    shown = Instrument("x", (serial,)).read("holding", 0, 4, Moment(0, 0))
    assert shown.values == {"serial": "J70A1B"}


def test_a_word_and_its_bits_agree_even_when_both_are_channels() -> None:
    word = Quantity(Point("status", "holding", 5, "uint16"), Constant(4))
    lamp = Quantity(Point("lamp", "holding", 5, "bit", "ABCD", 1, 0), Constant(1))
    shown = Instrument("io", (word, lamp)).read("holding", 5, 1, NOON)
    assert shown.words == (5,)
    assert shown.values == {"status": 5, "lamp": 1}


def test_a_whole_scale_leaves_an_integer_an_integer() -> None:
    quantity = Quantity(Point("n", "holding", 0, "uint16"), Constant(250), Decimal(10), Decimal(50))
    assert quantity.words(0, 0) == (20,)
    assert repr(quantity.read_back((20,))) == "250"


def test_scaling_is_rounded_once_from_the_exact_value() -> None:
    """A float32 is read exactly, not by its short text: 7.85 in 32 bits x 10 is not 78.5."""
    quantity = Quantity(Point("n", "holding", 0, "float32", "ABCD", 2), Constant(0), Decimal(10))
    assert quantity.read_back(quantity.words_of(78.5)) == 78.49999904632568
