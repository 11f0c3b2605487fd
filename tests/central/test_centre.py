"""What the centre makes of what arrives: stories of stations, good ones and bad ones."""

import pytest

from central.centre import Centre
from central.errors import StoreFailed
from central.receipts import AFTER_RECORDS
from central.strangers import STRANGERS_KEPT
from telemetry.bodies import BootBody, BootReason, GapReason
from telemetry.envelope import RECORD, Sealer
from telemetry.loss import TombstoneBody
from telemetry.reading import Flag, Reading
from telemetry.receipt import ReceiptStatus
from telemetry.record import Kind
from tests.central.gateway import EVERY_MS, START_MS, Gateway, key_of
from tests.central.world import World

TEN_MINUTES_MS = 10 * 60_000


def findings(world: World) -> list[tuple[object, ...]]:
    """(what, seq) of every finding, in the order in which they were noticed."""
    return world.rows("SELECT what, seq FROM finding ORDER BY id")


def doubts(world: World) -> list[tuple[object, ...]]:
    """(seq, whether it is still open) of every head that contradicts."""
    return world.rows("SELECT seq, resolved_ms IS NULL FROM finding WHERE what = 'head-contradicts'")


def test_what_a_station_measured_can_be_read_with_names_and_the_bytes_are_untouched(
    world: World, gateway: Gateway
) -> None:
    day = [gateway.boot(), gateway.configuration()]
    day.append(gateway.poll(readings=[Reading("pH", 7.25), Reading("temp", 21), Reading("state", "ok", 2)]))
    world.live(gateway.station, *day)
    at = START_MS + EVERY_MS
    assert world.rows("SELECT device, channel, wall_ms, value, text, flags, unit, seq FROM reading") == [
        ("ph", "pH", at, 7.25, None, 0, "pH", 3),
        ("ph", "temp", at, 21, None, 0, "Cel", 3),
        ("ph", "state", at, None, "ok", 2, "", 3),
    ]
    assert world.rows("SELECT typeof(value) FROM measured") == [("real",), ("integer",), ("text",)]
    assert [row[0] for row in world.rows("SELECT envelope FROM envelope ORDER BY seq")] == day
    assert findings(world) == []


def test_a_channel_without_a_value_says_why(world: World, gateway: Gateway) -> None:
    gateway.day(0)
    silent = gateway.poll(readings=[Reading("pH", None, Flag.NO_COMMUNICATION)])
    world.live(gateway.station, silent)
    assert world.rows("SELECT value, text, flags FROM reading") == [(None, None, 8)]


def test_an_integer_that_the_store_cannot_hold_is_kept_as_nearly_as_it_can(
    world: World, gateway: Gateway
) -> None:
    gateway.day(0)
    world.live(gateway.station, gateway.poll(readings=[Reading("temp", 2**64 - 1)]))
    assert world.rows("SELECT value FROM reading") == [(float(2**64),)]


def test_a_receipt_leaves_within_two_seconds_of_the_commit(world: World, gateway: Gateway) -> None:
    world.due()
    world.live(gateway.station, *gateway.day(3))
    assert world.due() == []
    world.pass_ms(1999)
    receipt = world.receipt()
    assert (receipt.through, receipt.through_hash) == (5, gateway.sealed[-1].hash)
    assert (receipt.ranges, receipt.status, receipt.wall_ms) == ((), ReceiptStatus.OK, world.now.wall_ms)
    world.pass_ms(60_000)
    assert world.due() == []


def test_a_receipt_leaves_at_once_after_500_records(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(AFTER_RECORDS - 3))
    assert world.due() == []
    world.live(gateway.station, gateway.poll())
    assert world.receipt().through == AFTER_RECORDS


def test_a_head_is_answered_at_once_also_when_nothing_new_came(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(2))
    world.head(gateway)
    first = world.receipt()
    world.head(gateway)
    again = world.receipt()
    assert (again.through, again.number) == (first.through, first.number + 1)


def test_a_head_before_any_record_is_answered_with_nothing_yet(world: World, gateway: Gateway) -> None:
    gateway.day(2)
    world.head(gateway, owed=[(1, 4)])
    receipt = world.receipt()
    assert (receipt.through, receipt.through_hash) == (0, bytes(32))


