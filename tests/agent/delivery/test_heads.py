"""Heads: what the centre hears first, and every minute."""

import asyncio
from pathlib import Path

import pytest

from agent.delivery.heads import HEAD_EVERY_S
from buffer.store import Tail
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


@in_virtual_time
async def test_a_ledger_of_which_nothing_could_be_saved_has_a_head_that_owes_nothing(tmp_path: Path) -> None:
    lost = Tail(b"a lost ledger...", 41, b"h" * 32)
    async with world(tmp_path, rows=30, run=False) as w:
        await w.store.reach([lost])
        async with w.running():
            await asyncio.sleep(2.5 * HEAD_EVERY_S)
        said = [head for head in w.centre.heads if head.ledger == lost.ledger]
        assert [(head.newest, head.newest_hash, head.owed) for head in said] == [(40, lost.prev, ())]


@in_virtual_time
async def test_while_a_damaged_file_is_read_older_ledgers_owe_everything_and_then_what_they_do(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, rows=30, run=False) as w:
        await w.station.begin(OTHER)
        await w.station.commit(5)
        await w.store.delivered("centre", LEDGER, [(1, 30)])
        w.store.reading_back = True
        async with w.running():
            await asyncio.sleep(1.5 * HEAD_EVERY_S)
            w.store.reading_back = False
            await asyncio.sleep(3 * HEAD_EVERY_S)
        assert [head.owed for head in w.centre.heads if head.ledger == LEDGER] == [((1, 30),)] * 2 + [()]
        assert [head.owed for head in w.centre.heads if head.ledger == OTHER] == [((1, 5),)] + [()] * 4


@in_virtual_time
async def test_a_head_of_an_older_ledger_that_is_read_back_meanwhile_tells_its_new_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, rows=30, run=False) as w:
        await w.store.reach([Tail(OTHER, 5, b"h" * 32)])
        lowest_held = w.store.lowest_held

        async def reading_back(ledger: bytes) -> int | None:
            await w.store.reach([Tail(OTHER, 9, b"i" * 32)])
            return await lowest_held(ledger)

        monkeypatch.setattr(w.store, "lowest_held", reading_back)
        async with w.running():
            await asyncio.sleep(1)
        assert [head.newest for head in w.centre.heads if head.ledger == OTHER] == [8]


@in_virtual_time
async def test_of_hundreds_of_older_ledgers_that_owe_nothing_only_the_newest_are_told_of(
    tmp_path: Path,
) -> None:
    ends = [Tail(number.to_bytes(16), 2, b"h" * 32) for number in range(200)]
    async with world(tmp_path, rows=30, run=False) as w:
        await w.store.reach(ends)
        async with w.running():
            await asyncio.sleep(1)
        assert [head.ledger for head in w.centre.heads] == [LEDGER, *(end.ledger for end in ends[-16:])]
