"""A ledger whose last records were lost at the station: what was pending becomes a hole."""

from central.holes import PATIENCE_MS
from telemetry.envelope import HEAD, Sealer
from telemetry.head import Head
from tests.central.gateway import Gateway
from tests.central.world import World


def open_holes(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT seq, detail FROM finding WHERE what = 'hole' AND resolved_ms IS NULL")


def short_head(world: World, gateway: Gateway, newest: int, *, later_ms: int = 60_000) -> None:
    """What a station says of the ledger whose newest records went with its damaged file."""
    at = gateway.sealed[newest - 1]
    wall_ms = gateway.moment().wall_ms + later_ms
    head = Head(gateway.station, gateway.ledger, newest, at.hash, 1, (), wall_ms, (2, 5))
    sealed = Sealer(gateway.key, HEAD).seal(head.encode())
    world.send(f"{gateway.station}/head/{gateway.ledger.hex()}", sealed)


def test_a_later_head_of_a_store_that_lost_its_newest_records_ends_the_waiting_for_them(
    world: World, gateway: Gateway
) -> None:
    sent = gateway.day(20)
    world.live(gateway.station, *sent[:10])
    world.head(gateway, owed=[(11, 22)])
    world.pass_ms(2 * PATIENCE_MS)
    world.centre.look(world.now)
    assert open_holes(world) == [], "owed is pending, however long"
    short_head(world, gateway, 10)
    world.pass_ms(PATIENCE_MS)
    world.centre.look(world.now)
    assert open_holes(world) == [(11, "seq 11 to 22 never came, and the station no longer owes them")]
    world.past(gateway.station, *sent[10:])
    assert open_holes(world) == []


def test_an_earlier_head_that_comes_late_ends_nothing(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(20)[:10])
    world.head(gateway, owed=[(11, 22)])
    short_head(world, gateway, 10, later_ms=-1)
    world.pass_ms(2 * PATIENCE_MS)
    world.centre.look(world.now)
    assert open_holes(world) == []


def test_a_centre_that_was_away_hears_the_last_head_of_an_ended_ledger_from_the_broker(
    world: World, gateway: Gateway
) -> None:
    sent = gateway.day(20)
    world.live(gateway.station, *sent[:10], *sent[12:])
    world.head(gateway)
    world.restart()
    world.head(gateway)
    world.pass_ms(PATIENCE_MS)
    world.centre.look(world.now)
    assert open_holes(world) == [(11, "seq 11 to 12 never came, and the station no longer owes them")]


def test_the_same_head_again_is_no_sign_of_life(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(3))
    world.head(gateway)
    seen = world.rows("SELECT last_seen_ms FROM station")
    world.pass_ms(60_000)
    world.head(gateway)
    assert world.rows("SELECT last_seen_ms FROM station") == seen