def test_live_before_past_gives_a_range_beyond_and_then_all(world: World, gateway: Gateway) -> None:
    day = gateway.day(8)
    world.live(gateway.station, *day[6:])
    world.head(gateway, owed=[(1, 10)])
    receipt = world.receipt()
    assert (receipt.through, receipt.ranges) == (0, ((7, 10, gateway.sealed[-1].hash),))
    world.past(gateway.station, *day[:6])
    world.head(gateway)
    assert world.receipt().through == 10
    assert findings(world) == []


def test_a_killed_centre_has_everything_it_committed_and_says_so_to_the_next_head(
    world: World, gateway: Gateway
) -> None:
    world.live(gateway.station, *gateway.day(4))
    world.restart()
    (again,) = [world.opened(sent) for sent in world.due()]
    assert (again.through, again.through_hash) == (6, gateway.sealed[-1].hash)
    world.head(gateway)
    assert world.receipt().number == again.number + 1


def test_a_replayed_record_changes_nothing_and_is_counted(world: World, gateway: Gateway) -> None:
    day = gateway.day(3)
    world.live(gateway.station, *day)
    before = world.rows("SELECT * FROM measured")
    world.past(gateway.station, *day[2:], day[4])
    assert world.rows("SELECT * FROM measured") == before
    assert world.rows("SELECT stored, duplicates FROM ledger") == [(5, 4)]
    assert findings(world) == []


def test_a_forged_record_is_refused_with_its_bytes_and_the_good_ones_around_it_count(
    world: World, gateway: Gateway
) -> None:
    day = gateway.day(3)
    forged = day[3][:-1] + bytes([day[3][-1] ^ 1])
    world.live(gateway.station, day[0], day[1], day[2], forged, day[4])
    world.live(gateway.station, forged)
    assert findings(world) == [("bad-signature", None)]
    assert world.rows("SELECT evidence, times FROM finding") == [(forged, 2)]
    assert world.rows("SELECT received, rejected FROM station") == [(6, 2)]
    world.past(gateway.station, day[3])
    world.head(gateway)
    assert world.receipt().through == 5


def test_noise_is_refused_and_never_stops_the_centre(world: World, gateway: Gateway) -> None:
    day = gateway.day(1)
    world.live(gateway.station, day[0], b"\xff\xff")
    world.live(gateway.station, b"")
    world.live(gateway.station, b"\x00" * 100)
    world.send("no/such/topic", b"\x00")
    world.send(f"{gateway.station}/head/xyz", b"\x00")
    world.send(f"{gateway.station}/head/", b"\x00")
    world.centre.take([("elsewhere", b"")], world.now)
    world.live(gateway.station, *day[1:])
    assert world.rows("SELECT received, rejected FROM station") == [(104, 102)]
    assert {what for what, _ in findings(world)} == {"rejection"}
    world.head(gateway)
    assert world.receipt().through == 3


def test_a_record_of_another_station_is_refused_even_with_a_good_signature(world: World) -> None:
    one, other = Gateway("NUO001"), Gateway("NUO002")
    same_key = Gateway("NUO003", key=one.key, ledger=b"3" * 16)
    world.enrol(one)
    world.enrol(other)
    world.live(other.station, one.boot(), same_key.boot())
    assert {what for what, _ in findings(world)} == {"unknown-key"}
    world.live(one.station, same_key.sealed[0].envelope)
    assert world.rows("SELECT detail FROM finding WHERE what = 'rejection'") == [
        ("signed by NUO003, sent as NUO001",)
    ]


def test_two_contents_of_one_seq_are_both_kept_and_said_in_the_receipt(
    world: World, gateway: Gateway
) -> None:
    clone = Gateway()
    world.live(gateway.station, *gateway.day(3))
    clone.day(0)
    other = clone.poll(readings=[Reading("pH", 1.5)])
    world.live(gateway.station, other)
    world.live(gateway.station, other)
    assert findings(world) == [("fork", 3)]
    assert world.rows("SELECT seq, envelope FROM fork") == [(3, other)]
    world.head(gateway)
    receipt = world.receipt()
    assert (receipt.through, receipt.status) == (5, ReceiptStatus.FORK)
    world.restart()
    assert world.opened(world.due()[0]).status == ReceiptStatus.FORK


