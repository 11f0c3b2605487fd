"""Delivery to one destination: outages, brokers that lie, centres that forget, and the way back."""

import asyncio
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from agent.send import Delivery
from mqtt.errors import BrokerUnfit
from mqtt.session import Session
from telemetry.envelope import HEAD, Sealer
from telemetry.record import Kind
from tests.agent.delivery.world import (
    LEDGER,
    STATION_KEY,
    Broker,
    Centre,
    Station,
    another,
    open_store,
    plan_of,
    running,
    world,
)
from tests.virtual_time import VirtualClock, in_virtual_time

MINUTE_S = 60.0


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
        assert len(w.broker.connects) < 30, "it does not hammer a broker that is away"


@in_virtual_time
async def test_after_an_outage_the_first_dial_comes_within_a_part_of_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for outage_s in (20, 40, 60, 80, 120):
            await w.station.poll(20)
            w.broker.stop()
            await asyncio.sleep(outage_s)
            before = len(w.broker.connects)
            w.broker.start()
            began_s = asyncio.get_running_loop().time()
            while len(w.broker.connects) == before:
                await asyncio.sleep(0.1)
            assert asyncio.get_running_loop().time() - began_s < outage_s * 0.45


@in_virtual_time
async def test_a_connection_that_breaks_every_minute_loses_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for _ in range(20):
            await w.station.poll(60)
            w.broker.cut()
        await asyncio.sleep(10)
        assert w.owed() == 0
        assert sorted(w.centre.stored[LEDGER]) == list(range(1, 1_201))


@in_virtual_time
async def test_ten_thousand_owed_records_drain_in_order_with_fresh_ones_between(tmp_path: Path) -> None:
    async with world(tmp_path, rows=10_000) as w:
        await asyncio.sleep(1)
        began_s = asyncio.get_running_loop().time()
        delays_s = []
        while w.owed() > 10:
            await w.station.commit()
            committed_s = asyncio.get_running_loop().time()
            await asyncio.sleep(0.5)
            delays_s.append(w.broker.of("live")[-1].at_s - committed_s)
        took_s = asyncio.get_running_loop().time() - began_s
        past = w.broker.seqs("past")
        assert past == list(range(1, 10_001))
        assert 10_000 / 200 - 3 <= took_s <= 10_000 / 200 * 1.3
        assert max(delays_s) < 0.01, "a fresh record never waits for the backlog"
        assert len(w.broker.seqs("live")) == len(delays_s)


@in_virtual_time
async def test_a_broker_that_acknowledges_without_a_centre_delivers_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, rows=100) as w:
        w.centre.deaf = True
        await w.station.poll(170)
        assert w.alarms() == []
        assert w.broker.of("past") == [], "the backlog waits for a centre that answers our head"
        await w.station.poll(40)
        assert w.owed() == 310
        assert w.alarms() == ["no-receipt"]
        status = w.delivery.status()
        assert status.alarm is not None
        assert "Is the centre running?" in status.alarm
        await asyncio.sleep(2 * 3_600)
        tries_s = w.broker.connects
        gaps = [round((later - sooner) / MINUTE_S) for sooner, later in pairwise(tries_s)]
        assert gaps[:4] == [3, 6, 12, 24]
        assert set(gaps[4:]) == {30}
        w.centre.deaf = False
        await asyncio.sleep(70)
        assert w.owed() == 0, "no longer than the next head"
        assert w.said("alarm-over") == [{"destination": "so-tnmt", "alarm": "no-receipt"}]
        assert w.delivery.status().alarm is None


@in_virtual_time
async def test_the_pauses_grow_until_a_receipt_not_until_a_connack(tmp_path: Path) -> None:
    async with world(tmp_path, rows=5) as w:
        w.centre.deaf = True
        for _ in range(8):
            while not w.delivery.status().connected:
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)
            w.broker.cut()
            await asyncio.sleep(0.1)
        gaps = [later - sooner for sooner, later in pairwise(w.broker.connects)]
        assert gaps[-1] > 20
        w.centre.deaf = False
        while w.owed():
            await asyncio.sleep(0.1)
        w.broker.cut()
        await asyncio.sleep(2)
        assert w.delivery.status().connected


