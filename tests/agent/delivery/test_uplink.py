"""One connection: what is live, what becomes past, and what ends it."""

import asyncio
from pathlib import Path

from tests.agent.delivery.world import LEDGER, world
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_each_commit_is_one_live_message(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await asyncio.sleep(1)
        for size in (1, 3, 5):
            await w.station.commit(size)
            await asyncio.sleep(0.1)
        assert [message.seqs() for message in w.broker.of("live")] == [[1], [2, 3, 4], [5, 6, 7, 8, 9]]


@in_virtual_time
async def test_on_a_slow_line_messages_grow_instead_of_queueing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.broker.puback_s = 3.0
        await asyncio.sleep(4)
        await w.station.poll(100, every_s=0.1)
        await asyncio.sleep(10)
        live = w.broker.of("live")
        assert w.broker.seqs("live") == list(range(1, 101))
        assert [len(message.seqs()) for message in live[:8]] == [1] * 8
        assert len(live) < 45


@in_virtual_time
async def test_a_line_slower_than_the_station_turns_live_into_past(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        w.broker.puback_s = 100.0
        for _ in range(300):
            await w.station.commit(10, size=800)
            await asyncio.sleep(0.5)
        w.broker.puback_s = 0.01
        await asyncio.sleep(200)
        assert w.owed() == 0
        assert sorted(w.centre.stored[LEDGER]) == list(range(1, 3_001))


@in_virtual_time
async def test_live_leaves_room_in_a_broker_window_of_one(tmp_path: Path) -> None:
    async with world(tmp_path, rows=200, run=False) as w:
        w.broker.receive_maximum = 1
        async with w.running():
            await w.station.poll(60)
            await asyncio.sleep(5)
        assert w.owed() == 0


@in_virtual_time
async def test_every_message_is_acknowledged_also_what_was_no_receipt(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await asyncio.sleep(1)
        await w.station.commit()
        w.broker.take(f"tram/1/BD_VSIP_NUO001/receipt/{LEDGER.hex()}", b"noise", retain=False)
        await asyncio.sleep(5)
        (session,) = w.broker.sessions
        assert session.acknowledged == list(range(1, len(session.acknowledged) + 1))
        assert len(session.acknowledged) >= 3


@in_virtual_time
async def test_a_retained_receipt_delivers_but_is_no_answer(tmp_path: Path) -> None:
    async with world(tmp_path, rows=20, run=False) as w:
        w.centre.deaf = True
        found = await w.store.hash_at(LEDGER, 12)
        w.centre.send(w.centre.receipt(through=12, through_hash=found))
        async with w.running():
            await asyncio.sleep(5)
            assert w.owed() == 8
            assert w.broker.of("past") == []
            assert w.delivery.status().receipt_age_ms is None


@in_virtual_time
async def test_a_station_with_nothing_to_say_needs_no_receipts(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.centre.deaf = True
        await asyncio.sleep(3_600)
        assert len(w.broker.connects) == 1
        assert w.alarms() == []