def test_a_broken_link_stops_the_proof_and_not_the_records(world: World, gateway: Gateway) -> None:
    clone = Gateway()
    clone.day(0)
    clone.poll(readings=[Reading("pH", 1.5)])
    world.live(gateway.station, *gateway.day(1), clone.poll(), clone.poll())
    assert findings(world) == [("broken-link", 4)]
    world.head(gateway)
    receipt = world.receipt()
    assert (receipt.through, [r[:2] for r in receipt.ranges]) == (3, [(4, 5)])


def test_a_record_that_is_owed_is_pending_and_one_that_is_not_becomes_a_hole(
    world: World, gateway: Gateway
) -> None:
    day = gateway.day(8)
    world.live(gateway.station, *day[:3], *day[5:])
    world.head(gateway, owed=[(4, 5)])
    world.pass_ms(TEN_MINUTES_MS)
    world.look()
    assert findings(world) == []
    gateway.now_ms += 1
    world.head(gateway, owed=[(5, 5)])
    world.due()
    world.pass_ms(TEN_MINUTES_MS)
    world.look()
    world.look()
    assert findings(world) == [("hole", 4)]
    assert world.receipt().status == ReceiptStatus.HOLE
    world.restart()
    assert world.opened(world.due()[0]).status == ReceiptStatus.HOLE


def test_a_hole_that_is_filled_later_is_resolved(world: World, gateway: Gateway) -> None:
    day = gateway.day(8)
    world.live(gateway.station, *day[:3], *day[5:])
    world.head(gateway)
    world.pass_ms(TEN_MINUTES_MS)
    world.look()
    world.past(gateway.station, day[3])
    assert world.rows("SELECT resolved_ms FROM finding") == [(None,)]
    world.past(gateway.station, day[4])
    assert world.rows("SELECT resolved_ms FROM finding") == [(world.now.wall_ms,)]
    world.head(gateway)
    receipt = world.receipt()
    assert (receipt.through, receipt.status) == (10, ReceiptStatus.OK)


def test_an_old_head_that_the_broker_retained_is_answered_and_not_believed(
    world: World, gateway: Gateway
) -> None:
    day = gateway.day(3)
    old = gateway.head(owed=[(1, 5)])
    world.live(gateway.station, *day, gateway.poll())
    world.head(gateway)
    world.due()
    world.send(f"{gateway.station}/head/{gateway.ledger.hex()}", old)
    assert world.receipt().through == 6
    assert findings(world) == []


def test_a_head_that_names_another_content_is_a_finding(world: World, gateway: Gateway) -> None:
    clone = Gateway()
    world.live(gateway.station, *gateway.day(1))
    clone.day(0)
    clone.poll(readings=[Reading("pH", 1.5)])
    world.head(clone)
    world.head(clone)
    assert findings(world) == [("head-contradicts", 3)]


def test_a_head_is_refused_when_it_is_forged_or_of_another_ledger(world: World, gateway: Gateway) -> None:
    gateway.day(1)
    world.send(f"{gateway.station}/head/{'00' * 16}", gateway.head())
    world.send(f"{gateway.station}/head/{gateway.ledger.hex()}", gateway.head()[:-1] + b"\x00")
    world.send(f"{gateway.station}/head/{gateway.ledger.hex()}", gateway.boot())
    stolen = Gateway(key=key_of("somebody else"))
    stolen.day(1)
    world.head(stolen)
    assert [what for what, _ in findings(world)] == ["rejection", "bad-signature", "rejection", "unknown-key"]
    assert world.due() == []


def test_silence_that_nothing_explains_is_found_once_in_whatever_order_the_records_come(
    world: World, gateway: Gateway
) -> None:
    day = gateway.day(3)
    day += [gateway.poll(after_ms=1_200_000), *(gateway.poll(after_ms=30_000) for _ in range(4))]
    world.live(gateway.station, *day[4:])
    assert findings(world) == []
    world.past(gateway.station, *day[:4])
    assert findings(world) == [("unexplained-gap", 6)]
    world.restart()
    world.look()
    assert findings(world) == [("unexplained-gap", 6)]


