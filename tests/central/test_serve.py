"""The centre at a broker in memory, in a time that jumps."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from central.errors import Busy, FolderError, StoreFailed
from central.folder import Folder, alone
from central.now import Now
from central.post import first_of
from central.serve import LONGEST_WAIT_S, Seams, serve
from central.store import Store
from mqtt.errors import MqttError
from mqtt.session import Message
from telemetry.envelope import RECEIPT, peek
from telemetry.keys import public_to_pem
from telemetry.receipt import Receipt, decode_receipt
from tests.central.fake_hub import BROKER, Hub
from tests.central.gateway import START_MS, Gateway
from tests.virtual_time import in_virtual_time

WITHIN_S = 2.0


def now() -> Now:
    """The virtual loop's time by both clocks."""
    passed_ms = round(asyncio.get_running_loop().time() * 1000)
    return Now(START_MS + passed_ms, passed_ms)


def receipt_in(published: tuple[str, bytes]) -> Receipt:
    """What a published receipt says."""
    return decode_receipt(peek(published[1], RECEIPT).payload)


def stored(folder: Path) -> int:
    """Committed envelopes, seen from outside."""
    with closing(sqlite3.connect(f"file:{folder / 'central.db'}?mode=ro", uri=True)) as connection:
        count: int = connection.execute("SELECT count(*) FROM envelope").fetchone()[0]
    return count


def told(
    folder: Path, story: Callable[[Hub, Gateway, list[str]], Awaitable[None]], *, bench: bool = False
) -> list[str]:
    """Run the story against a serving centre with one enrolled station; what the operator saw."""
    said: list[str] = []

    @in_virtual_time
    async def tell() -> None:
        hub, gateway = Hub(), Gateway()
        (folder / "stations").mkdir(parents=True, exist_ok=True)
        Folder(folder).station_key(gateway.station).write_bytes(public_to_pem(gateway.key.public))
        seams = Seams(connect=hub.connect, now=now, jitter=lambda: 1.0)
        task = asyncio.create_task(serve(folder, BROKER, bench=bench, ready=said.append, seams=seams))
        await asyncio.sleep(1)
        await story(hub, gateway, said)
        task.cancel()
        await asyncio.wait([task], timeout=60)
        assert task.cancelled()

    tell()
    return said


def test_a_message_is_acknowledged_only_after_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    async def story(hub: Hub, gateway: Gateway, _: list[str]) -> None:
        def acknowledge(message: Message) -> None:
            seen.append(stored(tmp_path))

        assert hub.session is not None
        monkeypatch.setattr(hub.session, "acknowledge", acknowledge)
        for envelope in gateway.day(2):
            hub.deliver(f"tram/1/{gateway.station}/live", envelope)
        await hub.until(1)
        assert receipt_in(hub.published[-1]).through == 4

    said = told(tmp_path, story)
    assert seen == [4, 4, 4, 4]
    assert said[0].startswith("new key made: ")
    assert said[-1] == "ready: receiving tram/1/ from hub:1883"


def test_a_receipt_follows_a_commit_within_two_seconds_and_a_head_at_once(tmp_path: Path) -> None:
    async def story(hub: Hub, gateway: Gateway, _: list[str]) -> None:
        loop = asyncio.get_running_loop()
        hub.deliver(f"tram/1/{gateway.station}/live", b"".join(gateway.day(2)))
        start = loop.time()
        await hub.until(1)
        assert loop.time() - start <= WITHIN_S
        start = loop.time()
        hub.deliver(f"tram/1/{gateway.station}/head/{gateway.ledger.hex()}", gateway.head())
        await hub.until(2)
        assert loop.time() - start < 0.01

    told(tmp_path, story)


def test_a_broker_that_was_away_for_a_day_gets_every_receipt_anew(tmp_path: Path) -> None:
    async def story(hub: Hub, gateway: Gateway, said: list[str]) -> None:
        hub.deliver(f"tram/1/{gateway.station}/live", b"".join(gateway.day(2)))
        await hub.until(1)
        hub.up = False
        hub.drop()
        await asyncio.sleep(86_400)
        assert 86_400 / LONGEST_WAIT_S <= hub.attempts < 86_400 / LONGEST_WAIT_S + 20
        assert len([line for line in said if "nobody answers" in line]) == 1
        hub.up = True
        await asyncio.sleep(LONGEST_WAIT_S)
        assert [receipt_in(p).through for p in hub.published] == [4, 4]
        assert receipt_in(hub.published[1]).number > receipt_in(hub.published[0]).number
        assert set(hub.retained) == {f"tram/1/{gateway.station}/receipt/{gateway.ledger.hex()}"}

    told(tmp_path, story)


def test_a_broker_that_goes_away_in_the_moment_of_a_message_is_left_and_found_again(tmp_path: Path) -> None:
    async def story(hub: Hub, gateway: Gateway, said: list[str]) -> None:
        for n, envelope in enumerate(gateway.day(8), 1):
            hub.deliver(f"tram/1/{gateway.station}/live", envelope)
            for _ in range(n):
                await asyncio.sleep(0)
            hub.drop()
            await asyncio.sleep(5)
            assert hub.connects == n + 1

    told(tmp_path, story)


