"""Portions, rates and pauses."""

from random import Random

import pytest

from agent.delivery.pacing import KIB, BackOff, BatchSize, Patience, RateLimit, Stop

pytestmark = pytest.mark.pure

LEDGER = b"the first ledger"


def connected(announced: int | None = None) -> BatchSize:
    size = BatchSize()
    size.connected(announced)
    return size


def test_a_quick_broker_gets_twice_as_much_each_time_up_to_128_kib() -> None:
    size = connected()
    seen = []
    for at in range(6):
        seen.append(size.bytes // KIB)
        size.acknowledged(size.bytes, 40, at)
    assert seen == [8, 16, 32, 64, 128, 128]


def test_a_slow_puback_halves_the_batch_down_to_1_kib() -> None:
    size = connected()
    for at in range(5):
        size.acknowledged(size.bytes, 500, at)
    assert size.bytes == 1 * KIB


def test_a_small_batch_says_nothing_about_larger_ones() -> None:
    size = connected()
    size.acknowledged(500, 3, 0)
    assert size.bytes == 8 * KIB


def test_never_more_than_half_of_the_announced_packet() -> None:
    size = connected(40 * KIB)
    for at in range(5):
        size.acknowledged(size.bytes, 3, at)
    assert size.bytes == size.largest == 20 * KIB


def test_what_a_broker_threw_out_is_not_tried_again_for_ten_minutes() -> None:
    size = connected()
    for at in range(4):
        size.acknowledged(size.bytes, 3, at)
    size.thrown_out(64 * KIB, 10)
    size.connected(None)
    for at in range(20, 30):
        size.acknowledged(size.bytes, 3, at)
    assert size.bytes == 32 * KIB
    size.acknowledged(size.bytes, 3, 600_010)
    assert size.bytes == 64 * KIB, "a cut line looks the same, so the ceiling is not for ever"


def test_a_new_connection_starts_small() -> None:
    size = connected()
    size.acknowledged(size.bytes, 3, 0)
    size.connected(None)
    assert size.bytes == 8 * KIB


def test_two_hundred_records_a_second_whatever_the_batches() -> None:
    rate = RateLimit(200)
    assert rate.wait_s(1_000) == 0
    rate.spent(100, 1_000)
    assert rate.wait_s(1_000) == pytest.approx(0.5)
    rate.spent(100, 1_000)
    assert rate.wait_s(1_500) == pytest.approx(0.5)
    assert rate.wait_s(9_000) == 0
    rate.spent(200, 9_000)
    assert rate.wait_s(9_000) == pytest.approx(1.0), "an idle time is not saved up"


def test_pauses_double_up_to_a_minute_and_no_two_stations_agree() -> None:
    def pauses(seed: int) -> list[float]:
        back_off = BackOff(Random(seed), first_s=1.0, longest_s=60.0)
        return [back_off.next_s() for _ in range(9)]

    for pause, whole in zip(pauses(1), [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert whole / 2 <= pause <= whole
    assert pauses(1) != pauses(2)


def test_a_reset_begins_anew() -> None:
    back_off = BackOff(Random(1), first_s=1.0, longest_s=60.0)
    for _ in range(5):
        back_off.next_s()
    back_off.reset()
    assert back_off.next_s() <= 1.0


def test_patience_grows_from_three_minutes_to_thirty() -> None:
    patience = Patience()
    seen = []
    for _ in range(6):
        seen.append(patience.limit_ms // 60_000)
        patience.exhausted()
    assert seen == [3, 6, 12, 24, 30, 30]
    patience.reset()
    assert patience.limit_ms == 3 * 60_000


def test_one_record_that_is_thrown_out_three_times_stops_the_destination_for_ten_minutes() -> None:
    stop = Stop()
    assert [stop.thrown_out(LEDGER, 7, at) for at in range(3)] == [False, False, True]
    assert stop.stopped(600_001)
    assert not stop.stopped(600_002)
    assert stop.thrown_out(LEDGER, 7, 700_000), "the next try is one try"


def test_three_disconnects_at_three_records_are_a_bad_line() -> None:
    stop = Stop()
    assert not any(stop.thrown_out(LEDGER, seq, seq) for seq in range(1, 9))
    stop.thrown_out(LEDGER, 9, 10)
    stop.thrown_out(LEDGER, 9, 11)
    stop.passed()
    assert not stop.thrown_out(LEDGER, 9, 12)
