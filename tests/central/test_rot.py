"""Disks change bits: what the centre then believes, and whom it blames."""

from collections.abc import Sequence
from typing import Any

import pytest

from central.dumped import unwrapped, wrapped
from central.stations import stations
from telemetry import cbor
from telemetry.envelope import hash_of
from telemetry.receipt import ReceiptStatus
from tests.central.gateway import Gateway
from tests.central.world import World


def findings(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT what, seq FROM finding ORDER BY id")


def rot(world: World, seq: int) -> None:
    world.store._connection.execute("UPDATE envelope SET envelope = zeroblob(100) WHERE seq = ?", (seq,))


def dumped(world: World, column: str) -> bytes:
    ((kept,),) = world.rows(f"SELECT {column} FROM ledger")
    assert isinstance(kept, bytes)
    return kept


def forget_the_last_record(world: World, day: Sequence[bytes]) -> None:
    """The state is whole and says less than what is stored, by a defect of whatever kind."""
    state: Any = cbor.decode(unwrapped(dumped(world, "reception")))
    state[1][0][1], state[1][0][3] = len(day) - 1, hash_of(day[-2])
    blob = wrapped(cbor.encode(state))
    world.store._connection.execute("UPDATE ledger SET reception = ?, stored = stored - 1", (blob,))
    world.restart()


@pytest.mark.parametrize("column", ["reception", "silence"])
def test_a_flipped_bit_in_a_state_is_seen_and_the_state_made_anew(
    world: World, gateway: Gateway, column: str
) -> None:
    day = gateway.day(70)
    world.live(gateway.station, *day)
    whole = dumped(world, column)
    for at in range(0, 8 * len(whole), 8 * len(whole) // 20):
        rotten = bytearray(whole)
        rotten[at // 8] ^= 1 << at % 8
        world.store._connection.execute(f"UPDATE ledger SET {column} = ?", (bytes(rotten),))
        world.restart()
        (said,) = (world.opened(sent) for sent in world.due())
        assert said.through == len(day)
        assert stations(world.folder.path)[0].ledgers[0].through == len(day)
    world.past(gateway.station, day[-1])
    world.live(gateway.station, gateway.poll())
    assert findings(world) == []
    assert world.rows("SELECT stored, duplicates FROM ledger") == [(73, 1)]


def test_a_record_that_is_stored_and_forgotten_is_a_duplicate_and_holds_up_nobody(
    world: World, gateway: Gateway
) -> None:
    day = gateway.day(5)
    world.live(gateway.station, *day)
    forget_the_last_record(world, day)
    world.past(gateway.station, day[-1])
    world.live(gateway.station, gateway.poll())
    assert findings(world) == []
    assert world.rows("SELECT count(*) FROM envelope") == [(8,)]
    world.head(gateway)
    assert world.receipt().through == 8


def test_another_content_of_a_forgotten_record_is_a_fork(world: World, gateway: Gateway) -> None:
    clone = Gateway()
    day = gateway.day(5)
    clone.day(4)
    world.live(gateway.station, *day)
    forget_the_last_record(world, day)
    world.past(gateway.station, clone.poll(after_ms=7_000))
    assert findings(world) == [("fork", 7)]
    assert world.rows("SELECT envelope FROM envelope WHERE seq = 7") == [(day[-1],)]


@pytest.mark.parametrize("seq", [4, 7])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_stored_envelope_that_rotted_is_replaced_when_it_comes_again_and_is_no_fork(
    world: World, gateway: Gateway, seq: int, restarted: bool
) -> None:
    day = gateway.day(5)
    world.live(gateway.station, *day)
    rot(world, seq)
    if restarted:
        world.store._connection.execute("UPDATE ledger SET reception = NULL")
        world.restart()
    world.past(gateway.station, day[seq - 1], day[seq - 1])
    assert findings(world) == [("rejection", seq)]
    assert [kept for (kept,) in world.rows("SELECT envelope FROM envelope ORDER BY seq")] == day
    assert world.rows("SELECT count(*) FROM reading") == [(15,)]
    world.head(gateway)
    said = world.receipt()
    assert (said.through, said.status) == (7, ReceiptStatus.OK)


@pytest.mark.parametrize("seq", [6, 7])
def test_another_content_does_not_take_the_place_of_one_that_rotted(
    world: World, gateway: Gateway, seq: int
) -> None:
    clone = Gateway()
    clone.day(seq - 3)
    world.live(gateway.station, *gateway.day(5))
    rot(world, seq)
    world.past(gateway.station, clone.poll(after_ms=7_000))
    assert findings(world) == [("fork", seq)]


def test_when_the_next_one_rotted_too_the_station_is_believed(world: World, gateway: Gateway) -> None:
    day = gateway.day(5)
    world.live(gateway.station, *day)
    rot(world, 4)
    rot(world, 5)
    world.past(gateway.station, *day)
    assert findings(world) == [("rejection", 4), ("rejection", 5)]
    assert [kept for (kept,) in world.rows("SELECT envelope FROM envelope ORDER BY seq")] == day


def test_a_lost_state_is_made_anew_also_with_the_last_seq_that_there_can_be(
    world: World, gateway: Gateway
) -> None:
    world.live(gateway.station, *gateway.day(3))
    gateway._ledger.next_seq = 2**63 - 1
    world.live(gateway.station, gateway.poll())
    world.store._connection.execute("UPDATE ledger SET reception = NULL")
    world.restart()
    assert [ledger.reception.held() for ledger in world.centre._ledgers] == [((1, 5), (2**63 - 1, 2**63 - 1))]
