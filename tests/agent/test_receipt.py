"""What a receipt is worth: threat T8 in all its variants, and coverage."""

from typing import Any

import pytest

from agent.receipt import Held, Judged, Seen, Verdict, judge, seen, seqs_to_check, silent_about
from telemetry.receipt import Receipt, ReceiptStatus

pytestmark = pytest.mark.pure

LEDGER = b"the first ledger"
STORE, RESTORED = b"1" * 16, b"2" * 16


def hash_of(seq: int) -> bytes:
    return seq.to_bytes(32)


def receipt(through: int = 10, *ranges: tuple[int, int], **changed: Any) -> Receipt:
    fields: dict[str, Any] = {
        "station": "NUO001",
        "ledger": LEDGER,
        "through": through,
        "through_hash": hash_of(through),
        "ranges": tuple((first, last, hash_of(last)) for first, last in ranges),
        "store_id": STORE,
        "number": 5,
        "wall_ms": 1_000_000,
        "status": ReceiptStatus.OK,
        **changed,
    }
    return Receipt(**fields)


def judged(
    said: Receipt,
    *,
    last: Seen | None = None,
    newest: int = 100,
    current: bool = True,
    hashes: dict[int, bytes | None] | None = None,
) -> Judged:
    owed = ((1, newest),)
    known = {seq: hash_of(seq) for seq in seqs_to_check(said, owed)} if hashes is None else hashes
    return judge(said, station="NUO001", last=last, held=Held(newest, current, owed, known))


def test_it_covers_everything_up_to_through_and_the_ranges_beyond() -> None:
    assert judged(receipt(10, (20, 30), (40, 40))) == Judged(
        Verdict.ACCEPTED, covered=((1, 10), (20, 30), (40, 40))
    )


def test_nothing_yet_covers_nothing() -> None:
    said = receipt(0)
    assert seqs_to_check(said, ((1, 100),)) == ()
    assert judged(said) == Judged(Verdict.ACCEPTED)


def test_another_stations_receipt_is_not_ours() -> None:
    said = judged(receipt(10, station="NUO002"))
    assert said.verdict is Verdict.REFUSED
    assert "NUO002" in said.why


@pytest.mark.parametrize("number", [4, 5])
def test_a_replayed_receipt_is_refused(number: int) -> None:
    said = judged(receipt(10, number=number), last=Seen(STORE, 5, 900_000))
    assert said.verdict is Verdict.REFUSED
    assert "not newer than 5" in said.why


def test_a_newer_number_counts_whatever_the_centres_clock_says() -> None:
    assert judged(receipt(10, number=6, wall_ms=1), last=Seen(STORE, 5, 900_000)).verdict is Verdict.ACCEPTED


def test_another_store_id_with_a_later_wall_time_is_a_restored_centre() -> None:
    said = judged(receipt(10, store_id=RESTORED, number=1), last=Seen(STORE, 5, 900_000))
    assert said.verdict is Verdict.ACCEPTED
    assert said.new_store


def test_a_receipt_of_the_store_before_the_restore_is_refused() -> None:
    said = judged(receipt(10, number=99), last=Seen(RESTORED, 1, 1_000_000))
    assert said.verdict is Verdict.REFUSED


def test_through_beyond_our_newest_means_that_our_store_is_old() -> None:
    said = judged(receipt(101), hashes={101: None})
    assert said == Judged(
        Verdict.BEYOND, why="the centre has record 101 of this ledger, the store here ends at 100"
    )


def test_a_range_beyond_our_newest_means_the_same() -> None:
    assert judged(receipt(10, (90, 120)), hashes={10: hash_of(10), 120: None}).verdict is Verdict.BEYOND


def test_another_hash_at_through_is_never_a_delivery() -> None:
    said = judged(receipt(10), hashes={10: hash_of(99)})
    assert said.verdict is Verdict.BEYOND
    assert said.covered == ()


def test_a_range_whose_end_we_no_longer_hold_does_not_count() -> None:
    said = judged(receipt(10, (20, 30)), hashes={10: hash_of(10), 30: None})
    assert said.covered == ((1, 10),)
    assert said.unproven == ((20, 30),)


def test_an_older_ledger_of_which_the_centre_has_more_is_no_alarm_and_no_delivery() -> None:
    said = judged(receipt(150), current=False, hashes={150: None})
    assert said == Judged(Verdict.ACCEPTED, unproven=((1, 100),))


def test_only_what_covers_something_owed_is_looked_up() -> None:
    assert seqs_to_check(receipt(10, (20, 30), (40, 50)), ((45, 60),)) == (10, 50)


def test_the_next_receipt_is_compared_with_this_one() -> None:
    assert seen(receipt(10)) == Seen(STORE, 5, 1_000_000)


def test_what_the_centre_does_not_list_it_does_not_have() -> None:
    assert silent_about(receipt(10, (20, 30)), 5, 40) == ((11, 19), (31, 40))
    assert silent_about(receipt(50), 5, 40) == ()


def test_of_sixty_four_ranges_the_gap_before_the_last_says_nothing() -> None:
    ranges = [(at * 10, at * 10 + 5) for at in range(2, 65)] + [(900, 950)]
    silent = silent_about(receipt(10, *ranges), 1, 1_000)
    assert silent[0] == (11, 19)
    assert silent[-1] == (636, 639)


def test_a_note_of_the_newest_receipt_is_read_back_and_any_other_note_is_none() -> None:
    newest = Seen(b"store-id" * 2, 2**64 - 1, 1_800_000_000_000)
    assert Seen.load(newest.dump()) == newest
    assert Seen.load(b"") is None
    assert Seen.load(newest.dump()[1:]) is None
