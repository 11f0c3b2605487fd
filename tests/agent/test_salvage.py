"""A ledger file that is damaged, and damaged again: what can be read is saved once, and each ledger's end is known."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from agent.configuration import Configuration
from agent.ledger import StationLedger
from agent.opening import open_store, told_aside
from agent.salvage import Salvage
from agent.sign import DevicePlan
from buffer import operations, quarantine
from buffer.errors import StoreBroken, StoreDamaged, StoreFull
from buffer.store import Entry, Store, Tail
from telemetry.bodies import BootBody, BootReason
from telemetry.content import body_of
from telemetry.envelope import RECORD, hash_of, peek
from telemetry.keys import KeyRing, SigningKey
from telemetry.loss import RecoveryBody
from telemetry.pack import PackEncoder
from telemetry.reading import Block, Reading
from telemetry.record import decode_record
from tests.agent.hand_clock import HandClock
from tests.agent.report import Reported

T = TypeVar("T")
STATION, KEY = "BD_1", SigningKey.from_seed(b"s" * 32)
PAGE = 4096
PLAN = DevicePlan("ph", ("pH",), PackEncoder(STATION, "ph", [("pH", "pH")]), {})


class Desk:
    """One run of a station: its ledger at work, and the salvage, which a story starts itself."""

    def __init__(self, folder: Path, store: Store, clock: HandClock, reported: Reported) -> None:
        self.path = folder / "ledger.db"
        self.store = store
        self.clock = clock
        self.reported = reported
        self.ledger = StationLedger(
            STATION,
            KEY,
            folder / "station.ledger",
            store,
            linger_ms=0,
            clock=clock,
            rng=random.Random(len(list(folder.glob("quarantine/*"))) + clock.mono),
            committed=lambda _batch, _ledger: None,
            report=reported,
            aside=told_aside(self.path),
        )
        self.salvage = Salvage(
            self.path, self.ledger, KeyRing([KEY.public]), report=reported, offload=self._offload
        )
        self.read_steps = 0
        self.crash_at_step = 0

    async def _offload(self, job: Callable[[], Any]) -> Any:
        self.read_steps += 1
        if self.read_steps == self.crash_at_step:
            raise asyncio.CancelledError
        return job()

    @property
    def name(self) -> bytes:
        return self.ledger.recorder.ledger.ledger

    async def polls(self, how_many: int) -> None:
        for number in range(how_many):
            self.clock.pass_ms(5_000)
            self.ledger.recorder.readings(
                PLAN, [Block(self.clock.mono_ms(), (Reading("pH", 7 + number % 8 / 8, 0),))]
            )
        await self.ledger.keeper.flush()

    async def rows(self, ledger: bytes) -> list[Entry]:
        return await self.store.read(ledger, 1, 10**6, max_bytes=10**9, max_rows=10**6)

    async def seqs(self, ledger: bytes) -> list[int]:
        return [row.seq for row in await self.rows(ledger)]

    async def bodies(self, kind: type[T]) -> list[T]:
        """Of all ledgers, the oldest first."""
        rows = [row for end in self.store.ends for row in await self.rows(end.ledger)]
        found = [body_of(decode_record(peek(row.envelope, RECORD).payload)) for row in rows if row.kind != 1]
        return [body for body in found if isinstance(body, kind)]

    def damage(self) -> None:
        """The keeper hears of it as from any operation."""
        assert self.store.damaged
        self.store.damaged(StoreDamaged("database disk image is malformed", "it is set aside"))

    async def quarantined(self) -> Path:
        old = self.name
        self.damage()
        while self.name == old:
            await asyncio.sleep(0.001)
        await self.polls(1)
        return quarantine.pending(self.path)[-1] / "ledger.db"


@asynccontextmanager
async def run(folder: Path, *, clock: HandClock | None = None, quota: int = 10**8) -> AsyncIterator[Desk]:
    """A run that ends in a crash: nothing is flushed, nothing said."""
    clock, reported = clock or HandClock(), Reported()

    async def wait(_seconds: float) -> bool:
        return True

    buffer = SimpleNamespace(path=folder / "ledger.db", quota_bytes=quota, keep_ms=10**9)
    station: Any = SimpleNamespace(buffer=buffer, destinations=[SimpleNamespace(id="centre")])
    store = await open_store(station, wall_ms=clock.wall_ms(), wait=wait, report=reported)
    assert store is not None
    async with store:
        at = Desk(folder, store, clock, reported)
        await at.ledger.boot(Configuration(bytes(8), ()))
        keeping = asyncio.create_task(at.ledger.keeper.run())
        await at.ledger.keeper.flush()
        yield at
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


def checkpoint(path: Path) -> None:
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def overwrite(file: Path, *rows: Entry) -> None:
    """Bad blocks where these lie, in the file and in its log: as often as they lie there."""
    for part in (file, file.with_name(file.name + "-wal")):
        if part.exists():
            content = part.read_bytes()
            for row in rows:
                content = content.replace(row.envelope[-60:], bytes(60))
            part.write_bytes(content)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.salvage.RETRY_S", 0.01)
    monkeypatch.setattr("agent.keep.RETRY_FIRST_S", 0.01)


async def test_the_end_of_a_ledger_is_known_though_its_newest_records_cannot_be_saved(tmp_path: Path) -> None:
    async with run(tmp_path) as at:
        await at.polls(30)
        old, newest = at.name, (await at.rows(at.name))[-4:]
        file = await at.quarantined()
        end = at.store.end_of(old)
        assert end == Tail(old, newest[-1].seq + 1, hash_of(newest[-1].envelope))
        assert (at.store.reading_back, quarantine.settled(at.path)) == (True, [])
        overwrite(file, *newest)
        await at.salvage.run()
        assert (at.store.reading_back, quarantine.pending(at.path)) == (False, [])
        saved = await at.seqs(old)
        assert saved
        assert saved[-1] < newest[0].seq
        assert at.store.end_of(old) == end, "what was saved does not shorten it"
        (recovery,) = await at.bodies(RecoveryBody)
        assert recovery.lost == ((old, ((saved[-1] + 1, newest[-1].seq),)),)
        assert recovery.salvaged == len(saved)


async def test_a_crash_before_the_new_ledger_began_finds_the_end_in_the_file_that_was_set_aside(
    tmp_path: Path,
) -> None:
    async with run(tmp_path) as at:
        at.ledger.save_beside()
        await at.polls(30)
        old, newest = at.name, (await at.rows(at.name))[-1]
    quarantine.set_aside(tmp_path / "ledger.db", "now")
    async with run(tmp_path) as at:
        (boot,) = await at.bodies(BootBody)
        assert boot.reason is BootReason.QUARANTINE
        assert boot.before == (old, newest.seq, hash_of(newest.envelope))
        await at.salvage.run()
        assert (await at.seqs(old))[-1] == newest.seq


async def test_of_a_file_that_says_nothing_any_more_all_up_to_the_end_beside_the_key_is_lost(
    tmp_path: Path,
) -> None:
    async with run(tmp_path) as at:
        await at.polls(30)
        at.ledger.save_beside()
        old, newest = at.name, (await at.rows(at.name))[-1]
    quarantine.set_aside(tmp_path / "ledger.db", "now")
    for part in (tmp_path / "quarantine" / "now").iterdir():
        part.write_bytes(b"\xff" * part.stat().st_size)
    async with run(tmp_path) as at:
        await at.salvage.run()
        assert at.store.end_of(old) == Tail(old, newest.seq + 1, hash_of(newest.envelope))
        (recovery,) = await at.bodies(RecoveryBody)
        assert recovery == RecoveryBody(
            "the store's file was damaged", "now", 0, ((old, ((1, newest.seq),)),)
        )


async def test_the_file_beside_the_key_names_a_new_ledger_as_soon_as_it_is_durable(tmp_path: Path) -> None:
    async with run(tmp_path) as at:
        await at.quarantined()
        second = at.name
    for part in quarantine.PARTS:
        (tmp_path / f"ledger.db{part}").unlink(missing_ok=True)
    async with run(tmp_path) as at:
        boots = await at.bodies(BootBody)
        assert boots[-1].before
        assert boots[-1].before[0] == second


async def test_a_salvage_that_a_crash_ended_goes_on_and_saves_nothing_twice(tmp_path: Path) -> None:
    async with run(tmp_path) as at:
        await at.polls(450)
        old, before = at.name, await at.rows(at.name)
        await at.quarantined()
        at.crash_at_step = 3
        with suppress(asyncio.CancelledError):
            await at.salvage.run()
        assert 0 < len(await at.seqs(old)) < len(before)
    async with run(tmp_path) as at:
        assert at.store.reading_back
        await at.salvage.run()
        saved = await at.rows(old)
        assert [row.envelope for row in saved] == [row.envelope for row in before]
        (recovery,) = await at.bodies(RecoveryBody)
        assert (recovery.salvaged, recovery.lost) == (len(before), ())


@pytest.mark.parametrize("ends", ["the disk has room again", "a crash"])
async def test_a_mark_that_cannot_be_written_makes_no_second_recovery_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    settle = quarantine.settle
    failed: list[int] = []

    def full(*args: Any) -> None:
        if len(failed) < 3:
            failed.append(1)
            raise OSError(28, "No space left on device")
        settle(*args)

    monkeypatch.setattr(quarantine, "settle", full)
    async with run(tmp_path) as at:
        await at.polls(20)
        await at.quarantined()
        salvaging = asyncio.create_task(at.salvage.run())
        while ends == "a crash" and not failed:
            await asyncio.sleep(0)
        if ends == "a crash":
            salvaging.cancel()
        await asyncio.gather(salvaging, return_exceptions=True)
    async with run(tmp_path) as at:
        await at.salvage.run()
        assert len(await at.bodies(RecoveryBody)) == 1
        assert quarantine.pending(at.path) == []


async def test_what_was_saved_once_and_lay_in_the_next_damaged_file_is_saved_again_from_the_first(
    tmp_path: Path,
) -> None:
    async with run(tmp_path) as at:
        await at.polls(30)
        first, before = at.name, await at.rows(at.name)
        await at.quarantined()
        await at.salvage.run()
        second, end = at.name, at.store.end_of(at.name)
        assert await at.seqs(first) == [row.seq for row in before]
        file = await at.quarantined()
        overwrite(file, *before)
        await at.salvage.run()
        assert [row.envelope for row in await at.rows(first)] == [row.envelope for row in before]
        assert at.store.end_of(second) == end
        assert await at.seqs(second) == list(range(1, end.next_seq)) if end else False
        recovered = await at.bodies(RecoveryBody)
        assert [body.lost for body in recovered] == [(), ()]
        assert [end.ledger for end in at.store.ends] == [first, second, at.name]


async def test_the_end_of_a_ledger_of_which_nothing_was_saved_outlives_the_next_damage_and_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, tries = operations.address, []

    def no_room_at_first(*args: Any) -> Any:
        tries.append(1)
        if len(tries) < 4:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return address(*args)

    async with run(tmp_path) as at:
        await at.polls(30)
        first, end = at.name, at.store.end_of(at.name)
        await at.quarantined()
        for part in quarantine.pending(at.path)[0].iterdir():
            part.write_bytes(b"\xff" * part.stat().st_size)
        await at.salvage.run()
        assert await at.seqs(first) == []
    async with run(tmp_path) as at:
        await at.ledger._prune()
        await at.polls(1)
        sound = at.store.notes["sound wall"]
        monkeypatch.setattr("buffer.keeper.address", no_room_at_first)
        await at.quarantined()
        assert len(tries) == 4
        assert at.store.end_of(first) == end
        assert at.store.notes["sound wall"] == sound
        assert len(quarantine.pending(at.path)) == 1


async def test_where_a_lost_ledger_ended_says_the_boot_record_of_the_one_after_it(tmp_path: Path) -> None:
    async with run(tmp_path) as at:
        await at.polls(30)
        first, end = at.name, at.store.end_of(at.name)
        file = await at.quarantined()
        for part in file.parent.iterdir():
            part.write_bytes(b"\xff" * part.stat().st_size)
        await at.salvage.run()
        await at.polls(3)
    with (tmp_path / "ledger.db").open("r+b") as headless:
        headless.write(bytes(PAGE))
    async with run(tmp_path) as at:
        assert at.store.end_of(first) is None
        await at.salvage.run()
        assert at.store.end_of(first) == end


async def test_damage_while_the_first_file_is_still_being_read_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run(tmp_path) as at:
        await at.polls(450)
        first, before = at.name, await at.rows(at.name)
        await at.quarantined()
        adopt, adopted = at.store.adopt, []

        async def damaged_at_the_third(*args: Any) -> None:
            adopted.append(1)
            if len(adopted) == 3:
                at.damage()
                raise StoreDamaged("database disk image is malformed", "it is set aside")
            await adopt(*args)

        monkeypatch.setattr(at.store, "adopt", damaged_at_the_third)
        await at.salvage.run()
        assert [row.envelope for row in await at.rows(first)] == [row.envelope for row in before]
        assert quarantine.pending(at.path) == []
        assert all(body.lost == () for body in await at.bodies(RecoveryBody))
        assert [o.last for o in at.store.owed("centre") if o.ledger == first] == [before[-1].seq]


async def test_a_store_without_room_is_waited_for_and_nothing_is_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run(tmp_path) as at:
        await at.polls(450)
        first, before = at.name, await at.rows(at.name)
        await at.quarantined()
        adopt, tries = at.store.adopt, []

        async def full_for_a_while(*args: Any) -> None:
            tries.append(1)
            if 2 <= len(tries) < 6:
                raise (
                    StoreFull("the disk is full", "free some of it")
                    if len(tries) % 2
                    else StoreBroken("x", "y")
                )
            await adopt(*args)

        monkeypatch.setattr(at.store, "adopt", full_for_a_while)
        await at.salvage.run()
        steps = at.read_steps
        assert len(await at.rows(first)) == len(before)
        assert steps <= len(before) // 100 + 2
        assert "store.unsalvaged" in at.reported.events


async def test_what_is_saved_leaves_room_for_what_is_measured(tmp_path: Path) -> None:
    quota = 100 * PAGE
    async with run(tmp_path, quota=quota) as at:
        await at.polls(1_100)
        first, before = at.name, await at.rows(at.name)
        assert (await at.store.stats()).used_bytes > quota * 88 // 100
        await at.quarantined()
        salvaging = asyncio.create_task(at.salvage.run())
        while "store.unsalvaged" not in at.reported.events:
            await asyncio.sleep(0.001)
        await at.polls(20)
        assert at.ledger.entombed == 0
        assert (await at.store.stats()).used_bytes < quota * 95 // 100
        saved = await at.seqs(first)
        await at.store.delivered("centre", first, [(saved[0], saved[-1])])
        await asyncio.wait_for(salvaging, 20)
        assert at.store.end_of(first) == Tail(first, before[-1].seq + 1, hash_of(before[-1].envelope))
        assert (await at.seqs(first))[-1] == before[-1].seq
        (recovery,) = await at.bodies(RecoveryBody)
        assert (recovery.salvaged, recovery.lost) == (len(before), ())
