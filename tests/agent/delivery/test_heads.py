"""Heads: what the centre hears first, and every minute."""

import asyncio
from pathlib import Path

import pytest

from agent.delivery.heads import HEAD_EVERY_S
from telemetry.envelope import hash_of
from tests.agent.delivery.world import LEDGER, OTHER, STATION, world
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_the_head_is_the_first_word_on_a_connection_and_stays_at_the_broker(tmp_path: Path) -> None:
    async with world(tmp_path, rows=30) as w:
        await asyncio.sleep(1)
        first = w.broker.published[0]
        assert first.topic == f"tram/1/{STATION}/head/{LEDGER.hex()}"
        assert w.broker.retained[first.topic] == first.payload
        head = w.centre.heads[0]
        assert (head.station, head.ledger) == (STATION, LEDGER)
        assert (head.newest, head.lowest_held, head.owed) == (30, 1, ((1, 30),))
        newest = (await w.store.read(LEDGER, 30, 30, max_bytes=1, max_rows=1))[0]
        assert head.newest_hash == hash_of(newest.envelope)


@in_virtual_time
async def test_a_head_comes_every_minute_with_what_is_owed_then(tmp_path: Path) -> None:
    async with world(tmp_path, rows=30) as w:
        await asyncio.sleep(5.5 * HEAD_EVERY_S)
        assert len(w.centre.heads) == 6
        assert [head.owed for head in w.centre.heads[1:]] == [()] * 5


@in_virtual_time
async def test_a_head_never_owes_what_is_written_while_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, rows=30, run=False) as w:
        owed = w.store.owed
        monkeypatch.setattr(
            w.store, "owed", lambda whom: tuple(o._replace(last=o.last + 2) for o in owed(whom))
        )
        async with w.running():
            await asyncio.sleep(1)
        assert w.centre.heads[0].owed == ((1, 30),), "a centre refuses a head that owes beyond its newest"


@in_virtual_time
async def test_before_the_first_record_there_is_nothing_to_say(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await asyncio.sleep(200)
        assert w.broker.published == []
        await w.station.commit()
        await asyncio.sleep(1)
        assert [head.newest for head in w.centre.heads] == [1]


@in_virtual_time
async def test_an_older_ledger_has_a_head_while_it_owes_and_one_when_it_does_not_any_more(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, rows=30, run=False) as w:
        await w.station.begin(OTHER)
        await w.station.commit(5)
        async with w.running():
            await asyncio.sleep(3.5 * HEAD_EVERY_S)
        said = [(head.ledger, head.newest, head.owed) for head in w.centre.heads]
        assert said[:2] == [(OTHER, 5, ((1, 5),)), (LEDGER, 30, ((1, 30),))]
        assert said[2:4] == [(OTHER, 5, ()), (LEDGER, 30, ())]
        assert said[4:] == [(OTHER, 5, ())] * 2
        assert w.owed() == 0


@in_virtual_time
async def test_a_ledger_that_begins_during_a_connection_is_announced_at_once(tmp_path: Path) -> None:
    async with world(tmp_path, rows=3) as w:
        await asyncio.sleep(10)
        await w.station.begin(OTHER)
        await w.station.commit(2)
        await asyncio.sleep(3)
        assert [head.ledger for head in w.centre.heads] == [LEDGER, OTHER, LEDGER], (
            "and a last word on the old one"
        )
        assert w.owed() == 0
