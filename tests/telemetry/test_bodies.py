"""The bodies: each is read back as it was written, and what it must not be is named."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import bodies, cbor
from telemetry.bodies import (
    BootBody,
    BootReason,
    ClockStepBody,
    ConfigurationBody,
    EventBody,
    GapBody,
    GapReason,
)
from telemetry.content import Body
from telemetry.fields import RecordError
from telemetry.loss import RecoveryBody, Summary, TombstoneBody, tombstone_digest

pytestmark = pytest.mark.pure

BODIES: list[Body] = [
    BootBody(bytes(32), BootReason.CLEAN_STOP, (5, 6), None, "tram 0.1.0"),
    BootBody(bytes(32), BootReason.ENROLMENT, None, (bytes(16), 9, bytes(32)), ""),
    BootBody(bytes(32), 77, None, None, "a later version"),
    GapBody(GapReason.LINE_DOWN, "ph", 1, 2, "the cable was out"),
    GapBody(GapReason.OVERFLOW, "", 0, 0),
    ConfigurationBody(bytes(8), None, 1, 1, {"name": "Trạm"}),
    ConfigurationBody(bytes(8), "ph", 2, 3, [["pH", "holding", 0]]),
    EventBody("reload"),
    EventBody("reload", {"problems": [1, 2]}),
    TombstoneBody(
        "ph",
        ((1, 5), (7, 7)),
        GapReason.OVERFLOW,
        {"pH": Summary(6, 6.5, 7, 6.75, 0), "T": Summary(0, None, None, None, 6)},
        bytes(32),
    ),
    ClockStepBody(1, 2, 3),
    RecoveryBody("malformed", "quarantine/x", 12),
    RecoveryBody("malformed", "quarantine/x", 12, ((b"L" * 16, ((1, 2), (5, 5))), (b"M" * 16, ((1, 1),)))),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_a_body_is_read_back_as_it_was_written(body: Body) -> None:
    encoded = body.encode()
    assert type(body).decode(cbor.decode(encoded)) == body
    assert cbor.encode(cbor.decode(encoded)) == encoded


@given(st.sampled_from(["", "ph", "A.b_c-" * 5]), st.text(max_size=20), st.integers(0, 2**63 - 1))
def test_a_gap_is_read_back_whatever_it_says(device: str, detail: str, at_ms: int) -> None:
    gap = GapBody(GapReason.MAINTENANCE, device, at_ms, at_ms, detail)
    assert GapBody.decode(cbor.decode(gap.encode())) == gap


def test_the_configuration_hash_covers_the_parts_in_order_without_their_hash() -> None:
    first = ConfigurationBody(bytes(8), None, 1, 1, {"a": 1})
    second = ConfigurationBody(bytes(8), "ph", 1, 1, {"b": 2})
    expected = hashlib.sha256(
        cbor.encode({2: None, 3: 1, 4: 1, 5: {"a": 1}}) + cbor.encode({2: "ph", 3: 1, 4: 1, 5: {"b": 2}})
    ).digest()[:8]
    made = bodies.named([first, second])
    assert [part.hash8 for part in made] == [expected, expected]
    assert bodies.configuration_hash([part.unnamed() for part in made]) == expected
    assert bodies.named([second, first])[0].hash8 != expected
    assert bodies.named([]) == ()


def test_a_tombstone_digest_covers_the_hashes_in_order() -> None:
    one, two = b"\x01" * 32, b"\x02" * 32
    assert tombstone_digest([one, two]) == hashlib.sha256(one + two).digest()


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        (BootBody, None, "not a map"),
        (BootBody, {2: 0, 3: None, 5: ""}, "has the fields"),
        (BootBody, {1: bytes(31), 2: 0, 3: None, 5: ""}, "public key"),
        (BootBody, {1: bytes(32), 2: 0, 3: [1], 5: ""}, "last sign"),
        (BootBody, {1: bytes(32), 2: 0, 3: None, 4: [bytes(16), 1], 5: ""}, "ledger before"),
        (BootBody, {1: bytes(32), 2: 0, 3: None, 5: b""}, "software"),
        (GapBody, {1: 0, 2: "ph", 3: 2, 4: 1}, "before it begins"),
        (GapBody, {1: 0, 2: "a b", 3: 1, 4: 1}, "device"),
        (GapBody, {1: 0, 2: "ph", 3: 1, 4: 1, 6: 0}, "has the fields"),
        (GapBody, {1: -1, 2: "ph", 3: 1, 4: 1}, "reason"),
        (ConfigurationBody, {1: bytes(8), 2: None, 3: 0, 4: 1, 5: 0}, "counted from 1"),
        (ConfigurationBody, {1: bytes(8), 2: None, 3: 2, 4: 1, 5: 0}, "part 2 of 1"),
        (EventBody, {1: 5}, "what"),
        (TombstoneBody, {1: "ph", 2: [], 3: 0, 4: {}, 5: bytes(32)}, "at least one range"),
        (TombstoneBody, {1: "ph", 2: [[1, 2]], 3: 0, 4: [], 5: bytes(32)}, "map of channels"),
        (TombstoneBody, {1: "ph", 2: [[2, 1]], 3: 0, 4: {}, 5: bytes(32)}, "out of order"),
        (TombstoneBody, {1: "ph", 2: [[0, 1]], 3: 0, 4: {}, 5: bytes(32)}, "out of order"),
        (TombstoneBody, {1: "ph", 2: [[1, 2]], 3: 0, 4: {"pH": [1, 2]}, 5: bytes(32)}, "channel summary"),
        (TombstoneBody, {1: "ph", 2: [[1, 2]], 3: 0, 4: {"pH": [1, "", 2, 2, 0]}, 5: bytes(32)}, "lowest"),
        (ClockStepBody, {1: 0, 2: 0}, "has the fields"),
        (RecoveryBody, {1: "", 2: "", 3: 1.0}, "salvaged"),
    ],
)
def test_what_is_not_that_body_is_refused_and_named(kind: type[Body], body: object, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        kind.decode(body)
