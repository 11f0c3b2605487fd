"""The backlog: in order, in portions, at its pace, and never in the way."""

import asyncio
import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

from buffer.errors import StoreDamaged
from telemetry.keys import KeyRing
from telemetry.record import Kind
from tests.agent.delivery.world import LEDGER, OTHER, STATION_KEY, World, key_of, world
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_boot_and_configuration_go_before_everything_newer(tmp_path: Path) -> None:
    async with world(tmp_path, rows=40, run=False) as w:
        await w.station.commit(1, kind=Kind.BOOT)
        await w.station.commit(3, kind=Kind.CONFIGURATION)
        await w.station.commit(40)
        w.centre.deaf = True
        async with w.running():
            await asyncio.sleep(1)
            assert w.broker.seqs("past") == [41, 42, 43, 44], (
                "a centre that does not know us yet needs the key"
            )
            await w.station.commit()
            await asyncio.sleep(0.1)
            w.centre.deaf = False
            w.broker.cut()
            await asyncio.sleep(10)
        assert w.owed() == 0
        kinds = [message.kind for message in w.broker.published]
        assert kinds[:3] == ["head", "past", "live"]


@in_virtual_time
async def test_many_boots_go_in_portions_of_one_ledger_each(tmp_path: Path) -> None:
    async with world(tmp_path, run=False) as w:
        for _ in range(30):
            await w.station.commit(1, kind=Kind.BOOT, size=900)
        await w.station.begin(OTHER)
        await w.station.commit(1, kind=Kind.BOOT)
        w.centre.deaf = True
        async with w.running():
            await asyncio.sleep(1)
        past = w.broker.of("past")
        assert w.broker.seqs("past") == [*range(1, 31), 1]
        assert max(len(message.payload) for message in past) <= 2 * 16 * 1024
        assert past[-1].seqs() == [1]


@in_virtual_time
async def test_one_batch_at_a_time_and_slow_pubacks_make_them_small(tmp_path: Path) -> None:
    async with world(tmp_path, rows=1_400, records_per_s=10_000) as w:
        w.broker.puback_s = 0.8
        await asyncio.sleep(60)
        past = w.broker.of("past")
        sizes = [len(message.payload) for message in past]
        assert sizes[0] <= 8 * 1024
        assert sizes[3] <= 1_100
        gaps_s = [later.at_s - sooner.at_s for sooner, later in itertools.pairwise(past)]
        assert min(gaps_s) >= 0.8, "never two at once"


@in_virtual_time
async def test_quick_pubacks_make_them_large_up_to_half_of_what_the_broker_announced(tmp_path: Path) -> None:
    async with world(tmp_path, rows=1_400, records_per_s=100_000, run=False) as w:
        w.broker.announced_limit = 64 * 1024
        async with w.running():
            await asyncio.sleep(20)
        sizes = [len(message.payload) for message in w.broker.of("past")]
        assert 7 * 1024 < sizes[0] <= 8 * 1024
        assert 15 * 1024 < sizes[1] <= 16 * 1024
        assert 31 * 1024 < max(sizes) <= 32 * 1024
        assert w.owed() == 0


@in_virtual_time
async def test_records_sent_and_never_receipted_go_again(tmp_path: Path) -> None:
    async with world(tmp_path, rows=5) as w:
        w.centre.forgetful = True
        await asyncio.sleep(1)
        await w.station.commit(5)
        await asyncio.sleep(28)
        assert (w.broker.seqs("past"), w.broker.seqs("live")) == ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])
        await asyncio.sleep(5)
        assert w.broker.seqs("past") == [1, 2, 3, 4, 5, *range(1, 11)][: len(w.broker.seqs("past"))]
        assert len(w.broker.seqs("past")) == 15
        w.centre.forgetful = False
        await asyncio.sleep(35)
        assert w.owed() == 0


@in_virtual_time
async def test_no_more_than_2000_records_are_ever_without_a_receipt(tmp_path: Path) -> None:
    async with world(tmp_path, rows=5_000, records_per_s=1_000) as w:
        w.centre.forgetful = True
        most = 0
        for _ in range(250):
            await w.station.commit(10)
            await asyncio.sleep(0.1)
            most = max(most, w.delivery.status().unreceipted)
        assert 1_990 <= most <= 2_000
        assert len(w.broker.seqs("past")) <= 1_500 + 300, "a quarter is kept for live"
        w.centre.forgetful = False
        await until_nothing_is_owed(w, 200)
        assert sorted(w.centre.stored[LEDGER]) == list(range(1, 7_501))


