"""A station's key is exchanged while records of the ledger before are still on their way."""

from pathlib import Path

import pytest

from telemetry.envelope import HEAD, Sealer
from telemetry.head import Head
from telemetry.receipt import ReceiptStatus
from tests.central.gateway import Gateway, key_of
from tests.central.world import World

NEW_KEY, THIRD_KEY = key_of("the second key"), key_of("the third key")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "centre")


@pytest.fixture
def old(world: World) -> Gateway:
    gateway = Gateway()
    world.enrol(gateway)
    return gateway


def stored(world: World, gateway: Gateway) -> int:
    rows = world.rows(f"SELECT stored FROM ledger WHERE ledger = x'{gateway.ledger.hex()}'")
    return int(str(rows[0][0])) if rows else 0


def head_by(key_holder: Gateway, of: Gateway) -> bytes:
    newest = of.sealed[-1]
    said = Head(of.station, of.ledger, newest.seq, newest.hash, 1, (), of.moment().wall_ms, (2, 5))
    return Sealer(key_holder.key, HEAD).seal(said.encode())


def test_the_backlog_of_the_old_key_arrives_after_the_exchange(world: World, old: Gateway) -> None:
    first, *backlog = old.day(6)
    world.live(old.station, first)
    new = Gateway(key=NEW_KEY, ledger=b"N" * 16)
    world.live(new.station, new.boot(before=old.end))
    world.enrol(new)
    world.due()
    world.past(old.station, *backlog)
    assert stored(world, old) == len(backlog) + 1
    world.send(f"{old.station}/head/{old.ledger.hex()}", head_by(new, old))
    receipt = world.receipt()
    assert (receipt.ledger, receipt.through, receipt.status) == (old.ledger, 8, ReceiptStatus.OK)


def test_behind_the_end_that_the_new_ledger_names_the_old_key_is_nobodys(world: World, old: Gateway) -> None:
    world.live(old.station, *old.day(2))
    new = Gateway(key=NEW_KEY, ledger=b"N" * 16)
    boot = new.boot(before=old.end)
    world.enrol(new)
    world.live(new.station, boot)
    world.past(old.station, old.poll())  # the thief of the old key goes on with the old ledger
    world.past(old.station, *Gateway(ledger=b"T" * 16).day(2))  # and begins one of his own
    assert stored(world, old) == 4
    assert world.rows("SELECT count(*) FROM ledger") == [(2,)]
    assert {what for (what,) in world.rows("SELECT what FROM finding")} == {"new-ledger", "unknown-key"}


def test_a_ledger_that_nobody_names_ends_with_its_key(world: World, old: Gateway) -> None:
    first, *backlog = old.day(3)
    world.live(old.station, first)
    new = Gateway(key=NEW_KEY, ledger=b"N" * 16)
    world.live(new.station, new.boot())
    world.enrol(new)
    world.past(old.station, *backlog)
    assert stored(world, old) == 1
    world.send(f"{old.station}/head/{old.ledger.hex()}", head_by(new, old))
    statuses = {world.opened(sent).ledger: world.opened(sent).status for sent in world.due()}
    assert statuses == {old.ledger: ReceiptStatus.RE_ENROL, new.ledger: ReceiptStatus.OK}


def test_two_exchanges_and_a_ledger_between_them(world: World, old: Gateway) -> None:
    first, *backlog = old.day(4)
    world.live(old.station, first)
    second = Gateway(key=NEW_KEY, ledger=b"2" * 16)
    world.live(second.station, second.boot(before=old.end))
    world.enrol(second)
    between = [second.poll(), second.poll()]
    third = Gateway(key=THIRD_KEY, ledger=b"3" * 16)
    world.live(third.station, third.boot(before=second.end))
    world.enrol(third)
    world.restart()
    world.past(old.station, *backlog)
    world.past(second.station, *between)
    assert (stored(world, old), stored(world, second)) == (6, 3)


def test_a_forged_successor_of_the_old_key_names_nothing(world: World, old: Gateway) -> None:
    world.live(old.station, old.boot())
    forged = Gateway(ledger=b"F" * 16)  # by the old key, which is still trusted then
    world.live(forged.station, forged.boot(before=(old.ledger, 1_000, bytes(32))))
    world.enrol(Gateway(key=NEW_KEY, ledger=b"N" * 16))
    world.past(old.station, old.poll())
    assert stored(world, old) == 1
