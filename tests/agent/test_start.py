"""How a run begins: the same ledger, or a new one, and why."""

import pytest

from agent.sidecar import Sidecar
from agent.start import Start, how_to_start
from buffer.store import Tail
from telemetry.bodies import BootReason
from telemetry.record import ZERO_HASH

pytestmark = pytest.mark.pure

OURS, OTHER, HASH = b"a" * 16, b"b" * 16, b"h" * 32


def start(
    tail: Tail | None, beside: Sidecar | None, *, begun_from: bytes = b"", clean: bool = True, boots: int = 4
) -> Start:
    return how_to_start(tail, beside, stored_boots=boots, begun_from=begun_from, clean=clean)


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
def test_an_old_copy_of_the_store_begins_a_new_ledger(tail: Tail) -> None:
    begun = start(tail, Sidecar(OURS, 9, 100))
    assert begun == (BootReason.STORE_RESTORED, True, (tail.ledger, tail.next_seq - 1, HASH), 10)


def test_a_crash_before_the_file_beside_the_key_named_the_new_ledger_is_no_restore() -> None:
    begun = start(Tail(OTHER, 3, HASH), Sidecar(OURS, 4, 100), begun_from=OURS, clean=False)
    assert (begun.reason, begun.new_ledger) == (BootReason.UNCLEAN_STOP, False)


def test_another_key_or_station_id_begins_a_new_ledger_that_names_the_old_one() -> None:
    begun = how_to_start(
        Tail(OURS, 101, HASH), None, stored_boots=4, begun_from=b"", clean=True, same_signer=False
    )
    assert begun == (BootReason.ENROLMENT, True, (OURS, 100, HASH), 5)


def test_without_the_file_the_store_goes_on() -> None:
    assert not start(Tail(OURS, 3, HASH), None).new_ledger


def test_the_boot_counter_never_goes_back() -> None:
    assert start(Tail(OURS, 101, HASH), Sidecar(OURS, 40, 100), boots=4).boots == 41
