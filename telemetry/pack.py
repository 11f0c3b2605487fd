"""The body of a readings record: a SenML-CBOR pack (RFC 8428) in Tram's profile (docs/wire.md).

Encoding is the hot path of the agent: what does not change between two cycles is encoded once. The usual cycle (all
values are there, unflagged, and floats of 32 bits) is a template that is filled in; every other is put together.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from telemetry import cbor, fields
from telemetry.cbor import encode_float, encode_int, encode_text, encode_uint
from telemetry.fields import RecordError
from telemetry.reading import Reading
from telemetry.template import Template

EARLIEST_WALL_MS = 1_577_836_800_000
"""2020-01-01T00:00:00Z. A clock before it is not a clock, and the pack then has no time of its own."""

MAX_PORTION_BYTES = 28_000
"""What one pack may take of an envelope's 32 KiB."""

Value = int | float | str | None

_NAME, _UNIT, _VALUE, _TEXT = b"\x00", b"\x01", b"\x02", b"\x03"  # n 0, u 1, v 2, vs 3
_BASE_NAME, _BASE_TIME, _BASE_UNIT = b"\x21", b"\x22", b"\x23"  # bn -2, bt -3, bu -4
_FLAGS = b"\x62q_"
_SINGLE, _DOUBLE = b"\xfa", b"\xfb"
_FLOATS = {float}
_NUMBERS: dict[type, Callable[..., bytes]] = {float: encode_float, int: encode_int}
_TEMPLATES_KEPT = 16


class _Channel(NamedTuple):
    """One channel's entry up to its value. Those of the usual entries begin with the map's head."""

    bare: bytes
    fields: int
    number: bytes
    number_flagged: bytes
    nothing_flagged: bytes


