"""How a run begins: the same ledger, or a new one, and why."""

import pytest

from agent.sidecar import Sidecar
from agent.start import Start, Told, how_to_start
from buffer.store import Tail
from telemetry.bodies import BootReason
from telemetry.record import ZERO_HASH

pytestmark = pytest.mark.pure

OURS, OTHER, HASH, HASH_100 = b"a" * 16, b"b" * 16, b"h" * 32, b"i" * 32


def start(
    tail: Tail | None,
    beside: Sidecar | None,
    *,
    begun_from: bytes = b"",
    clean: bool = True,
    boots: int = 4,
    aside: Told | None = None,
) -> Start:
    return how_to_start(Told(tail, boots, begun_from, clean), beside, aside=aside)


def test_a_new_station_enrols_with_a_new_ledger() -> None:
    begun = start(None, None, boots=0)
    assert begun == (BootReason.ENROLMENT, True, None, 1)


def test_a_station_that_stopped_in_order_goes_on() -> None:
    assert start(Tail(OURS, 101, HASH), Sidecar(OURS, 4, 100)) == (BootReason.CLEAN_STOP, False, None, 5)


def test_a_power_cut_is_said() -> None:
    begun = start(Tail(OURS, 101, HASH), Sidecar(OURS, 4, 80), clean=False)
    assert (begun.reason, begun.new_ledger) == (BootReason.UNCLEAN_STOP, False)


def test_a_lost_store_begins_a_new_ledger_that_names_the_old_one() -> None:
    begun = start(None, Sidecar(OURS, 9, 100), boots=0)
    assert begun == (BootReason.STORE_LOST, True, (OURS, 100, ZERO_HASH), 10)


@pytest.mark.parametrize("tail", [Tail(OURS, 100, HASH), Tail(OURS, 5, HASH), Tail(OTHER, 5_000, HASH)])
def test_an_old_copy_of_the_store_begins_a_new_ledger_that_names_the_end_beside_the_key(tail: Tail) -> None:
    begun = start(tail, Sidecar(OURS, 9, 100, HASH_100))
    assert begun == (BootReason.STORE_RESTORED, True, (OURS, 100, HASH_100), 10)


def test_a_damaged_store_that_still_knows_its_end_is_believed_before_the_older_file_beside_the_key() -> None:
    aside = Told(Tail(OURS, 131, HASH), boots=12)
    begun = start(None, Sidecar(OURS, 9, 100, HASH_100), boots=0, aside=aside)
    assert begun == (BootReason.QUARANTINE, True, (OURS, 130, HASH), 13)
    assert start(None, None, boots=0, aside=aside).before == (OURS, 130, HASH)


def test_a_damaged_store_that_knows_nothing_ends_where_the_file_beside_the_key_says() -> None:
    begun = start(None, Sidecar(OURS, 9, 100, HASH_100), boots=0, aside=Told(None))
    assert begun == (BootReason.QUARANTINE, True, (OURS, 100, HASH_100), 10)


def test_a_damaged_copy_that_is_older_than_the_file_beside_the_key_does_not_shorten_the_ledger() -> None:
    beside = Sidecar(OURS, 9, 100, HASH_100)
    assert start(None, beside, aside=Told(Tail(OURS, 81, HASH))).before == (OURS, 100, HASH_100)
    assert start(None, beside, aside=Told(Tail(OTHER, 500, HASH))).before == (OURS, 100, HASH_100)
    newer = Told(Tail(OTHER, 3, HASH), begun_from=OURS)
    assert start(None, beside, aside=newer).before == (OTHER, 2, HASH)


def test_a_crash_before_the_file_beside_the_key_named_the_new_ledger_is_no_restore() -> None:
    begun = start(Tail(OTHER, 3, HASH), Sidecar(OURS, 4, 100), begun_from=OURS, clean=False)
    assert (begun.reason, begun.new_ledger) == (BootReason.UNCLEAN_STOP, False)


def test_another_key_or_station_id_begins_a_new_ledger_that_names_the_old_one() -> None:
    begun = how_to_start(Told(Tail(OURS, 101, HASH), 4, clean=True, signer=b"before"), None, signer=b"today")
    assert begun == (BootReason.ENROLMENT, True, (OURS, 100, HASH), 5)


def test_without_the_file_the_store_goes_on() -> None:
    assert not start(Tail(OURS, 3, HASH), None).new_ledger


def test_the_boot_counter_never_goes_back() -> None:
    assert start(Tail(OURS, 101, HASH), Sidecar(OURS, 40, 100), boots=4).boots == 41
