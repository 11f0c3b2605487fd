"""A ledger in ten thousand pieces: what is known of it is right, and a commit costs no more than in one piece."""

from collections.abc import Iterator

import pytest

from central.holes import Suspect, suspects
from central.ledgers import ALWAYS_DUMPED_SIZE
from central.stations import stations
from telemetry.reception import Reception
from tests.central.gateway import Gateway
from tests.central.world import World


def every_second(gateway: Gateway, count: int) -> Iterator[bytes]:
    """Records that leave out the seq before each."""
    for _ in range(count):
        gateway._ledger.next_seq += 1
        yield gateway.poll()


def test_the_dumps_of_a_torn_ledger_cost_so_much_per_record_and_not_per_commit(
    world: World, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped: list[int] = []
    dump = Reception.dump

    def counted(reception: Reception) -> bytes:
        dumped.append(reception.size())
        return dump(reception)

    monkeypatch.setattr(Reception, "dump", counted)
    world.live(gateway.station, *gateway.day(1))
    for envelope in every_second(gateway, 600):
        world.live(gateway.station, envelope)
    assert sum(dumped) < 600 * 2 + ALWAYS_DUMPED_SIZE**2
    assert dumped[-1] > 600 / 2, "a restart must not have to read all"
    ledger = world.centre._ledgers.find(gateway.station, gateway.ledger)
    assert ledger is not None
    before = ledger.reception
    assert stations(world.folder.path)[0].ledgers[0].missing == 600
    world.restart()
    after = world.centre._ledgers.find(gateway.station, gateway.ledger)
    assert after is not None
    assert after.reception.dump() == before.dump()


def test_a_restart_between_two_dumps_knows_tombstones_and_forks_too(world: World, gateway: Gateway) -> None:
    clone = Gateway()
    world.live(gateway.station, *gateway.day(1))
    clone.day(0)
    torn = list(every_second(gateway, 3 * ALWAYS_DUMPED_SIZE))
    world.live(gateway.station, *torn)
    world.live(gateway.station, clone.poll(after_ms=7_000))
    world.head(gateway)
    before = world.receipt()
    world.restart()
    world.head(gateway)
    after = world.opened(world.due()[0])
    assert (after.through, after.ranges, after.status) == (before.through, before.ranges, before.status)
    world.past(gateway.station, *torn)
    assert world.rows("SELECT stored, duplicates FROM ledger") == [(3 + len(torn), len(torn))]


def test_twenty_thousand_suspects_are_no_more_work_than_their_number() -> None:
    missing = tuple((seq, seq) for seq in range(1, 40_000, 2))
    before = suspects((), missing, (), 1)
    assert suspects(before, missing, (), 2) == tuple(Suspect(seq, seq, 1) for seq, _ in missing)