class PackEncoder:
    """Packs of one device. `channels` are (id, unit of measure); a unit "" means that it has none."""

    def __init__(self, station: str, device: str, channels: Sequence[tuple[str, str]]) -> None:
        units = Counter(unit for _, unit in channels)
        base_unit = units.most_common(1)[0][0] if units else ""
        self._channels = {channel: _prefixes(channel, unit, base_unit) for channel, unit in channels}
        self._base_name = _BASE_NAME + encode_text(f"{station}:{device}:")
        self._base_unit = _BASE_UNIT + encode_text(base_unit) if base_unit else b""
        self._templates: dict[tuple[tuple[str, ...], ...], Template] = {}

    def encode(self, blocks: Sequence[tuple[int | None, Sequence[Reading]]]) -> bytes:
        """The pack of one cycle: per block, when its answer arrived (Unix ms) and its readings.

        When the clock is unknown in one block (None) or before 2020, no entry has a time.
        KeyError: a channel the encoder was not made for. ValueError: NaN, infinity, neither value nor flag.
        """
        usual = self._usual(blocks)
        return self._any(blocks) if usual is None else usual

    def _usual(self, blocks: Sequence[tuple[int | None, Sequence[Reading]]]) -> bytes | None:
        """The pack when every value is an unflagged float of 32 bits and every time has a fraction; else None."""
        layout: list[tuple[str, ...]] = []
        floats: list[float] = []
        before_ms = EARLIEST_WALL_MS
        for wall_ms, readings in blocks:
            if wall_ms is None or wall_ms <= before_ms or wall_ms % 1000 == 0 or not readings:
                return None
            channels, values, flags = zip(*readings, strict=True)
            if any(flags) or set(map(type, values)) != _FLOATS:
                return None
            layout.append(channels)
            floats += (values[0], wall_ms / 1000, *values[1:])
            before_ms = wall_ms
        template = self._templates.get(tuple(layout)) or self._new_template(tuple(layout))
        return template.fill(floats)

    def _new_template(self, layout: tuple[tuple[str, ...], ...]) -> Template:
        """The pack of these channels by block, as `_any` would put it together."""
        kinds = "".join("fd" + "f" * (len(channels) - 1) for channels in layout)
        constants = [cbor.encode_head(4, sum(map(len, layout)))]
        for channels in layout:
            first = self._channels[channels[0]]
            base_name = b"" if constants[1:] else self._base_name
            base_unit = b"" if constants[1:] else self._base_unit
            count = first.fields + 2 + (1 if base_name else 0) + (1 if base_unit else 0)
            constants[-1] += cbor.encode_head(5, count) + first.bare + _VALUE + _SINGLE
            constants.append(base_name + _BASE_TIME + _DOUBLE)
            constants.append(base_unit)
            for channel in channels[1:]:
                constants[-1] += self._channels[channel].number + _SINGLE
                constants.append(b"")
        if len(self._templates) >= _TEMPLATES_KEPT:
            self._templates.clear()
        made = self._templates[layout] = Template(constants, kinds)
        return made

    def _any(self, blocks: Sequence[tuple[int | None, Sequence[Reading]]]) -> bytes:
        filled = [(wall_ms, readings) for wall_ms, readings in blocks if readings]
        timed = all(wall_ms is not None and wall_ms >= EARLIEST_WALL_MS for wall_ms, _ in filled)
        parts: list[bytes] = [cbor.encode_head(4, sum(len(readings) for _, readings in filled))]
        said_ms: int | None = None
        for wall_ms, readings in filled:
            start = 0
            base_time = b""
            if timed and wall_ms != said_ms and wall_ms is not None:
                base_time = _BASE_TIME + _seconds(wall_ms)
                said_ms = wall_ms
            if base_time or len(parts) == 1:
                parts.append(self._first(readings[0], base_time, first_of_pack=len(parts) == 1))
                start = 1
            self._others(readings[start:] if start else readings, parts)
        return b"".join(parts)

    def _others(self, readings: Sequence[Reading], parts: list[bytes]) -> None:
        channels = self._channels
        for channel, value, flags in readings:
            made = channels[channel]
            number = _NUMBERS.get(type(value))
            if number:
                parts.append((made.number_flagged if flags else made.number) + number(value))
            elif value is None:
                parts.append(made.nothing_flagged)
            else:
                parts.append(_entry(made, _tail(value), flags, b"", 0))
                continue
            if flags:
                parts.append(_FLAGS + encode_uint(flags))
            elif value is None:
                raise ValueError(f"channel {channel!r} has neither a value nor a flag")

    def _first(self, reading: Reading, base_time: bytes, *, first_of_pack: bool) -> bytes:
        bases, count = base_time, 1 if base_time else 0
        if first_of_pack:
            bases = self._base_name + base_time + self._base_unit
            count += 2 if self._base_unit else 1
        if reading.value is None and not reading.flags:
            raise ValueError(f"channel {reading.channel!r} has neither a value nor a flag")
        return _entry(self._channels[reading.channel], _tail(reading.value), reading.flags, bases, count)


def _prefixes(channel: str, unit: str, base_unit: str) -> _Channel:
    bare = _NAME + encode_text(channel)
    count = 1
    if unit != base_unit:
        bare += _UNIT + encode_text(unit)
        count = 2

    def begin(more: int) -> bytes:
        return cbor.encode_head(5, count + more) + bare

    return _Channel(bare, count, begin(1) + _VALUE, begin(2) + _VALUE, begin(1))


def _entry(made: _Channel, tail: bytes, flags: int, bases: bytes, base_count: int) -> bytes:
    count = made.fields + base_count + (1 if tail else 0) + (1 if flags else 0)
    said = _FLAGS + encode_uint(flags) if flags else b""
    return cbor.encode_head(5, count) + made.bare + tail + bases + said


def _tail(value: Value) -> bytes:
    """The value with its label; nothing when there is none."""
    if value is None:
        return b""
    if isinstance(value, str):
        return _TEXT + encode_text(value)
    return _VALUE + (encode_float(value) if isinstance(value, float) else encode_int(int(value)))


