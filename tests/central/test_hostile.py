"""Whatever bytes arrive, on whatever topic: the centre goes on, and believes none of them."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import cbor
from telemetry.envelope import HEAD, RECORD, Sealer
from tests.central.gateway import Gateway
from tests.central.world import World

GATEWAY = Gateway()
GENUINE = GATEWAY.day(2)
TOPICS = (
    "NUO001/live",
    "NUO001/past",
    f"NUO001/head/{GATEWAY.ledger.hex()}",
    "NUO001/head/00",
    "XX/live",
    "a/b/c",
)

trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=33)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 13), inner, max_size=5),
    max_leaves=12,
)
signed = st.builds(
    lambda typ, tree: Sealer(GATEWAY.key, typ).seal(cbor.encode(tree)), st.sampled_from([RECORD, HEAD]), trees
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A genuine envelope with one byte changed, or cut."""
    envelope = draw(st.sampled_from(GENUINE))
    at = draw(st.integers(0, len(envelope) - 1))
    if draw(st.booleans()):
        return envelope[:at]
    return envelope[:at] + bytes([envelope[at] ^ draw(st.integers(1, 255))]) + envelope[at + 1 :]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all examples: what was refused before must not matter."""
    made = World(tmp_path_factory.mktemp("centre"))
    made.enrol(GATEWAY)
    yield made
    made.stop()


@settings(max_examples=300, deadline=None)
@given(topic=st.sampled_from(TOPICS), payload=st.binary(max_size=99) | damaged() | signed)
def test_nothing_that_a_stranger_sends_is_stored_or_stops_the_centre(
    hostile: World, topic: str, payload: bytes
) -> None:
    hostile.send(topic, payload)
    assert hostile.rows("SELECT count(*) FROM envelope") == [(0,)]
