"""A quota that is used up while nobody can be reached: polling goes on, and what goes is told in signed tombstones."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agent.configuration import Configuration
from agent.entomb import HOUR_MS, graves, oldest_hour
from agent.ledger import StationLedger
from agent.sign import DevicePlan
from buffer.errors import StoreBroken
from buffer.store import Entry, Store
from telemetry.bodies import GapReason
from telemetry.content import body_of, readings_of
from telemetry.envelope import RECORD, hash_of, peek
from telemetry.keys import SigningKey
from telemetry.loss import TombstoneBody, tombstone_digest
from telemetry.pack import PackEncoder
from telemetry.ranges import add, count, intersect
from telemetry.reading import Block, Flag, Reading
from telemetry.reception import Reception
from telemetry.record import Kind, Record, decode_record
from tests.agent.hand_clock import HandClock
from tests.agent.report import Reported

QUOTA = 100 * 4096
STATION = "BD_1"


def plan_of(device: str) -> DevicePlan:
    return DevicePlan(device, ("pH", "T"), PackEncoder(STATION, device, [("pH", "pH"), ("T", "Cel")]), {})


class Desk:
    """A ledger at work on a small quota; `poll` is one cycle of a device."""

    def __init__(self, ledger: StationLedger, store: Store, clock: HandClock, reported: Reported) -> None:
        self.ledger = ledger
        self.store = store
        self.clock = clock
        self.reported = reported
        self.served: dict[int, tuple[str, float]] = {}
        self._plans = {name: plan_of(name) for name in ("ph", "flow")}

    def poll(self, device: str, value: float, flags: int = 0) -> None:
        self.served[self.ledger.recorder.ledger.next_seq] = (device, value)
        readings = (Reading("pH", value, flags), Reading("T", None, int(Flag.NO_COMMUNICATION)))
        self.ledger.recorder.readings(self._plans[device], [Block(self.clock.mono_ms(), readings)])

    async def minutes(self, how_many: int) -> None:
        """Each minute one poll of both devices, and the store has time to write."""
        for minute in range(how_many):
            self.clock.pass_ms(60_000)
            self.poll("ph", float(minute % 14))
            self.poll("flow", minute * 0.5)
            await self.ledger.keeper.flush()

    async def rows(self) -> list[Entry]:
        tail = self.store.tail
        assert tail
        return await self.store.read(tail.ledger, 1, tail.next_seq, max_bytes=10**9, max_rows=10**6)


@asynccontextmanager
async def desk(
    folder: Path, *, quota: int = QUOTA, destinations: tuple[str, ...] = ("centre",)
) -> AsyncIterator[Desk]:
    clock, reported = HandClock(), Reported()
    async with await Store.open(
        folder / "ledger.db", destinations=destinations, quota_bytes=quota, keep_ms=10**9
    ) as store:
        ledger = StationLedger(
            STATION,
            SigningKey.from_seed(b"s" * 32),
            folder / "station.ledger",
            store,
            linger_ms=0,
            clock=clock,
            rng=random.Random(5),
            committed=lambda _batch, _ledger: None,
            report=reported,
        )
        await ledger.boot(Configuration(bytes(8), ()))
        keeping = asyncio.create_task(ledger.keeper.run())
        yield Desk(ledger, store, clock, reported)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


def record_of(entry: Entry) -> Record:
    return decode_record(peek(entry.envelope, RECORD).payload)


def tombstones(rows: list[Entry]) -> list[TombstoneBody]:
    bodies = [body_of(record_of(row)) for row in rows if row.kind == Kind.TOMBSTONE]
    return [body for body in bodies if isinstance(body, TombstoneBody)]


async def test_polling_never_stops_and_every_seq_is_there_or_in_a_tombstone(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.minutes(800)
        rows = await at.rows()
        newest = at.ledger.recorder.ledger.next_seq - 1
        told = add((), *(part for body in tombstones(rows) for part in body.ranges))
        here = add((), *((row.seq, row.seq) for row in rows))
        assert rows[-1].seq == newest >= 1_600
        assert add(here, *told) == ((1, newest),)
        assert intersect(here, told) == ()
        assert count(told) > 400
        assert at.ledger.entombed == count(told)
        assert "store.entombed" in at.reported.events
        assert (await at.store.stats()).file_bytes <= QUOTA


async def test_a_tombstone_tells_of_one_device_and_one_hour_what_was_measured(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        hour = await _fill_one_hour(at)
        found = {grave.device: grave.tombstone() for grave in await graves(hour)}
        assert set(found) == {"ph", "flow"}
        for device, body in found.items():
            seqs = [seq for first, last in body.ranges for seq in range(first, last + 1)]
            mine = [row for row in hour if row.device == device]
            assert seqs == [row.seq for row in mine]
            assert body.digest == tombstone_digest([hashlib.sha256(row.envelope).digest() for row in mine])
            values = [at.served[seq][1] for seq in seqs if seq % 5]
            ph = body.channels["pH"]
            assert (ph.n, ph.lowest, ph.highest) == (len(values), min(values), max(values))
            assert ph.mean is not None
            assert abs(ph.mean - sum(values) / len(values)) < 1e-9
            assert ph.n_invalid == len(seqs) - len(values)
            assert body.channels["T"] == (0, None, None, None, len(seqs))
            assert body.reason is GapReason.OVERFLOW


async def _fill_one_hour(at: Desk) -> list[Entry]:
    """Every fifth record is a calibration, which is no measurement."""
    for minute in range(90):
        at.clock.pass_ms(60_000)
        for device in ("ph", "flow"):
            seq = at.ledger.recorder.ledger.next_seq
            at.poll(device, minute * 0.25, 0 if seq % 5 else int(Flag.CALIBRATION))
    await at.ledger.keeper.flush()
    rows = await at.rows()
    hour = oldest_hour(rows)
    assert len({row.wall_ms // HOUR_MS for row in hour}) == 1
    assert 0 < len(hour) < len(rows)
    return hour


async def test_the_centre_goes_on_over_what_is_told_and_takes_what_comes_all_the_same(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.minutes(100)
        early = (await at.rows())[:40]
        await at.minutes(700)
        rows = await at.rows()
        newest = rows[-1].seq
        kept = {row.seq: hash_of(row.envelope) for row in (*early, *rows)}
        reception = Reception(kept.get)
        for row in rows:
            reception.take(record_of(row), hash_of(row.envelope))
        assert reception.through() == (newest, kept[newest])
        assert reception.missing(newest) == []
        for row in early:
            reception.take(record_of(row), hash_of(row.envelope))
        assert reception.through() == (newest, kept[newest])


async def test_sixteen_megabytes_that_waited_find_room_without_a_human(tmp_path: Path) -> None:
    async with desk(tmp_path, quota=800 * 4096) as at:
        await at.minutes(900)
        before = at.ledger.recorder.ledger.next_seq
        for number in range(9_000):  # more than the quota holds, signed in one breath
            at.poll("ph", float(number % 14))
        await asyncio.wait_for(at.ledger.keeper.flush(), 60)
        rows = await at.rows()
        assert rows[-1].seq >= before + 9_000
        told = add((), *(part for body in tombstones(rows) for part in body.ranges))
        assert add(told, *((row.seq, row.seq) for row in rows)) == ((1, rows[-1].seq),)


async def test_what_one_of_two_destinations_has_goes_as_well_and_the_other_gets_the_tombstone(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, destinations=("centre", "ministry")) as at:
        await at.minutes(50)
        tail = at.store.tail
        assert tail
        await at.store.delivered("centre", tail.ledger, [(1, 60)])
        await at.minutes(750)
        rows = await at.rows()
        assert tombstones(rows)
        for name in ("centre", "ministry"):
            owed = [part for o in at.store.owed(name) for part in ((o.first, o.last),)]
            for body in tombstones(rows):
                assert intersect(body.ranges, owed) == ()


async def test_readings_stay_readable_in_what_is_left(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.minutes(800)
        for row in await at.rows():
            if row.kind == Kind.READINGS:
                device, value = at.served[row.seq]
                first = readings_of(record_of(row))[0]
                assert (first.device, first.value) == (device, value)


async def test_a_store_that_cannot_be_read_just_then_leaves_the_keeper_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:
        await at.minutes(100)
        read = at.store.read
        failed: list[int] = []

        async def broken(*args: Any, **options: Any) -> list[Entry]:
            if len(failed) < 3:
                failed.append(1)
                raise StoreBroken("disk I/O error", "look at the card")
            return await read(*args, **options)

        monkeypatch.setattr(at.store, "read", broken)
        monkeypatch.setattr("agent.keep.RETRY_FIRST_S", 0.01)
        await asyncio.wait_for(at.minutes(700), 60)
        assert len(failed) == 3
        assert at.ledger.entombed


async def test_a_ledger_that_ends_while_its_oldest_hour_is_summed_up_gets_no_tombstone_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:
        await at.minutes(200)
        old = at.ledger.recorder.ledger.ledger

        async def summed(entries: list[Entry]) -> list[Any]:
            found = await graves(entries)
            if at.ledger.recorder.ledger.ledger == old:
                at.ledger.begin_anew()
            return found

        monkeypatch.setattr("agent.entomb.graves", summed)
        assert not await at.ledger.make_room()
        await at.minutes(150)
        tail = at.store.tail
        assert tail
        assert tail.ledger != old
        assert not tombstones(await at.rows())
        assert [(o.first, o.last) for o in at.store.owed("centre") if o.ledger == tail.ledger] == [
            (1, tail.next_seq - 1)
        ]
