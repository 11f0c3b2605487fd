"""Where each owed record is: waiting for live, under way, given up, set aside."""

from typing import cast

import pytest

from agent.delivery.owing import FRESH_RECORDS, UNCOVERED_MS, Fresh, Owing, runs
from buffer.store import Entry, Owed, Store, Tail

pytestmark = pytest.mark.pure

OLD, NEW = b"an older ledger.", b"the newer ledger"


class Ledgers:
    """As much of a store as the account asks."""

    def __init__(self, newest: int = 0, *owed: Owed) -> None:
        self.tail: Tail | None = Tail(NEW, newest + 1, bytes(32))
        self.ranges = owed or ((Owed(NEW, 1, newest),) if newest else ())

    def owed(self, destination: str) -> tuple[Owed, ...]:
        assert destination == "so-tnmt"
        return self.ranges


def entry(seq: int, size: int = 100) -> Entry:
    return Entry(seq, 1, "ph", 0, 0, False, b"x" * size)


def entries(first: int, last: int) -> list[Entry]:
    return [entry(seq) for seq in range(first, last + 1)]


def account(newest: int = 0, *owed: Owed) -> tuple[Owing, Ledgers]:
    store = Ledgers(newest, *owed)
    owing = Owing("so-tnmt", cast("Store", store))
    owing.connected()
    return owing, store


def anyone(_ledger: bytes) -> bool:
    return True


def test_seqs_become_ranges() -> None:
    assert runs([3, 1, 2, 9]) == ((1, 3), (9, 9))


def test_the_oldest_ledger_goes_first_and_nothing_twice() -> None:
    owing, _ = account(50, Owed(OLD, 7, 9), Owed(NEW, 1, 50))
    assert owing.ledgers() == (OLD, NEW)
    assert owing.records() == 53
    assert owing.oldest(0, anyone) == (OLD, 7, 9)
    owing.leave(OLD, entries(7, 9))
    assert owing.oldest(0, anyone) == (NEW, 1, 50)
    owing.leave(NEW, entries(1, 20))
    assert owing.oldest(0, anyone) == (NEW, 21, 50)


def test_a_ledger_that_may_not_go_yet_is_passed_over() -> None:
    owing, _ = account(50, Owed(OLD, 7, 9), Owed(NEW, 1, 50))
    assert owing.oldest(0, lambda ledger: ledger == NEW) == (NEW, 1, 50)
    assert owing.oldest(0, lambda _: False) is None


def test_what_was_committed_but_not_offered_yet_is_left_to_live() -> None:
    owing, store = account(10)
    store.tail = Tail(NEW, 21, bytes(32))
    store.ranges = (Owed(NEW, 1, 20),)
    assert owing.oldest(0, anyone) == (NEW, 1, 10)
    owing.offer(NEW, entries(11, 20))
    assert owing.oldest(0, anyone) == (NEW, 1, 10)
    assert owing.fresh.take(most_records=99, most_bytes=99_999) == (NEW, entries(11, 20))
    assert owing.oldest(0, anyone) == (NEW, 1, 20), "not sent after all"


def test_what_was_past_at_the_connection_does_not_go_on_live_as_well() -> None:
    owing, _ = account(10)
    owing.offer(NEW, entries(9, 12))
    assert owing.fresh.ranges(NEW) == ((11, 12),)


def test_a_new_ledger_is_live_from_its_first_record() -> None:
    owing, store = account(10)
    other = b"a brand new one."
    store.tail = Tail(other, 3, bytes(32))
    store.ranges = (Owed(NEW, 1, 10), Owed(other, 1, 2))
    assert owing.oldest(0, lambda ledger: ledger == other) is None
    owing.offer(other, entries(1, 2))
    assert owing.fresh.ranges(other) == ((1, 2),)


def test_thirty_seconds_after_its_puback_a_record_is_owed_again() -> None:
    owing, _ = account(10)
    parcel = owing.leave(NEW, entries(1, 10))
    assert owing.oldest(10**9, anyone) is None, "without a PUBACK it is still on its way"
    owing.arrived(parcel, 1_000)
    assert owing.oldest(30_999, anyone) is None
    assert owing.oldest(31_000, anyone) == (NEW, 1, 10)
    assert owing.sent.records == 0


def test_what_was_given_up_goes_behind_what_was_never_sent() -> None:
    owing, _ = account(10)
    owing.arrived(owing.leave(NEW, entries(1, 4)), 0)
    assert owing.oldest(40_000, anyone) == (NEW, 5, 10)
    owing.leave(NEW, entries(5, 10))
    assert owing.oldest(40_000, anyone) == (NEW, 1, 4)