@in_virtual_time
async def test_records_that_the_centre_will_not_have_are_never_in_the_way(tmp_path: Path) -> None:
    async with world(tmp_path, rows=6_000) as w:
        w.centre.unwanted = set(range(1, 1_601))
        await asyncio.sleep(150)
        stored = w.centre.stored[LEDGER]
        assert set(range(1_601, 6_001)) <= set(stored)
        assert w.owed() == 1_600


@in_virtual_time
async def test_a_backlog_is_not_poured_out_before_a_centre_that_fell_silent(tmp_path: Path) -> None:
    async with world(tmp_path, rows=6_000) as w:
        await asyncio.sleep(5)
        w.centre.deaf = True
        await asyncio.sleep(170)
        sent = len(w.broker.seqs("past"))
        assert sent < 6_000
        await asyncio.sleep(1_000)
        assert len(w.broker.seqs("past")) == sent
        w.centre.deaf = False
        await until_nothing_is_owed(w, 200)


@in_virtual_time
async def test_older_ledgers_are_drained_too_and_the_current_one_does_not_wait_for_them(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, rows=300, run=False) as w:
        await w.station.begin(OTHER)
        await w.station.commit(300)
        w.centre.mute.add(LEDGER)
        async with w.running():
            await asyncio.sleep(20)
            assert sorted(w.centre.stored[OTHER]) == list(range(1, 301))
            assert w.centre.stored[LEDGER] == {}
            w.centre.mute.clear()
            await asyncio.sleep(70)
            assert sorted(w.centre.stored[LEDGER]) == list(range(1, 301))
            assert w.owed() == 0


@in_virtual_time
async def test_of_an_older_ledger_that_no_receipt_can_prove_each_record_goes_once(tmp_path: Path) -> None:
    async with world(tmp_path, rows=20, run=False) as w:
        await w.station.begin(OTHER)
        await w.station.commit(1)
        w.centre.claims = {LEDGER: 500}
        async with w.running():
            for _ in range(5):
                await asyncio.sleep(100)
                w.broker.cut()
            sent = [seq for message in w.broker.of("past") for seq in message.seqs()]
        assert sent.count(20) == 1
        assert w.behind == [], "only the ledger that is being written can be started anew"
        assert w.owed() == 20


@in_virtual_time
async def test_an_owed_record_that_is_not_here_is_said_once_and_passed_over(tmp_path: Path) -> None:
    async with world(tmp_path, rows=100, run=False) as w:
        w.damage(40, 49)
        async with w.running():
            await asyncio.sleep(300)
        assert w.said("not-held") == [
            {"destination": "so-tnmt", "ledger": LEDGER.hex(), "ranges": [(40, 49)]}
        ]
        assert w.owed() == 10
        assert len(w.centre.stored[LEDGER]) == 90


async def until_nothing_is_owed(w: World, longest_s: float) -> None:
    async with asyncio.timeout(longest_s):
        while w.owed():
            await asyncio.sleep(0.5)


@in_virtual_time
async def test_a_record_that_rotted_in_the_store_takes_no_message_along_and_is_said_to_be_damage(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, rows=20, run=False, signers=KeyRing([STATION_KEY.public])) as w:
        found: list[StoreDamaged] = []
        w.store.damaged = found.append
        _rot(tmp_path, seq=7)
        async with w.running():
            await asyncio.sleep(30)
        assert w.broker.seqs("past") == []
        assert "record 7 has rotted in the store" in str(found[0])


@in_virtual_time
async def test_a_record_of_an_earlier_key_is_sent_although_nobody_here_can_prove_it(tmp_path: Path) -> None:
    async with world(tmp_path, rows=20, run=False, signers=KeyRing([key_of("the new key").public])) as w:
        async with w.running():
            await asyncio.sleep(30)
        assert w.owed() == 0


def _rot(folder: Path, seq: int) -> None:
    (file,) = folder.glob("*.db")
    with closing(sqlite3.connect(file, isolation_level=None)) as conn:
        (envelope,) = conn.execute("SELECT envelope FROM entry WHERE seq = ?", (seq,)).fetchone()
        half = len(envelope) // 2
        rotten = envelope[:half] + bytes([envelope[half] ^ 1]) + envelope[half + 1 :]
        conn.execute("UPDATE entry SET envelope = ? WHERE seq = ?", (rotten, seq))