@pytest.mark.parametrize("turns", range(8))
def test_a_centre_is_stopped_though_the_line_breaks_in_that_moment(tmp_path: Path, turns: int) -> None:
    async def story(hub: Hub, gateway: Gateway, _: list[str]) -> None:
        hub.drop()
        for _turn in range(turns):
            await asyncio.sleep(0)

    told(tmp_path, story)


def test_a_station_that_is_enrolled_while_the_centre_runs_hears_of_it(tmp_path: Path) -> None:
    async def story(hub: Hub, gateway: Gateway, _: list[str]) -> None:
        new = Gateway("NEW001")
        hub.deliver("tram/1/NEW001/live", new.boot())
        await asyncio.sleep(2)
        assert hub.published == []
        assert len(hub.acknowledged) == 1
        Folder(tmp_path).station_key("NEW001").write_bytes(public_to_pem(new.key.public))
        await asyncio.sleep(2)
        assert [receipt_in(p).through for p in hub.published] == [1]

    told(tmp_path, story)


def test_a_receipt_that_the_broker_forbids_silences_no_other_station(tmp_path: Path) -> None:
    async def story(hub: Hub, gateway: Gateway, said: list[str]) -> None:
        other = Gateway("NUO002")
        Folder(tmp_path).station_key("NUO002").write_bytes(public_to_pem(other.key.public))
        await asyncio.sleep(2)
        topic = f"tram/1/{gateway.station}/receipt/{gateway.ledger.hex()}"
        hub.forbidden.add(topic)
        for one in (gateway, other):
            hub.deliver(f"tram/1/{one.station}/live", b"".join(one.day(1)))
            hub.deliver(f"tram/1/{one.station}/head/{one.ledger.hex()}", one.head())
        await hub.until(1)
        assert receipt_in(hub.published[0]).station == "NUO002"
        hub.deliver(f"tram/1/{gateway.station}/head/{gateway.ledger.hex()}", gateway.head())
        await asyncio.sleep(1)
        assert (hub.connects, len([line for line in said if "not authorized" in line])) == (1, 1)
        hub.forbidden.clear()
        hub.deliver(f"tram/1/{gateway.station}/head/{gateway.ledger.hex()}", gateway.head())
        await hub.until(2)

    told(tmp_path, story)


def test_a_store_that_refuses_a_commit_acknowledges_nothing_and_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [True]
    really = Store.count

    def count(self: Store, name: str, received: int, rejected: int, seen_ms: int | None) -> None:
        if failing:
            raise sqlite3.OperationalError("database or disk is full")
        really(self, name, received, rejected, seen_ms)

    monkeypatch.setattr(Store, "count", count)

    async def story(hub: Hub, gateway: Gateway, said: list[str]) -> None:
        day = b"".join(gateway.day(2))
        hub.deliver(f"tram/1/{gateway.station}/live", day)
        await asyncio.sleep(3)
        assert (hub.acknowledged, hub.connects, stored(tmp_path)) == ([], 2, 0)
        assert any("disk is full" in line for line in said)
        failing.clear()
        hub.deliver(f"tram/1/{gateway.station}/past", day)
        await hub.until(1)
        assert receipt_in(hub.published[-1]).through == 4

    told(tmp_path, story)


def test_a_store_that_cannot_be_opened_again_is_tried_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Store.open
    refusals = iter(range(3))

    def count(self: Store, *_: object) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(Store, "open", again)
        raise sqlite3.OperationalError("disk I/O error")

    def again(path: Path) -> Store:
        if next(refusals, None) is not None:
            raise FolderError("the disk is away")
        return really(path)

    monkeypatch.setattr(Store, "count", count)

    async def story(hub: Hub, gateway: Gateway, said: list[str]) -> None:
        hub.deliver(f"tram/1/{gateway.station}/live", b"".join(gateway.day(2)))
        await asyncio.sleep(30)
        assert len([line for line in said if "the disk is away" in line]) == 3
        hub.deliver(f"tram/1/{gateway.station}/past", b"".join(s.envelope for s in gateway.sealed))
        await hub.until(1)

    told(tmp_path, story)


def test_a_folder_is_served_by_one_process(tmp_path: Path) -> None:
    async def again() -> None:
        await serve(tmp_path, BROKER, ready=lambda _: None, seams=Seams(connect=Hub().connect))

    (tmp_path / "stations").mkdir()
    with alone(Folder(tmp_path)), pytest.raises(Busy, match="is being served by process"):
        asyncio.run(again())


def test_on_the_bench_the_operator_is_warned_at_the_start(tmp_path: Path) -> None:
    async def story(hub: Hub, gateway: Gateway, said: list[str]) -> None:
        assert "WARNING" in said[1]

    told(tmp_path, story, bench=True)


def test_the_stores_failure_counts_more_than_the_brokers() -> None:
    inner: Any = ExceptionGroup("inner", [StoreFailed("store")])
    assert isinstance(first_of(ExceptionGroup("lost", [MqttError("broker"), inner])), StoreFailed)