def test_a_receipt_2000_beyond_a_record_means_that_it_got_lost() -> None:
    owing, store = account(3_000)
    owing.leave(NEW, entries(1, 3_000))
    owing.covered(NEW, ((500, 2_100),))
    store.ranges = (Owed(NEW, 1, 499), Owed(NEW, 2_101, 3_000))
    assert owing.oldest(0, anyone) == (NEW, 1, 100)
    assert owing.sent.ranges(NEW) == ((101, 499), (2_101, 3_000))
    assert owing.sent.records == 399 + 900


def test_a_receipt_for_what_left_later_means_that_the_centre_was_not_listening_before() -> None:
    owing, store = account(40)
    unheard = owing.leave(NEW, entries(1, 10))
    owing.arrived(unheard, 1_000)
    recent = owing.leave(NEW, entries(11, 20))
    owing.arrived(recent, 3_000)
    heard = owing.leave(NEW, entries(21, 30))
    owing.arrived(heard, 6_000)
    store.ranges = (Owed(NEW, 1, 20), Owed(NEW, 31, 40))
    owing.covered(NEW, ((21, 30),))
    assert owing.sent.ranges(NEW) == ((11, 20),)


def test_what_was_overtaken_twice_is_refused_and_waits_its_thirty_seconds() -> None:
    owing, _ = account(40)
    owing.arrived(owing.leave(NEW, entries(1, 10)), 1_000)
    owing.sent.give_up(31_000)
    owing.arrived(owing.leave(NEW, entries(1, 10)), 31_000)
    owing.arrived(owing.leave(NEW, entries(21, 30)), 40_000)
    owing.covered(NEW, ((21, 30),))
    assert owing.sent.ranges(NEW) == ((1, 10),)


def test_a_receipt_that_covers_nothing_changes_nothing() -> None:
    owing, _ = account(10)
    owing.leave(NEW, entries(1, 10))
    owing.covered(NEW, ())
    assert owing.sent.records == 10


def test_a_lost_connection_forgets_what_was_under_way() -> None:
    owing, _ = account(10)
    owing.leave(NEW, entries(1, 10))
    owing.disconnected()
    assert owing.oldest(0, anyone) == (NEW, 1, 10)


def test_what_the_centre_does_not_call_stored_is_sent_again_also_in_a_disputed_ledger() -> None:
    owing, _ = account(50, Owed(OLD, 1, 9))
    owing.dispute(OLD, ((6, 9),))
    owing.arrived(owing.leave(OLD, entries(1, 9)), 0)
    assert owing.oldest(UNCOVERED_MS, anyone) == (OLD, 1, 5), "a PUBACK is not a delivery"


def test_what_is_disputed_is_sent_once() -> None:
    owing, _ = account(50, Owed(OLD, 1, 5))
    owing.dispute(OLD, ((1, 5),))
    owing.arrived(owing.leave(OLD, entries(1, 5)), 0)
    assert owing.sent.records == 0, "no receipt can follow, so it does not count as under way"
    owing.connected()
    assert owing.oldest(10**9, anyone) is None
    owing.again(OLD)
    assert owing.oldest(0, anyone) == (OLD, 1, 5)


def test_an_account_without_a_ledger_owes_nothing() -> None:
    owing, store = account()
    store.tail, store.ranges = None, ()
    owing.connected()
    assert owing.oldest(0, anyone) is None
    assert owing.records() == 0


def test_live_takes_as_much_as_fits_one_message_and_one_ledger() -> None:
    fresh = Fresh()
    fresh.put(OLD, [entry(1, 400), entry(2, 400), entry(3, 400)])
    fresh.put(NEW, [entry(1, 400)])
    assert [e.seq for e in fresh.take(most_records=9, most_bytes=1_000)[1]] == [1, 2]
    assert fresh.take(most_records=9, most_bytes=1_000) == (OLD, [entry(3, 400)])
    assert fresh.take(most_records=9, most_bytes=10) == (NEW, [entry(1, 400)]), "one goes whatever its size"
    assert len(fresh) == 0
    with pytest.raises(IndexError):
        fresh.take(most_records=9, most_bytes=10)


@pytest.mark.parametrize(("how_many", "size"), [(FRESH_RECORDS + 1, 10), (17, 32 * 1024)])
def test_a_line_slower_than_the_station_never_costs_memory(how_many: int, size: int) -> None:
    fresh = Fresh()
    for seq in range(how_many):
        fresh.put(NEW, [entry(seq, size)])
    assert len(fresh) <= 1, "all of it became past"
