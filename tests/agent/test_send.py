"""Delivery to one destination: outages, brokers that lie, centres that forget, and the way back."""

import asyncio
from pathlib import Path

from tests.agent.delivery_world import LEDGER, world
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_fresh_record_leaves_at_its_commit_and_is_delivered_by_a_receipt(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await asyncio.sleep(1)
        await w.station.commit()
        await asyncio.sleep(0.001)
        assert w.broker.seqs("live") == [1]
        assert w.owed() == 1, "a PUBACK is not a delivery"
        await asyncio.sleep(3)
        assert w.owed() == 0
        assert w.broker.of("past") == []


@in_virtual_time
async def test_after_an_outage_everything_arrives_once_and_in_order(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.station.poll(20)
        w.broker.stop()
        await w.station.poll(600)
        w.broker.start()
        await w.station.poll(120)
        await asyncio.sleep(5)
        assert w.owed() == 0
        assert sorted(w.centre.stored[LEDGER]) == list(range(1, 741))
        past = w.broker.seqs("past")
        assert past == sorted(past)
        assert len(w.centre.taken) <= 745, (
            "the few that were on their way when the broker went may come twice"
        )
        assert len(w.broker.connects) < 25, "it does not hammer a broker that is away"
