"""What is told of a store that was set aside: how much of it was saved, and what of it nobody can read any more."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from agent import sidecar
from agent.configuration import Configuration
from agent.ledger import StationLedger
from agent.salvage import Salvage
from buffer import quarantine
from buffer.store import Store
from buffer.writer import Inline
from telemetry.content import body_of
from telemetry.envelope import RECORD, peek
from telemetry.keys import KeyRing, SigningKey
from telemetry.loss import RecoveryBody
from telemetry.ranges import Ranges
from telemetry.record import decode_record
from tests.agent.hand_clock import HandClock
from tests.agent.report import Reported
from tests.virtual_time import in_virtual_time

KEY = SigningKey.from_seed(bytes(32))
QUOTA_BYTES, KEEP_MS = 10**7, 10**12


async def _opened(path: Path, aside: str | None = None) -> Store:
    return await Store.open(
        path,
        destinations=["centre"],
        quota_bytes=QUOTA_BYTES,
        keep_ms=KEEP_MS,
        executor=Inline(),
        set_aside=aside,
    )


def _ledger(store: Store, path: Path, *, quarantined: bool) -> StationLedger:
    return StationLedger(
        "BD_1",
        KEY,
        sidecar.path_for(path.with_name("station.pem")),
        store,
        linger_ms=0,
        clock=HandClock(),
        rng=random.Random(len(store.notes) + quarantined),
        committed=lambda *_: None,
        report=Reported(),
        quarantined=quarantined,
    )


async def _running(ledger: StationLedger) -> None:
    """Everything signed becomes durable."""
    while ledger.keeper.waiting:
        await ledger.keeper._write()


async def _lost_of(path: Path, keep_from: int) -> Ranges:
    """A ledger of twelve records, of which a file without its tables has those from `keep_from` on."""
    store = await _opened(path)
    before = _ledger(store, path, quarantined=False)
    await before.boot(Configuration(bytes(8), ()))
    for number in range(11):
        before.recorder.event("number", {"is": number})
    await _running(before)
    before.save_beside()
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA secure_delete = ON")
        conn.execute("DELETE FROM entry WHERE seq < ?", (keep_from,))
        conn.execute("DROP TABLE span")
    store = await _opened(path, "aside")
    after = _ledger(store, path, quarantined=True)
    await after.boot(Configuration(bytes(8), ()))
    await _running(after)

    async def offload(work):  # type: ignore[no-untyped-def]
        return work()

    salvage = Salvage(path, after, KeyRing([KEY.public]), report=Reported(), offload=offload)
    after.keeper.flush = lambda: _running(after)  # type: ignore[method-assign]
    await salvage.run()
    assert quarantine.pending(path) == []
    (body,) = [body_of(decode_record(peek(e.envelope, RECORD).payload)) for e in await _recoveries(store)]
    await store.close()
    assert isinstance(body, RecoveryBody)
    assert body.salvaged == 13 - keep_from
    return dict(body.lost).get(before.recorder.ledger.ledger, ())


async def _recoveries(store: Store):  # type: ignore[no-untyped-def]
    assert store.tail is not None
    rows = await store.read(store.tail.ledger, 1, 99, max_bytes=10**6, max_rows=99)
    return [row for row in rows if row.kind == 8]


@in_virtual_time
async def test_what_a_file_may_have_held_below_the_first_record_that_was_saved_is_named(tmp_path: Path) -> None:
    assert await _lost_of(tmp_path / "ledger.db", 5) == ((1, 4),)


@in_virtual_time
async def test_when_everything_is_saved_nothing_is_lost(tmp_path: Path) -> None:
    assert await _lost_of(tmp_path / "ledger.db", 1) == ()