def test_a_clock_that_jumps_is_found(world: World, gateway: Gateway) -> None:
    day = gateway.day(2)
    moment = gateway.moment()
    gateway.moment = lambda: moment._replace(wall_ms=moment.wall_ms - 3_600_000)  # type: ignore[method-assign]
    world.live(gateway.station, *day, gateway.record(Kind.EVENT, b"\xa1\x01\x61x"))
    assert findings(world) == [("clock-step", 5)]


def test_a_kind_that_is_not_known_is_kept_linked_and_said(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(1), gateway.record(10, b"\xa0"), gateway.poll())
    assert findings(world) == [("foreign-kind", 4)]
    world.head(gateway)
    assert world.receipt().through == 5


def test_a_body_that_cannot_be_read_is_kept_linked_and_said(world: World, gateway: Gateway) -> None:
    other = Gateway("NUO009")
    other.day(1)
    world.live(gateway.station, *gateway.day(1), gateway.record(Kind.READINGS, b"\xa0"))
    assert findings(world) == [("unreadable-body", 4)]
    world.head(gateway)
    assert world.receipt().through == 4


def test_of_an_unknown_station_boot_records_are_kept_and_nothing_else(world: World) -> None:
    stranger = Gateway("NEW001")
    world.live(stranger.station, *stranger.day(3))
    world.live(stranger.station, *(sealed.envelope for sealed in stranger.sealed))
    world.head(stranger)
    world.live("bad id!", stranger.sealed[0].envelope)
    world.live("NEW002", stranger.sealed[0].envelope)
    assert world.rows("SELECT station, public FROM stranger") == [("NEW001", stranger.key.public)]
    assert world.rows("SELECT count(*) FROM envelope") == [(0,)]
    assert (findings(world), world.due()) == ([], [])


def test_a_boot_record_that_its_own_key_did_not_sign_is_not_kept(world: World) -> None:
    stranger, liar = Gateway("NEW001"), key_of("liar")
    world.live(stranger.station, Sealer(liar, RECORD).seal(stranger.boot()[20:-66]))
    world.live(stranger.station, stranger.sealed[0].envelope[:-1] + b"\x00")
    assert world.rows("SELECT * FROM stranger") == []


def test_a_flood_of_strangers_keeps_the_newest_hundred(world: World) -> None:
    for n in range(STRANGERS_KEPT + 5):
        world.live(f"NEW{n:03}", Gateway(f"NEW{n:03}").boot())
    assert world.rows("SELECT count(*), min(station) FROM stranger") == [(STRANGERS_KEPT, "NEW005")]


def test_enrolment_adopts_the_boot_record_and_a_first_receipt_follows_at_once(world: World) -> None:
    station = Gateway("NEW001")
    day = station.day(3)
    world.live(station.station, *day)
    world.enrol(station)
    receipt = world.receipt()
    assert (receipt.station, receipt.through, receipt.through_hash) == ("NEW001", 1, station.sealed[0].hash)
    assert world.rows("SELECT * FROM stranger") == []
    world.past(station.station, *day)
    world.head(station)
    assert world.receipt().through == 5
    assert world.said[-1].startswith("station NEW001 is enrolled with the key ")


def test_on_the_bench_a_station_is_trusted_at_first_use_and_that_is_said_loudly(world: World) -> None:
    world.bench = True
    world.restart()
    station = Gateway("NEW001")
    world.live(station.station, *station.day(3))
    assert "WARNING" in world.said[-1]
    assert world.folder.station_key("NEW001").exists()
    world.head(station)
    assert world.receipt().through == 5
    world.restart()
    assert world.opened(world.due()[0]).through == 5
    impostor = Gateway("NEW001", key=key_of("impostor"))
    world.live("NEW001", impostor.boot())
    assert findings(world) == [("unknown-key", None)]


def test_a_second_ledger_of_an_enrolled_key_is_taken_and_asked_about(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(2))
    new = Gateway(ledger=b"N" * 16)
    world.live(gateway.station, new.boot(BootReason.STORE_LOST), new.configuration())
    assert findings(world) == [("new-ledger", 1)]
    world.head(new)
    assert {world.opened(sent).ledger for sent in world.due()} == {new.ledger}