def _seconds(wall_ms: int) -> bytes:
    """SenML times are seconds: an integer when whole, else the 64-bit float nearest to the millisecond."""
    return encode_uint(wall_ms // 1000) if wall_ms % 1000 == 0 else encode_float(wall_ms / 1000)


def portions(
    blocks: Sequence[tuple[int | None, Sequence[Reading]]], *, most_bytes: int = MAX_PORTION_BYTES
) -> Iterator[list[tuple[int | None, list[Reading]]]]:
    """One cycle as portions that each fit in an envelope: it is split by channels before it is signed."""
    portion: list[tuple[int | None, list[Reading]]] = []
    size = 0
    for wall_ms, reading in chain.from_iterable(
        ((wall_ms, r) for r in readings) for wall_ms, readings in blocks
    ):
        more = _most_bytes_of(reading)
        if size + more > most_bytes and portion:
            yield portion
            portion, size = [], 0
        if not portion or portion[-1][0] != wall_ms:
            portion.append((wall_ms, []))
        portion[-1][1].append(reading)
        size += more
    if portion:
        yield portion


def _most_bytes_of(reading: Reading) -> int:
    """No entry takes more than this: a value, a unit of 32 bytes, flags, a time, and the texts."""
    text = len(reading.value.encode()) if isinstance(reading.value, str) else 0
    return 80 + len(reading.channel) + text


class Measured(NamedTuple):
    """One reading at the receiver. `wall_ms` None: the clock was unknown, only the record's mono counts."""

    station: str
    device: str
    channel: str
    wall_ms: int | None
    value: Value
    unit: str
    flags: int


_ALLOWED = frozenset((0, 1, 2, 3, -3, "q_"))
_ALLOWED_FIRST = _ALLOWED | {-2, -4}


def decode_pack(body: object) -> list[Measured]:
    """The readings of a decoded readings body. RecordError when it is not a pack of the profile."""
    entries = fields.array(body, "the pack")
    if not entries:
        raise RecordError("the pack is empty")
    allowed = _ALLOWED_FIRST
    station = device = base_unit = ""
    wall_ms: int | None = None
    found: list[Measured] = []
    for entry in entries:
        if not isinstance(entry, dict) or not entry.keys() <= allowed:
            raise RecordError(f"a pack entry has labels that are not allowed there: {entry!r:.200}")
        if allowed is _ALLOWED_FIRST:
            station, device = _base_name(entry.get(-2))
            base_unit = fields.text(entry.get(-4, ""), "base unit (-4)")
            allowed = _ALLOWED
        if -3 in entry:
            wall_ms = _wall_ms(entry[-3])
        found.append(
            Measured(
                station,
                device,
                fields.identifier(entry.get(0), "channel (0)"),
                wall_ms,
                _value(entry),
                fields.text(entry.get(1, base_unit), "unit (1)"),
                _flags(entry),
            )
        )
    return found


def device_of(body: object) -> str:
    """The device of a decoded pack, without reading the rest. RecordError when it names none."""
    first = fields.array(body, "the pack")[:1]
    if not first or not isinstance(first[0], dict):
        raise RecordError("the pack has no first entry")
    return _base_name(first[0].get(-2))[1]


def _base_name(value: object) -> tuple[str, str]:
    parts = fields.text(value, "base name (-2)").split(":")
    if len(parts) != 3 or parts[2]:
        raise RecordError(f"base name (-2) is {value!r}, not 'station:device:'")
    return fields.identifier(parts[0], "station in (-2)"), fields.identifier(parts[1], "device in (-2)")


def _wall_ms(value: object) -> int:
    seconds = fields.number_or_none(value, "base time (-3)")
    if seconds is None or not EARLIEST_WALL_MS <= seconds * 1000 <= fields.LARGEST_UINT:
        raise RecordError(f"base time (-3) is {value!r}, not seconds since 1970 from 2020 on")
    return round(seconds * 1000)


def _value(entry: dict[object, object]) -> Value:
    if 3 in entry and 2 not in entry:
        return fields.text(entry[3], "text (3)")
    value = entry.get(2)
    if 3 in entry or (value is None and (2 in entry or "q_" not in entry)):
        raise RecordError("a pack entry has one value (2), or one text (3), or flags and no value")
    return fields.number_or_none(value, "value (2)")


def _flags(entry: dict[object, object]) -> int:
    if "q_" not in entry:
        return 0
    flags = fields.uint(entry["q_"], "flags (q_)")
    if not flags:
        raise RecordError("flags (q_) are left out when there are none")
    return flags