@in_virtual_time
async def test_a_refused_publish_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.broker.refused["live"] = 0x87
        await w.station.poll(1_800)
        assert w.alarms() == ["refused"]
        assert "not authorized" in (w.delivery.status().alarm or "")
        assert len(w.broker.connects) < 40
        del w.broker.refused["live"]
        await w.station.poll(400)
        await asyncio.sleep(30)
        assert w.owed() == 0
        assert w.delivery.status().alarm is None


@in_virtual_time
async def test_a_broker_that_cannot_carry_an_envelope_is_one_alarm(tmp_path: Path) -> None:
    async with world(tmp_path, run=False) as w:
        tries: list[float] = []

        def unfit() -> AbstractAsyncContextManager[Session]:
            tries.append(asyncio.get_running_loop().time())
            raise BrokerUnfit("broker.example:8883: takes packets of 20480 bytes only, 40960 are needed")

        events: list[tuple[str, dict[str, object]]] = []
        delivery = another(w, unfit, events)
        async with running([delivery]):
            await asyncio.sleep(3_600)
        assert [d["alarm"] for name, d in events if name == "destination.alarm"] == ["unfit"]
        assert len(tries) < 30
        assert (
            delivery.status().trouble
            == "broker.example:8883: takes packets of 20480 bytes only, 40960 are needed"
        )


@in_virtual_time
async def test_a_limit_that_nobody_announced_is_found_by_halving(tmp_path: Path) -> None:
    async with world(tmp_path, rows=2_000) as w:
        w.broker.hidden_limit = 20_000
        await asyncio.sleep(60)
        assert w.owed() == 0
        assert w.alarms() == []
        assert max(len(message.payload) for message in w.broker.of("past")) <= 20_000
        assert len(w.broker.connects) == 2, "one disconnect was enough to learn it"


@in_virtual_time
async def test_a_record_that_no_broker_takes_stops_the_destination_but_not_its_heads(tmp_path: Path) -> None:
    async with world(tmp_path, run=False) as w:
        w.broker.hidden_limit = 20_000
        await w.station.commit(5)
        await w.station.commit(1, size=30_000)
        await w.station.commit(5)
        async with running([w.delivery]):
            await asyncio.sleep(60)
            assert w.alarms() == ["stopped"]
            assert "record 6" in (w.delivery.status().alarm or "")
            tries, heads = len(w.broker.connects), len(w.centre.heads)
            await w.station.poll(300)
            assert len(w.broker.connects) == tries, "no loop of disconnects"
            assert len(w.centre.heads) >= heads + 4
            assert w.broker.seqs("live") == []
            w.broker.hidden_limit = None
            await asyncio.sleep(600)
            assert w.owed() == 0
            assert w.delivery.status().alarm is None


@in_virtual_time
async def test_a_line_that_breaks_long_after_a_publish_is_not_blamed_on_its_size(tmp_path: Path) -> None:
    async with world(tmp_path, rows=300) as w:
        w.broker.puback_s = 60.0
        await asyncio.sleep(90)
        w.broker.cut()
        w.broker.puback_s = 0.005
        await asyncio.sleep(10)
        assert w.delivery.status().batch_bytes > 8 * 1024
        assert w.alarms() == []