def test_an_exchanged_gateway_is_a_finding_once_and_can_be_enrolled(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(2))
    new = Gateway(key=key_of("new hardware"), ledger=b"N" * 16)
    day = new.day(5)
    world.live(new.station, *day)
    world.live(new.station, *day)
    assert findings(world) == [("unknown-key", None)]
    world.due()
    world.enrol(new)
    statuses = {world.opened(sent).ledger: world.opened(sent).status for sent in world.due()}
    assert statuses == {gateway.ledger: ReceiptStatus.RE_ENROL, new.ledger: ReceiptStatus.OK}
    world.head(gateway)
    assert world.receipt().status == ReceiptStatus.RE_ENROL


def test_a_ledger_cannot_be_continued_with_another_key(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(2))
    thief = Gateway(key=key_of("thief"))
    world.enrol(thief)
    world.live(thief.station, *thief.day(3))
    assert {what for what, _ in findings(world)} == {"rejection"}
    assert world.rows("SELECT stored FROM ledger") == [(4,)]


def test_a_boot_record_that_names_another_key_is_refused(world: World, gateway: Gateway) -> None:
    body = BootBody(key_of("other").public, BootReason.ENROLMENT, None, None, "tram test")
    world.live(gateway.station, gateway.record(Kind.BOOT, body.encode()))
    assert findings(world) == [("rejection", None)]


def test_a_key_file_that_goes_away_ends_the_enrolment(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(1))
    world.folder.station_key(gateway.station).unlink()
    world.look()
    world.live(gateway.station, gateway.poll())
    assert "enrolled no more" in world.said[-1]
    assert world.rows("SELECT stored FROM ledger") == [(3,)]


def test_a_key_file_that_is_no_key_is_said_once(world: World) -> None:
    world.folder.station_key("BAD001").write_text("no key")
    (world.folder.stations / "not an id.pub").write_bytes(world.folder.public.read_bytes())
    world.look()
    world.look()
    assert len([line for line in world.said if "BAD001" in line]) == 1
    assert len([line for line in world.said if "not an id" in line]) == 1


def test_a_restart_reads_the_rest_for_silence_without_saying_things_twice(
    world: World, gateway: Gateway
) -> None:
    day = gateway.day(2)
    day += [gateway.poll(after_ms=1_200_000), *(gateway.poll(after_ms=30_000) for _ in range(700))]
    world.live(gateway.station, *day[1:])
    world.past(gateway.station, day[0])
    world.restart()
    world.look()
    world.look()
    assert findings(world) == [("unexplained-gap", 5)]
    assert world.centre._ledgers.find(gateway.station, gateway.ledger).silence_seq == len(day)  # type: ignore[union-attr]


def test_a_state_that_another_version_dumped_is_made_anew_from_the_envelopes(
    world: World, gateway: Gateway
) -> None:
    clone = Gateway()
    day = gateway.day(1200)
    world.live(gateway.station, *day[:700])
    world.past(gateway.station, *day[800:])
    clone.day(0)
    world.live(gateway.station, clone.poll(after_ms=7_000))
    world.head(gateway, owed=[(701, 800)])
    before = world.receipt()
    world.store._connection.execute("UPDATE ledger SET reception = x'00', silence = x'00'")
    world.restart()
    (sent,) = world.due()
    after = world.opened(sent)
    assert (after.through, after.ranges, after.status) == (before.through, before.ranges, before.status)
    assert after.status == ReceiptStatus.FORK


def test_a_store_that_rots_while_it_is_read_is_a_failure_of_the_store(world: World, gateway: Gateway) -> None:
    world.store._connection.execute("DROP VIEW reading")
    world.store._connection.execute("DROP TABLE finding")
    with pytest.raises(StoreFailed):
        Centre(world.folder, world.store, world.key, root="tram/1", bench=False, say=world.said.append)


def test_a_head_of_a_store_that_was_put_back_is_a_finding(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(5))
    old_copy = Gateway()
    old_copy.day(2)
    old_copy.now_ms = gateway.now_ms + 60_000
    world.head(old_copy)
    assert findings(world) == [("head-contradicts", 4)]
    assert world.receipt().through == 7


