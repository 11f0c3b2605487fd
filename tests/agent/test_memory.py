"""A store that takes nothing for a while: what was signed comes in order, what was not is told in numbers."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.configuration import Configuration
from agent.ledger import StationLedger
from agent.sign import DevicePlan
from buffer.errors import StoreBroken
from buffer.store import Store
from buffer.writer import Inline
from telemetry.bodies import EventBody, GapBody, GapReason
from telemetry.content import body_of
from telemetry.envelope import RECORD, peek
from telemetry.keys import SigningKey
from telemetry.pack import PackEncoder
from telemetry.reading import Block, Reading
from telemetry.record import Kind, Record, decode_record
from tests.agent.report import Reported
from tests.virtual_time import VirtualClock, in_virtual_time

EVERY_S = 5.0
PLANS = [DevicePlan(d, ("pH",), PackEncoder("BD_1", d, [("pH", "pH")]), {}) for d in ("ph", "flow")]


class Desk:
    """A station of two devices; `broken`: the disk refuses every commit."""

    def __init__(self, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.broken = False
        self.clock = VirtualClock()
        self.polled = {"ph": 0, "flow": 0}
        self.ledger = StationLedger(
            "BD_1",
            SigningKey.from_seed(b"s" * 32),
            folder / "station.ledger",
            store,
            linger_ms=100,
            clock=self.clock,
            rng=random.Random(1),
            committed=lambda _batch, _ledger: None,
            report=Reported(),
        )
        append = store.append

        async def may_fail(*args: Any) -> None:
            if self.broken:
                raise StoreBroken("the disk does not answer", "look at the card")
            await append(*args)

        monkeypatch.setattr(store, "append", may_fail)

    async def polls(self, minutes: float) -> None:
        for _ in range(round(minutes * 60 / EVERY_S)):
            for plan in PLANS:
                self.polled[plan.device] += 1
                blocks = [Block(self.clock.mono_ms(), (Reading("pH", 7.5, 0),))]
                self.ledger.recorder.readings(plan, blocks)
            await asyncio.sleep(EVERY_S)

    async def records(self) -> list[Record]:
        tail = self.store.tail
        assert tail
        rows = await self.store.read(tail.ledger, 1, 10**6, max_bytes=10**9, max_rows=10**6)
        return [decode_record(peek(row.envelope, RECORD).payload) for row in rows]


@asynccontextmanager
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with await Store.open(
        tmp_path / "ledger.db", destinations=["centre"], quota_bytes=10**8, keep_ms=10**9, executor=Inline()
    ) as store:
        at = Desk(store, tmp_path, monkeypatch)
        await at.ledger.boot(Configuration(bytes(8), ()))
        keeping = asyncio.create_task(at.ledger.keeper.run())
        yield at
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def told(gaps: list[GapBody]) -> dict[str, int]:
    """By device, the polls that gap records say were not signed."""
    return {gap.device: int(str(gap.detail).split(": ")[1].split(" ")[0]) for gap in gaps}


@in_virtual_time
async def test_what_is_signed_and_what_the_gap_records_count_are_all_polls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as at:
        await at.polls(1)
        at.broken = True
        await at.polls(15)
        ended_ms = at.clock.mono_ms()
        at.broken = False
        await at.polls(2)
        records = await at.records()
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        times = [record.moment.mono_ms for record in records]
        assert times == sorted(times)
        gaps = [body for body in map(body_of, records) if isinstance(body, GapBody)]
        assert {gap.reason for gap in gaps} == {GapReason.OVERFLOW}
        devices = [plan.device for plan in PLANS]
        assert sorted(gap.device for gap in gaps) == sorted(devices), "one for each"
        signed = sum(record.kind == Kind.READINGS for record in records)
        assert signed + sum(told(gaps).values()) == sum(at.polled.values())
        for gap in gaps:
            assert 9.8 * 60_000 < gap.from_mono_ms - 110_000 <= 10 * 60_000 + 10_000, "ten minutes are signed"
            assert gap.to_mono_ms - gap.from_mono_ms == (told(gaps)[gap.device] - 1) * EVERY_S * 1_000
            assert ended_ms - 10_000 <= gap.to_mono_ms <= ended_ms + 31_000


@in_virtual_time
async def test_a_stop_right_after_the_disk_is_back_still_tells_of_the_polls_that_were_not_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as at:
        await at.polls(1)
        at.broken = True
        await at.polls(15)
        at.broken = False
        await at.ledger.close(flush_s=60)
        records = await at.records()
        gaps = [body for body in map(body_of, records) if isinstance(body, GapBody)]
        signed = sum(record.kind == Kind.READINGS for record in records)
        assert signed + sum(told(gaps).values()) == sum(at.polled.values())
        last = body_of(records[-1])
        assert isinstance(last, EventBody)
        assert last.what == "stop", "after that the run says nothing more"
