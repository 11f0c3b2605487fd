"""What a record says, found by its kind."""

from dataclasses import replace

import pytest

from telemetry import cbor
from telemetry.bodies import EventBody
from telemetry.content import body_of, is_foreign, readings_of
from telemetry.fields import RecordError
from telemetry.pack import PackEncoder
from telemetry.reading import Reading
from telemetry.record import ZERO_HASH, Boot, Kind, Moment, Record

pytestmark = pytest.mark.pure

EVENT = Record(
    "S1", bytes(16), 1, ZERO_HASH, Kind.EVENT, Boot(1, bytes(8)), Moment(1, 2, 2, 3), bytes(8), {1: "x"}
)
PACK = cbor.decode(PackEncoder("S1", "ph", [("pH", "pH")]).encode([(None, [Reading("pH", 7.0)])]))


def test_a_body_is_found_by_kind() -> None:
    assert body_of(EVENT) == EventBody("x")
    assert body_of(replace(EVENT, kind=Kind.READINGS, body=PACK)) is None
    assert body_of(replace(EVENT, kind=99)) is None
    with pytest.raises(RecordError):
        body_of(replace(EVENT, kind=Kind.BOOT))


def test_reserved_and_later_kinds_are_foreign() -> None:
    assert [kind for kind in range(12) if is_foreign(kind)] == [3, 9, 10, 11]


def test_readings_are_the_stations_own() -> None:
    readings = replace(EVENT, kind=Kind.READINGS, body=PACK)
    assert [m.value for m in readings_of(readings)] == [7.0]
    with pytest.raises(RecordError, match="a pack of station S1 in a record of S2"):
        readings_of(replace(readings, station="S2"))