def test_a_head_that_was_signed_while_records_waited_for_their_commit_contradicts_nothing(
    world: World, gateway: Gateway
) -> None:
    world.live(gateway.station, *gateway.day(5))
    meanwhile = Gateway()
    meanwhile.day(2)
    meanwhile.now_ms = gateway.now_ms + 100
    world.head(meanwhile)
    assert findings(world) == []


def test_a_head_that_was_signed_while_the_disk_stalled_is_in_doubt_until_the_next_head(
    world: World, gateway: Gateway
) -> None:
    world.live(gateway.station, *gateway.day(5))
    meanwhile = Gateway()
    meanwhile.day(2)
    meanwhile.now_ms = gateway.now_ms + 60_000
    world.head(meanwhile)
    assert doubts(world) == [(4, True)]
    world.restart()
    gateway.now_ms += 120_000
    world.head(gateway)
    assert doubts(world) == [(4, False)]
    meanwhile.now_ms += 600_000
    world.head(meanwhile)
    assert doubts(world) == [(4, True)], "it was an old store after all"


def test_a_tombstone_over_more_seqs_than_there_can_be_holds_up_no_other_station(
    world: World, gateway: Gateway
) -> None:
    world.live(gateway.station, *gateway.day(1))
    other = Gateway("NUO002")
    world.enrol(other)
    world.live(other.station, *other.day(1), other.poll(after_ms=600_000), other.poll(after_ms=90_000))
    gateway._ledger.next_seq = 2**62
    body = TombstoneBody("ph", ((4, 2**62 - 1),), GapReason.OVERFLOW, {}, bytes(32))
    world.live(gateway.station, gateway.record(Kind.TOMBSTONE, body.encode()))
    world.store._connection.execute("UPDATE ledger SET silence = NULL, silence_seq = 0")
    world.store._connection.execute("DELETE FROM finding WHERE what = 'unexplained-gap'")
    world.restart()
    world.look()
    assert [what for what, _ in findings(world)].count("unexplained-gap") == 1
    assert world.centre._late() == []


def test_a_megabyte_of_noise_is_not_read_to_its_end(world: World, gateway: Gateway) -> None:
    day = gateway.day(3)
    world.live(gateway.station, *day[:2], bytes(1_000_000))
    assert world.rows("SELECT received, rejected FROM station") == [(1_002, 1_000)]
    world.live(gateway.station, *day)
    assert world.rows("SELECT stored FROM ledger") == [(5,)]


def test_a_head_that_rotted_in_the_store_does_not_stop_the_centre(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(5))
    world.head(gateway)
    world.due()
    world.store._connection.execute("UPDATE ledger SET head = x'00'")
    world.restart()
    world.head(gateway)
    assert world.receipt().through == 7


def test_an_envelope_that_rotted_in_the_store_does_not_stop_the_centre(
    world: World, gateway: Gateway
) -> None:
    day = gateway.day(5)
    world.live(gateway.station, *day[1:])
    world.store._connection.execute("UPDATE envelope SET envelope = x'00' WHERE seq IN (4, 7)")
    world.past(gateway.station, day[0])
    old_copy = Gateway()
    old_copy.day(1)
    world.head(old_copy)
    assert findings(world) == []
    assert world.receipt().through == 7


def everything(world: World) -> dict[object, list[tuple[object, ...]]]:
    """All rows of all tables."""
    tables = [name for (name,) in world.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: world.rows(f"SELECT * FROM {name}") for name in tables}


@pytest.mark.parametrize("topic", ["live", "past", "head/"])
def test_a_message_that_says_nothing_leaves_nothing_behind(
    world: World, gateway: Gateway, topic: str
) -> None:
    """With such messages a station asks its broker what it may do."""
    world.live(gateway.station, *gateway.day(3))
    world.head(gateway)
    world.due()
    before = everything(world)
    for station in (gateway.station, "NOBODY_KNOWS"):
        world.send(f"{station}/{topic}", b"")
    world.pass_ms(60_000)
    assert world.due() == []
    assert everything(world) == before