@in_virtual_time
async def test_of_two_destinations_the_dead_one_holds_nobody_up(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = await open_store(tmp_path, "so-tnmt", "bo-tnmt")
    station = Station(store, clock)
    brokers = {"so-tnmt": Broker(), "bo-tnmt": Broker()}
    brokers["bo-tnmt"].puback_s = 10**6
    Centre(brokers["so-tnmt"], clock)
    Centre(brokers["bo-tnmt"], clock)
    station.deliveries = [
        Delivery(
            plan_of(name),
            store,
            broker.connector(),
            Sealer(STATION_KEY, HEAD),
            clock,
            Random(1),
            lambda *_: None,
            restored_store=lambda _: None,
        )
        for name, broker in brokers.items()
    ]
    await station.begin()
    async with running(station.deliveries):
        await station.poll(600)
        await asyncio.sleep(3)
        owed = {name: sum(o.last - o.first + 1 for o in store.owed(name)) for name in brokers}
    assert owed == {"so-tnmt": 0, "bo-tnmt": 600}
    await store.close()


@in_virtual_time
async def test_ack_broker_counts_a_puback_and_says_so_loudly_once(tmp_path: Path) -> None:
    async with world(tmp_path, rows=50, ack="broker") as w:
        w.centre.deaf = True
        await w.station.poll(600)
        w.broker.cut()
        await w.station.poll(60)
        assert w.owed() == 0
        assert w.alarms() == ["ack-broker"]
        assert sorted({*w.broker.seqs("live"), *w.broker.seqs("past")}) == list(range(1, 711))
        assert len(w.broker.connects) == 2, "without receipts there is no silence to end a connection"


@in_virtual_time
async def test_a_defect_is_raised_and_the_next_run_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path, run=False) as w:

        def broken() -> AbstractAsyncContextManager[Session]:
            raise ZeroDivisionError("a defect")

        delivery = another(w, broken, [])
        with pytest.raises(ZeroDivisionError):
            await delivery.run()
        assert not delivery.status().connected


@in_virtual_time
async def test_a_defect_inside_a_connection_is_not_taken_for_a_lost_line(tmp_path: Path) -> None:
    async with world(tmp_path, run=False) as w:
        await w.station.commit()
        w.broker.consumers.append(fall_over)
        with pytest.raises(ExceptionGroup, match="TaskGroup"):
            await w.delivery.run()


@in_virtual_time
async def test_a_refusal_explains_a_connection_better_than_its_loss(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await asyncio.sleep(1)
        w.broker.refused["live"] = 0x97
        await w.station.commit()
        await asyncio.sleep(1)
        assert w.said("disconnected")[0]["fault"] == "Refused"


@in_virtual_time
async def test_an_outage_is_said_once_however_often_it_is_tried(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await asyncio.sleep(1)
        for _ in range(2):
            w.broker.stop()
            tried = len(w.broker.connects)
            await asyncio.sleep(3_600)
            assert len(w.broker.connects) > tried + 20
            words = w.delivery.status().trouble
            w.broker.start()
            await asyncio.sleep(120)
            assert w.delivery.status().trouble is None
            said = [event["why"] for event in w.said("disconnected")]
            assert said[-1] == words, "status and log say the same"
    assert len(w.said("connected")) == 3
    assert said[: len(said) // 2] == said[len(said) // 2 :], "the second outage is said as the first was"
    assert all(one != next_one for one, next_one in pairwise(said))


@pytest.mark.parametrize("moment", range(8))
@in_virtual_time
async def test_a_stop_in_the_moment_of_a_loss_is_still_a_stop(tmp_path: Path, moment: int) -> None:
    async with world(tmp_path, run=False) as w:
        delivering = asyncio.create_task(w.delivery.run())
        await asyncio.sleep(1)
        w.broker.cut()
        for _ in range(
            moment
        ):  # at one of them the tasks have met the loss, and their group has not ended yet
            await asyncio.sleep(0)
        delivering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(delivering, 5)


@in_virtual_time
async def test_status_tells_how_a_destination_stands(tmp_path: Path) -> None:
    async with world(tmp_path, records_per_s=50) as w:
        before = w.delivery.status()
        assert (before.connected, before.trouble) == (False, "not connected yet")
        assert (before.receipt_number, before.receipt_age_ms) == (None, None)
        await w.station.commit(3, kind=Kind.EVENT)
        await asyncio.sleep(5)
        now = w.delivery.status()
        assert (now.destination, now.connected, now.trouble, now.alarm) == ("so-tnmt", True, None, None)
        assert (now.owed, now.unreceipted, now.records_per_s) == (0, 0, 50)
        assert now.receipt_number is not None
        assert now.receipt_age_ms is not None
        assert 0 < now.receipt_age_ms < 5_000
        w.broker.stop()
        await asyncio.sleep(0.1)
        assert w.delivery.status().trouble == "broker.example:8883: the connection ended"


def fall_over(_message: object) -> None:
    raise ZeroDivisionError("a defect")
