"""The ledger at run time, with a real store."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from agent.configuration import Configuration
from agent.ledger import StationLedger
from agent.sidecar import Sidecar, save
from buffer.errors import StoreBroken, StoreDamaged
from buffer.store import Store
from telemetry import keyfile
from telemetry.bodies import BootBody, BootReason
from telemetry.envelope import RECORD, peek
from telemetry.keys import SigningKey
from telemetry.record import ZERO_HASH, ClockState, Kind, Record, decode_record
from tests.agent.hand_clock import NOON, HandClock
from tests.agent.report import Reported


class PowerCut(Exception):
    """Stands for the end of the process."""


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    async with await Store.open(
        folder / "ledger.db", destinations=["centre"], quota_bytes=10**8, keep_ms=10**9
    ) as store:
        yield store


def ledger_of(
    folder: Path,
    store: Store,
    *,
    key: SigningKey,
    station: str = "BD_1",
    reported: Reported | None = None,
    clock: HandClock | None = None,
) -> StationLedger:
    return StationLedger(
        station,
        key,
        folder / "station.ledger",
        store,
        linger_ms=1,
        clock=clock or HandClock(),
        rng=random.Random(),
        committed=lambda _batch, _ledger: None,
        report=reported or Reported(),
    )


async def run_once(ledger: StationLedger) -> None:
    """A run that boots and stops in order."""
    await ledger.boot(Configuration(bytes(8), ()))
    keeping = asyncio.create_task(ledger.keeper.run())
    await ledger.close(flush_s=5)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def boots(store: Store) -> list[tuple[Record, BootBody]]:
    """Every boot record that is held, ledger by ledger."""
    found = []
    for held in (await store.stats()).ledgers:
        for entry in await store.read(held.ledger, 1, 1_000, max_bytes=10**7, max_rows=1_000):
            if entry.kind == Kind.BOOT:
                record = decode_record(peek(entry.envelope, RECORD).payload)
                found.append((record, BootBody.decode(record.body)))
    return found


async def test_a_key_folder_that_takes_no_file_is_an_alarm_and_the_station_goes_on(tmp_path: Path) -> None:
    reported = Reported()
    async with opened(tmp_path) as store:
        key = keyfile.create(tmp_path / "station.pem")
        ledger = ledger_of(tmp_path / "no such folder", store, key=key, reported=reported)
        await run_once(ledger)
        ledger.save_beside()
    event, fields = reported.said[-1]
    assert event == "ledger.unprotected"
    assert fields["alarm"] is True
    assert "station.ledger" in str(fields["file"])


async def test_a_program_that_stays_in_the_file_is_named_until_it_has_left(tmp_path: Path) -> None:
    reported = Reported()
    async with opened(tmp_path) as store:
        ledger = ledger_of(tmp_path, store, key=keyfile.create(tmp_path / "station.pem"), reported=reported)
        await run_once(ledger)
        await ledger._prune()
        assert ledger.trouble is None
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as somebody:
            somebody.execute("BEGIN")
            somebody.execute("SELECT count(*) FROM entry").fetchone()
            assert store.tail is not None
            for number in range(20):
                await store.append([], store.tail, {"ballast": bytes([number]) * 300_000})
            await ledger._prune()
            assert "the log beside it has grown to 6 MB: close that program" in str(ledger.trouble)
            assert reported.said[-1] == ("store.held", {"error": ledger.trouble, "alarm": True})
        await ledger._prune()
        assert ledger.trouble is None
        assert reported.events.count("store.held") == 1


async def test_a_store_that_cannot_be_pruned_is_an_alarm_and_the_station_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = Reported()

    async def broken(_now_ms: int) -> None:
        raise StoreBroken("the disk does not answer", "look at the card")

    async with opened(tmp_path) as store:
        ledger = ledger_of(tmp_path, store, key=SigningKey.generate(), reported=reported)
        await run_once(ledger)
        monkeypatch.setattr(store, "prune", broken)
        upkeep = asyncio.create_task(ledger.upkeep())
        while "store.unpruned" not in reported.events:
            assert not upkeep.done(), upkeep.exception()
            await asyncio.sleep(0)
        upkeep.cancel()


async def test_a_run_begins_though_the_newest_record_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported, key = Reported(), SigningKey.generate()

    async def damaged() -> None:
        raise StoreDamaged("database disk image is malformed", "it is set aside")

    async with opened(tmp_path) as store:
        await run_once(ledger_of(tmp_path, store, key=key))
        monkeypatch.setattr(store, "newest", damaged)
        await run_once(ledger_of(tmp_path, store, key=key, reported=reported))
        assert "store.failing" in reported.events
        _, body = (await boots(store))[-1]
        assert body.reason == BootReason.CLEAN_STOP
        assert body.last_sign is None


async def kept_after(folder: Path, clock: HandClock, key: SigningKey) -> int:
    """A run with this clock until its first upkeep: how many rows the store still has."""
    async with opened(folder) as store:
        ledger = ledger_of(folder, store, key=key, clock=clock)
        await ledger.boot(Configuration(bytes(8), ()))
        tasks = [asyncio.create_task(ledger.keeper.run())]
        await ledger.keeper.flush()
        tail = store.tail
        assert tail is not None
        await store.delivered("centre", tail.ledger, [(1, tail.next_seq - 1)])
        await ledger._prune()
        await ledger.close(flush_s=5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return (await store.stats()).rows


async def test_a_clock_70_years_ahead_that_nobody_synchronised_lets_no_delivered_record_go(
    tmp_path: Path,
) -> None:
    key = SigningKey.generate()
    await kept_after(tmp_path, HandClock(), key)
    ahead = HandClock(wall_ms=NOON + 70 * 365 * 86_400_000, mono_ms=100)
    ahead.state = ClockState.UNSYNCHRONISED
    assert await kept_after(tmp_path, ahead, key) == 4
    assert await kept_after(tmp_path, ahead, key) == 6, (
        "nor does its own newest record vouch for it afterwards"
    )
    ahead.state = ClockState.SYNCHRONISED
    assert await kept_after(tmp_path, ahead, key) == 8 - 2, (
        "those of the first run are old by a clock that is set"
    )


@pytest.mark.parametrize("what", ["key", "station"])
async def test_with_another_key_or_station_id_the_old_ledger_is_not_written_on(
    tmp_path: Path, what: str
) -> None:
    key = SigningKey.generate()
    async with opened(tmp_path) as store:
        await run_once(ledger_of(tmp_path, store, key=key))
        before = store.tail
    assert before is not None
    async with opened(tmp_path) as store:
        other = SigningKey.generate() if what == "key" else key
        station = "BD_2" if what == "station" else "BD_1"
        reported = Reported()
        await run_once(ledger_of(tmp_path, store, key=other, station=station, reported=reported))
        said = dict(reported.said)[f"ledger.other-{what}"]
        assert (said["owed"], said.get("alarm", False)) == (2, what == "station")
        _, (record, boot) = await boots(store)
        assert (record.station, record.seq, boot.reason) == (station, 1, BootReason.ENROLMENT)
        assert record.ledger != before.ledger
        assert (boot.public, boot.before) == (other.public, (before.ledger, before.next_seq - 1, before.prev))
        again = Reported()
        await run_once(ledger_of(tmp_path, store, key=other, station=station, reported=again))
        assert not [event for event in again.events if event.startswith("ledger.other")]
        assert (await boots(store))[-1][0].ledger == record.ledger


async def test_a_power_cut_while_a_new_ledger_begins_does_not_lose_the_word_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, lost = SigningKey.generate(), Sidecar(b"O" * 16, 3, 77)
    save(tmp_path / "station.ledger", lost)

    async def cut(*_: object) -> None:
        raise PowerCut

    async with opened(tmp_path) as store:
        ledger = ledger_of(tmp_path, store, key=key)
        await ledger.boot(Configuration(bytes(8), ()))
        monkeypatch.setattr(store, "append", cut)
        with suppress(PowerCut):
            await ledger.keeper._write()
    async with opened(tmp_path) as store:
        await run_once(ledger_of(tmp_path, store, key=key))
        (record, first), *later = await boots(store)
    assert (record.seq, first.reason) == (1, BootReason.STORE_LOST)
    assert first.before == (lost.ledger, lost.last_seq, ZERO_HASH)
    assert {boot.ledger for boot, _ in later} <= {record.ledger}


async def test_a_crash_while_the_old_ledger_is_still_written_down_does_not_hide_that_the_store_is_old(
    tmp_path: Path,
) -> None:
    key = SigningKey.generate()
    async with opened(tmp_path) as store:
        ledger = ledger_of(tmp_path, store, key=key)
        await run_once(ledger)
        old = store.tail
        assert old is not None
        ledger.recorder.event("signed, not yet written, when a receipt betrays the old copy", {})
        ledger.begin_anew()
        await ledger.keeper._write()
        assert store.notes["begun from"] == b"", "the old ledger's commit says nothing of the new one"
        await ledger.keeper._write()
        assert store.notes["begun from"] == old.ledger
