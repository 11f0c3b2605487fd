"""Packs: the fast path says what the slow one says, and a reader gets back what was read from the wire."""

import struct
import sys

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import cbor, pack
from telemetry.fields import RecordError
from telemetry.pack import EARLIEST_WALL_MS, Measured, PackEncoder, decode_pack, device_of, portions
from telemetry.reading import Flag, Reading

pytestmark = pytest.mark.pure

WALL_MS = 1_763_800_000_123
CHANNELS = (("pH", "pH"), ("COD", "mg/L"), ("TSS", "mg/L"), ("T", "Cel"), ("state", ""))
ENCODER = PackEncoder("S1", "water", CHANNELS)
UNITS = dict(CHANNELS)

singles = st.floats(width=32, allow_nan=False, allow_infinity=False)
numbers = st.integers(-(2**64), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | singles
readings = st.one_of(
    st.builds(Reading, st.sampled_from(list(UNITS)), singles, st.just(0)),
    st.builds(
        Reading, st.sampled_from(list(UNITS)), numbers | st.text(max_size=20), st.integers(0, 2**14 - 1)
    ),
    st.builds(Reading, st.sampled_from(list(UNITS)), st.none(), st.integers(1, 2**14 - 1)),
)
times = st.integers(EARLIEST_WALL_MS, 4_000_000_000_000)
cycles = st.lists(st.tuples(times, st.lists(readings, min_size=1, max_size=6)), min_size=1, max_size=4)


def exact(value: object) -> str:
    """Tells 1 from 1.0 and 0.0 from -0.0."""
    return repr(value)


@given(cycles)
def test_what_was_read_is_what_the_receiver_gets(cycle: list[tuple[int | None, list[Reading]]]) -> None:
    encoded = ENCODER.encode(cycle)
    got = decode_pack(cbor.decode(encoded))
    assert cbor.encode(cbor.decode(encoded)) == encoded
    said = [
        Measured("S1", "water", r.channel, wall_ms, r.value, UNITS[r.channel], r.flags)
        for wall_ms, block in cycle
        for r in block
    ]
    assert [exact(m) for m in got] == [exact(m) for m in said]


@given(cycles)
def test_the_template_says_what_would_be_put_together(cycle: list[tuple[int | None, list[Reading]]]) -> None:
    assert ENCODER.encode(cycle) == ENCODER._any(cycle)


@given(st.lists(singles, min_size=5, max_size=5), st.integers(1, 999))
def test_the_usual_cycle_is_a_template(values: list[float], ms: int) -> None:
    block = [Reading(channel, value) for channel, value in zip(UNITS, values, strict=True)]
    cycle = [(WALL_MS // 1000 * 1000 + ms, block[:2]), (WALL_MS + 5_000, block[2:])]
    assert ENCODER._usual(cycle) == ENCODER._any(cycle)
    assert ENCODER._usual(cycle) is not None


def test_another_implementation_reads_senml() -> None:
    cycle = [(WALL_MS, [Reading("COD", 41.5), Reading("pH", 7.25)]), (WALL_MS + 90, [Reading("T", None, 8)])]
    said = cbor2.loads(ENCODER.encode(cycle))
    assert said == [
        {0: "COD", 2: 41.5, -2: "S1:water:", -3: WALL_MS / 1000, -4: "mg/L"},
        {0: "pH", 1: "pH", 2: 7.25},
        {0: "T", 1: "Cel", -3: (WALL_MS + 90) / 1000, "q_": 8},
    ]


def test_a_unit_of_nothing_is_said_when_the_others_have_one() -> None:
    said = cbor2.loads(ENCODER.encode([(WALL_MS, [Reading("TSS", 1.0), Reading("state", 3)])]))
    assert said[1] == {0: "state", 1: "", 2: 3}
    bare = PackEncoder("S1", "x", (("a", ""), ("b", ""), ("c", "V")))
    said = cbor2.loads(bare.encode([(WALL_MS, [Reading("a", 1), Reading("c", 2)])]))
    assert said == [{0: "a", 2: 1, -2: "S1:x:", -3: WALL_MS / 1000}, {0: "c", 1: "V", 2: 2}]


def test_channels_are_the_readings_names_also_when_they_are_read_late() -> None:
    """One time per block: a second block with the same time needs none of its own."""
    cycle = [(WALL_MS, [Reading("pH", 7.0)]), (WALL_MS, [Reading("COD", 41.0)])]
    said = cbor2.loads(ENCODER.encode(cycle))
    assert [-3 in entry for entry in said] == [True, False]


@pytest.mark.parametrize("wall_ms", [None, 0, EARLIEST_WALL_MS - 1])
def test_without_a_clock_no_entry_has_a_time(wall_ms: int | None) -> None:
    cycle = [(WALL_MS, [Reading("pH", 7.0)]), (wall_ms, [Reading("COD", 41.0)])]
    assert [m.wall_ms for m in decode_pack(cbor.decode(ENCODER.encode(cycle)))] == [None, None]


def test_whole_seconds_are_integers_and_others_keep_their_millisecond() -> None:
    for ms in (0, 1, 499, 500, 999):
        wall_ms = 1_763_800_000_000 + ms
        encoded = ENCODER.encode([(wall_ms, [Reading("pH", 7.0)])])
        assert decode_pack(cbor.decode(encoded))[0].wall_ms == wall_ms
        assert (b"\x22\x1a" in encoded) == (ms == 0)


def test_an_empty_block_says_nothing() -> None:
    cycle = [(WALL_MS, []), (WALL_MS + 9, [Reading("pH", 7.0)])]
    assert ENCODER.encode(cycle) == ENCODER.encode(cycle[1:])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("flags", [0, int(Flag.INSTRUMENT_FAULT)])
def test_what_is_not_a_number_is_never_encoded(value: float, flags: int) -> None:
    for cycle in ([Reading("pH", value, flags)], [Reading("pH", 7.0), Reading("T", value, flags)]):
        with pytest.raises(ValueError, match="no place in a record"):
            ENCODER.encode([(WALL_MS, cycle)])


def test_a_reading_says_something() -> None:
    for cycle in ([Reading("pH", None)], [Reading("pH", 7.0), Reading("T", None)]):
        with pytest.raises(ValueError, match="neither a value nor a flag"):
            ENCODER.encode([(WALL_MS, cycle)])


def test_an_unknown_channel_is_a_mistake_of_the_program() -> None:
    for cycle in ([Reading("COD2", 1.0)], [Reading("COD2", 1)]):
        with pytest.raises(KeyError):
            ENCODER.encode([(WALL_MS, cycle)])


def test_templates_of_odd_layouts_are_forgotten() -> None:
    encoder = PackEncoder("S1", "water", CHANNELS)
    names = list(UNITS)
    for n in range(40):
        order = [*names[n % 5 :], *names[: n % 5]][: 1 + n // 5]
        encoder.encode([(WALL_MS, [Reading(channel, 1.5) for channel in order])])
    assert len(encoder._templates) <= 16


def test_a_float_that_does_not_fit_32_bits_leaves_the_template() -> None:
    for value in (7.1, 1e300):
        cycle = [(WALL_MS, [Reading("pH", 7.5), Reading("COD", value)])]
        assert ENCODER._usual(cycle) is None
        assert decode_pack(cbor.decode(ENCODER.encode(cycle)))[1].value == value


def test_true_and_false_are_numbers_on_the_wire() -> None:
    encoded = ENCODER.encode([(WALL_MS, [Reading("state", True), Reading("T", False)])])
    assert [exact(m.value) for m in decode_pack(cbor.decode(encoded))] == ["1", "0"]


def test_a_large_cycle_is_split_by_channels_before_it_is_signed() -> None:
    channels = [(f"channel-{n:04}-of-a-large-device", "mg/Nm3") for n in range(3000)]
    encoder = PackEncoder("S" * 32, "d" * 32, channels)
    cycle = [
        (WALL_MS, [Reading(channel, 1.1, 8191) for channel, _ in channels[:1700]]),
        (WALL_MS + 7, [Reading(channel, "x" * 250) for channel, _ in channels[1700:]]),
    ]
    parts = [encoder.encode(portion) for portion in portions(cycle)]
    assert len(parts) > 3
    assert max(map(len, parts)) <= pack.MAX_PORTION_BYTES
    got = [m for part in parts for m in decode_pack(cbor.decode(part))]
    assert [(m.channel, m.wall_ms, m.value) for m in got] == [
        (r.channel, wall_ms, r.value) for wall_ms, block in cycle for r in block
    ]
    assert list(portions([])) == []
    assert len(list(portions([(WALL_MS, [Reading("pH", "x" * 40_000)] * 2)]))) == 2


def test_the_device_is_known_without_reading_the_rest() -> None:
    assert device_of(cbor.decode(ENCODER.encode([(WALL_MS, [Reading("pH", 7.0)])]))) == "water"
    for body in (None, [], [7], [{0: "pH"}]):
        with pytest.raises(RecordError):
            device_of(body)


FIRST: dict[object, object] = {0: "pH", 2: 7, -2: "S1:water:"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "not an array"),
        ([], "empty"),
        ([7], "labels"),
        ([{**FIRST, 5: 1}], "labels"),
        ([{**FIRST, "x_": 1}], "labels"),
        ([FIRST, {**FIRST, 0: "T"}], "labels"),
        ([{**FIRST, -2: "S1:water"}], "base name"),
        ([{**FIRST, -2: "S1:water:x"}], "base name"),
        ([{**FIRST, -2: "S1::"}], "device"),
        ([{**FIRST, -2: "/:water:"}], "station"),
        ([{**FIRST, -3: 5}], "base time"),
        ([{**FIRST, -3: "now"}], "base time"),
        ([{**FIRST, -3: None}], "base time"),
        ([{**FIRST, -3: 1e300}], "base time"),
        ([{**FIRST, -4: 5}], "base unit"),
        ([{2: 7, -2: "S1:water:"}], "channel"),
        ([{**FIRST, 1: 5}], "unit"),
        ([{**FIRST, 2: "7"}], "value"),
        ([{**FIRST, 2: True}], "value"),
        ([{**FIRST, 2: None}], "one value"),
        ([{**FIRST, 2: None, "q_": 1}], "one value"),
        ([{**FIRST, 3: "7"}], "one value"),
        ([{0: "pH", -2: "S1:water:"}], "one value"),
        ([{0: "pH", 3: 7, -2: "S1:water:"}], "text"),
        ([{**FIRST, "q_": 0}], "left out"),
        ([{**FIRST, "q_": -1}], "flags"),
    ],
)
def test_what_is_not_a_pack_is_refused_and_named(body: object, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        decode_pack(body)


def calls_of(count: int) -> int:
    """How many functions, of Python and of C, one usual cycle of `count` values calls."""
    channels = [(f"c{n}", "mg/L") for n in range(count)]
    encoder = PackEncoder("S1", "water", channels)
    cycle = [(WALL_MS, [Reading(channel, 1.5) for channel, _ in channels])]
    encoder.encode(cycle)
    events: list[str] = []
    sys.setprofile(lambda frame, event, argument: events.append(event))
    try:
        encoder.encode(cycle)
    finally:
        sys.setprofile(None)
    return sum(event in {"call", "c_call"} for event in events)


def test_the_usual_cycle_costs_a_handful_of_calls_however_many_values_it_has() -> None:
    """Time would depend on the machine; what matters is that nothing is done per value in Python."""
    assert calls_of(20) == calls_of(200) <= 20


def test_a_record_of_20_values_stays_within_its_size() -> None:
    """38 bytes of signed envelope per value at 20 values with units; the envelope around the pack takes 237."""
    channels = [(f"channel-{n:02}", "mg/L" if n % 2 else "Cel") for n in range(20)]
    block = [
        Reading(channel, struct.unpack(">f", struct.pack(">f", n * 1.37))[0])
        for n, (channel, _) in enumerate(channels)
    ]
    encoded = PackEncoder("BD_VSIP_NUO001", "water-quality", channels).encode([(WALL_MS, block)])
    assert (len(encoded) + 237) / 20 < 38
