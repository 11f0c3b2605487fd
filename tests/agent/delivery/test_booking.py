"""Receipts that arrive: true ones, forged ones, old ones, and those of a centre that forgot."""

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from buffer.errors import StoreBroken
from buffer.store import Tail
from telemetry.envelope import HEAD, RECEIPT, Sealer
from telemetry.receipt import ReceiptStatus
from telemetry.record import ZERO_HASH
from tests.agent.delivery.world import (
    CENTRE_KEY,
    LEDGER,
    OTHER,
    STATION_KEY,
    World,
    another,
    key_of,
    running,
    world,
)
from tests.virtual_time import in_virtual_time

FULL: dict[str, Any] = {"number": 1_000, "through": 10}


async def ten_sent(w: World) -> None:
    """Ten records on their way to a centre that takes them and will not say so: what a forger needs."""
    await asyncio.sleep(1)
    w.centre.forgetful = True
    await w.station.commit(10)
    await asyncio.sleep(3)
    assert w.owed() == 10


async def hash_of_tenth(w: World) -> bytes:
    found = await w.store.hash_at(LEDGER, 10)
    assert found is not None
    return found


@in_virtual_time
async def test_a_true_receipt_is_a_delivery(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await ten_sent(w)
        w.centre.send(w.centre.receipt(**FULL, through_hash=await hash_of_tenth(w)))
        await asyncio.sleep(0.1)
        assert w.owed() == 0


@in_virtual_time
async def test_a_receipt_of_any_other_key_delivers_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await ten_sent(w)
        payload = w.centre.receipt(**FULL, through_hash=await hash_of_tenth(w))
        w.centre.send(payload, sealer=Sealer(key_of("broker"), RECEIPT))
        w.centre.send(payload, sealer=Sealer(STATION_KEY, RECEIPT))
        w.centre.send(payload, sealer=Sealer(CENTRE_KEY, HEAD))
        await asyncio.sleep(0.1)
        assert w.owed() == 10
        assert w.delivery.status().receipts_refused == 3


@pytest.mark.parametrize("damage", [b"", b"noise", b"\xd2\x84", b"\xff" * 40_000])
@in_virtual_time
async def test_noise_on_the_receipt_topic_is_counted_and_nothing_more(tmp_path: Path, damage: bytes) -> None:
    async with world(tmp_path) as w:
        await ten_sent(w)
        w.broker.take(f"tram/1/BD_VSIP_NUO001/receipt/{LEDGER.hex()}", damage, retain=False)
        await asyncio.sleep(0.1)
        assert (w.owed(), w.delivery.status().receipts_refused) == (10, 1)
        assert w.delivery.status().connected


@in_virtual_time
async def test_a_true_receipt_with_another_hash_delivers_nothing_and_starts_a_new_ledger_once(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        await ten_sent(w)
        w.centre.send(w.centre.receipt(**FULL, through_hash=b"?" * 32))
        w.centre.send(w.centre.receipt(number=1_001, through=10, through_hash=b"?" * 32))
        await asyncio.sleep(0.1)
        assert w.owed() == 10
        assert w.behind == [LEDGER]
        assert len(w.said("store-behind")) == 1


@in_virtual_time
async def test_a_receipt_beyond_our_newest_record_means_that_our_store_is_old(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await ten_sent(w)
        w.centre.send(w.centre.receipt(number=1_000, through=11, through_hash=b"?" * 32))
        await asyncio.sleep(0.1)
        assert w.owed() == 10
        assert w.behind == [LEDGER]


@in_virtual_time
async def test_another_stations_receipt_delivers_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await ten_sent(w)
        w.centre.send(w.centre.receipt(**FULL, through_hash=await hash_of_tenth(w), station="BD_OTHER"))
        await asyncio.sleep(0.1)
        assert w.owed() == 10
        assert "BD_OTHER" in str(w.said("receipt-refused")[-1]["why"])


@in_virtual_time
async def test_a_receipt_for_a_ledger_that_is_not_here_delivers_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await ten_sent(w)
        w.centre.send(w.centre.receipt(OTHER, **FULL, through_hash=await hash_of_tenth(w)), OTHER)
        await asyncio.sleep(0.1)
        assert w.owed() == 10
        assert OTHER.hex() in str(w.said("receipt-refused")[-1]["why"])


@in_virtual_time
async def test_a_receipt_that_is_not_newer_delivers_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await ten_sent(w)
        w.centre.send(w.centre.receipt(number=1_000))
        w.centre.send(w.centre.receipt(number=1_000, through=10, through_hash=await hash_of_tenth(w)))
        await asyncio.sleep(0.1)
        assert w.owed() == 10
        assert "not newer than 1000" in str(w.said("receipt-refused")[-1]["why"])


@in_virtual_time
async def test_a_flood_of_forgeries_is_one_line_in_the_log(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await ten_sent(w)
        for _ in range(500):
            w.broker.take(f"tram/1/BD_VSIP_NUO001/receipt/{LEDGER.hex()}", b"noise", retain=False)
        await asyncio.sleep(1)
        assert len(w.said("receipt-refused")) == 1
        assert w.delivery.status().receipts_refused == 500


@in_virtual_time
async def test_ranges_beyond_a_missing_record_are_delivered_too(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.centre.unwanted = {5}
        await asyncio.sleep(1)
        await w.station.commit(100)
        await asyncio.sleep(3)
        assert [(o.first, o.last) for o in w.store.owed("so-tnmt")] == [(5, 5)]
        w.centre.unwanted = set()
        await asyncio.sleep(35)
        assert w.owed() == 0


@in_virtual_time
async def test_a_centre_restored_from_a_backup_gets_everything_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.station.poll(300)
        await asyncio.sleep(5)
        assert w.owed() == 0
        w.centre.lose_all()
        await w.station.poll(90)
        await asyncio.sleep(5)
        assert w.alarms() == ["centre-restored"]
        assert w.owed() == 0
        assert sorted(w.centre.stored[LEDGER]) == list(range(1, 391))
        assert w.delivery.status().alarm is None, "all of it is there again"


@in_virtual_time
async def test_a_centre_restored_while_the_stations_disk_fails_gets_everything_again_as_soon_as_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as w:
        await w.station.poll(50)
        await asyncio.sleep(5)
        failing = AsyncMock(side_effect=StoreBroken("disk I/O error", "check the disk"))
        monkeypatch.setattr(w.store, "owe_again", failing)
        w.centre.lose_all()
        while not failing.await_count:
            await asyncio.sleep(1)
        monkeypatch.undo()
        await asyncio.sleep(70)
        assert w.owed() == 0
        assert sorted(w.centre.stored[LEDGER]) == list(range(1, 51))


@in_virtual_time
async def test_a_receipt_from_before_the_restore_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.station.poll(30)
        await asyncio.sleep(5)
        old = w.centre.receipt(number=9_999)
        w.centre.lose_all()
        await asyncio.sleep(70)
        w.centre.forgetful = True
        await w.station.commit(5)
        w.centre.send(old)
        await asyncio.sleep(0.1)
        assert w.owed() == 5
        assert "another store of the centre" in str(w.said("receipt-refused")[-1]["why"])


@in_virtual_time
async def test_a_centre_restored_while_the_agent_was_down_is_noticed_at_the_first_receipt(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        await w.station.poll(50)
        await asyncio.sleep(5)
        w.centre.lose_all()
        w.broker.cut()
        events: list[tuple[str, dict[str, object]]] = []
        restarted = another(w, w.broker.connector(), events)
        async with running([restarted]):
            await asyncio.sleep(30)
        assert ("destination.alarm", "centre-restored") in [(name, d.get("alarm")) for name, d in events]
        assert sorted(w.centre.stored[LEDGER]) == list(range(1, 51))


@in_virtual_time
async def test_a_restart_of_the_agent_alone_sends_nothing_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.station.poll(50)
        await asyncio.sleep(5)
        taken = len(w.centre.taken)
        events: list[tuple[str, dict[str, object]]] = []
        async with running([another(w, w.broker.connector(), events)]):
            await asyncio.sleep(30)
        assert len(w.centre.taken) == taken
        assert [name for name, _ in events if name == "destination.alarm"] == []


@pytest.mark.parametrize("status", [ReceiptStatus.HOLE, ReceiptStatus.FORK, ReceiptStatus.RE_ENROL])
@in_virtual_time
async def test_what_the_centre_thinks_of_the_ledger_is_an_alarm_until_it_thinks_better(
    tmp_path: Path, status: ReceiptStatus
) -> None:
    async with world(tmp_path) as w:
        await w.station.poll(5)
        w.centre.status = status
        await w.station.poll(5)
        kind = f"centre-says-{status.name.lower()}"
        assert w.alarms() == [kind]
        w.centre.status = ReceiptStatus.OK
        await w.station.poll(5)
        assert w.delivery.status().alarm is None


@in_virtual_time
async def test_what_the_centre_thinks_of_one_ledger_is_not_over_because_another_is_well(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        await w.station.poll(5)
        await w.station.begin(OTHER)
        w.centre.send(w.centre.receipt(LEDGER, number=1_000, status=ReceiptStatus.FORK))
        await w.station.poll(5)
        assert w.alarms() == ["centre-says-fork"]
        assert w.delivery.status().alarm is not None
        w.centre.send(w.centre.receipt(LEDGER, number=2_000))
        await asyncio.sleep(1)
        assert w.delivery.status().alarm is None


@in_virtual_time
async def test_what_a_centre_calls_a_hole_and_is_still_held_here_is_sent_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.station.poll(20)
        await asyncio.sleep(5)
        w.centre.forget(LEDGER, 7, 9)
        w.centre.status = ReceiptStatus.HOLE
        await w.station.poll(5)
        w.centre.status = ReceiptStatus.OK
        await asyncio.sleep(5)
        assert sorted(w.centre.stored[LEDGER]) == list(range(1, 26))
        assert w.owed() == 0


@in_virtual_time
async def test_a_receipt_for_nothing_yet_is_an_answer(tmp_path: Path) -> None:
    async with world(tmp_path, rows=20) as w:
        w.centre.deaf = True
        await asyncio.sleep(1)
        assert w.broker.of("past") == []
        w.centre.send(w.centre.receipt(through=0, through_hash=ZERO_HASH, ranges=()))
        await asyncio.sleep(0.1)
        assert w.broker.seqs("past") == list(range(1, 21))


@in_virtual_time
async def test_an_old_receipt_that_is_sent_again_after_a_restart_owes_nothing_and_alarms_nobody(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, rows=600, run=False) as w:
        async with w.running():
            await asyncio.sleep(60)
        assert w.owed() == 0
        early, last = w.broker.of("receipt")[0], len(w.broker.seqs("past"))
        w.broker.retained.clear()
        w.centre.deaf = True
        events: list[tuple[str, dict[str, object]]] = []
        restarted = another(w, w.broker.connector(), events)
        async with running([restarted]):
            await asyncio.sleep(1)
            w.broker.take(early.topic, early.payload, retain=False)
            await asyncio.sleep(1)
            assert (restarted.status().receipts_refused, w.owed()) == (1, 0)
            w.centre.deaf = False
            await asyncio.sleep(70)
        assert len(w.broker.seqs("past")) == last
        assert "destination.alarm" not in [name for name, _ in events]


@in_virtual_time
async def test_after_a_restart_the_receipts_of_the_centre_before_its_restoration_stay_old(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, rows=20, run=False) as w:
        async with w.running():
            await asyncio.sleep(30)
            old = w.centre.receipt()
            w.centre.lose_all()
            await asyncio.sleep(90)
        assert (w.owed(), w.alarms()) == (0, ["centre-restored"])
        w.broker.retained.clear()
        restarted = another(w, w.broker.connector(), [])
        async with running([restarted]):
            await asyncio.sleep(5)
            w.centre.send(old)
            await asyncio.sleep(1)
            assert (restarted.status().receipts_refused, restarted.status().alarm) == (1, None)


@pytest.mark.parametrize("named", ["by its own hash", "by another"])
@in_virtual_time
async def test_a_receipt_up_to_the_end_of_a_ledger_whose_last_records_were_lost_delivers_the_others(
    tmp_path: Path, named: str
) -> None:
    async with world(tmp_path, rows=10, run=False) as w:
        await w.station.begin(OTHER)
        end = Tail(LEDGER, 16, b"h" * 32)
        await w.store.reach([end])
        w.centre.forgetful = True
        async with w.running():
            await asyncio.sleep(1)
            said = end.prev if named == "by its own hash" else b"i" * 32
            w.centre.send(w.centre.receipt(number=1_000, through=15, through_hash=said))
            await asyncio.sleep(1)
        assert w.owed() == (0 if named == "by its own hash" else 10)
