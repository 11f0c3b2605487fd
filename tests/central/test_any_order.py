"""Records may come in any order, twice, and interleaved between live and past: the result is the same."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemetry.bodies import ClockStepBody, GapBody, GapReason
from telemetry.loss import Summary, TombstoneBody, tombstone_digest
from telemetry.record import Kind
from tests.central.gateway import Gateway
from tests.central.world import World

TOMBSTONED = (9, 10)
"""Dropped by the gateway's store before they were sent."""


def story() -> tuple[Gateway, list[bytes]]:
    """A ledger with silence explained and unexplained, a clock step, a tombstone, and what cannot be read."""
    gateway = Gateway()
    envelopes = gateway.day(3)
    before = gateway.moment()
    envelopes.append(gateway.poll(after_ms=900_000))
    gap = GapBody(GapReason.ANALYZER_SILENT, "ph", before.mono_ms, gateway.moment().mono_ms)
    envelopes += [gateway.record(Kind.GAP, gap.encode()), gateway.poll()]
    dropped = [gateway.poll(), gateway.poll()]
    digest = tombstone_digest([sealed.hash for sealed in gateway.sealed[-2:]])
    assert (gateway.sealed[-2].seq, gateway.sealed[-1].seq) == TOMBSTONED
    assert len(dropped) == 2
    sums = {"pH": Summary(2, 7.0, 7.5, 7.25, 0)}
    tombstone = TombstoneBody("ph", (TOMBSTONED,), GapReason.OVERFLOW, sums, digest)
    envelopes.append(gateway.record(Kind.TOMBSTONE, tombstone.encode()))
    envelopes.append(gateway.poll(after_ms=1_200_000))
    envelopes += [gateway.poll(after_ms=30_000) for _ in range(4)]
    step = ClockStepBody(1, 2, gateway.moment().mono_ms)
    moment = gateway.moment()
    gateway.moment = lambda: moment._replace(wall_ms=moment.wall_ms + 5_000)  # type: ignore[method-assign]
    envelopes.append(gateway.record(Kind.CLOCK_STEP, step.encode()))
    envelopes += [gateway.record(Kind.READINGS, b"\xa0"), gateway.record(9, b"\xf6")]
    return gateway, envelopes


GATEWAY, ENVELOPES = story()
HEAD = GATEWAY.head(owed=())


class Result(NamedTuple):
    """All that must not depend on the order."""

    envelopes: frozenset[tuple[object, ...]]
    readings: frozenset[tuple[object, ...]]
    findings: frozenset[tuple[object, ...]]
    through: int
    through_hash: bytes
    ranges: tuple[tuple[int, int, bytes], ...]
    status: int


def result_of(messages: Sequence[tuple[str, Sequence[int]]], restart_after: int) -> Result:
    """A new centre, these messages, then the station's head."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.enrol(GATEWAY)
        for n, (topic, numbers) in enumerate(messages):
            if n == restart_after:
                world.restart()
            world.send(f"{GATEWAY.station}/{topic}", b"".join(ENVELOPES[i] for i in numbers))
        world.due()
        world.send(f"{GATEWAY.station}/head/{GATEWAY.ledger.hex()}", HEAD)
        receipt = world.receipt()
        world.pass_ms(11 * 60_000)
        world.look()
        result = Result(
            frozenset(world.rows("SELECT seq, kind, envelope FROM envelope")),
            frozenset(world.rows("SELECT * FROM reading")),
            frozenset(world.rows("SELECT ledger, what, seq, detail FROM finding")),
            receipt.through,
            receipt.through_hash,
            receipt.ranges,
            int(receipt.status),
        )
        world.stop()
        return result


IN_ORDER = result_of([("live", [n]) for n in range(len(ENVELOPES))], -1)


def test_in_order_the_story_is_told_as_it_happened() -> None:
    assert IN_ORDER.through == GATEWAY.sealed[-1].seq
    assert {(what, seq) for _, what, seq, _ in IN_ORDER.findings} == {
        ("unexplained-gap", 12),
        ("clock-step", 17),
        ("unreadable-body", 18),
        ("foreign-kind", 19),
    }
    assert len(IN_ORDER.envelopes) == len(ENVELOPES)


@st.composite
def deliveries(draw: st.DrawFn) -> list[tuple[str, list[int]]]:
    """Every envelope at least once, some again, in any order, cut into messages on both topics."""
    everything = list(range(len(ENVELOPES)))
    again = draw(st.lists(st.sampled_from(everything), max_size=8))
    order = draw(st.permutations(everything + again))
    messages: list[tuple[str, list[int]]] = []
    while order:
        size = draw(st.integers(1, 6))
        messages.append((draw(st.sampled_from(["live", "past"])), order[:size]))
        order = order[size:]
    return messages


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=deliveries(), restart_after=st.integers(-1, 10))
def test_any_order_any_repetition_any_cut_and_a_restart_give_the_same_result(
    messages: list[tuple[str, list[int]]], restart_after: int
) -> None:
    assert result_of(messages, restart_after) == IN_ORDER
