"""The ledger at run time, with a real store."""

import asyncio
import random
from pathlib import Path

from agent.configuration import Configuration
from agent.ledger import StationLedger
from buffer.store import Store
from telemetry import keyfile
from tests.agent.hand_clock import HandClock
from tests.agent.report import Reported


async def test_a_key_folder_that_takes_no_file_is_an_alarm_and_the_station_goes_on(tmp_path: Path) -> None:
    reported = Reported()
    path = tmp_path / "ledger.db"
    async with await Store.open(path, destinations=[], quota_bytes=10**8, keep_ms=10**9) as store:
        ledger = StationLedger(
            "BD_1",
            keyfile.create(tmp_path / "station.pem"),
            tmp_path / "no such folder" / "station.ledger",
            store,
            linger_ms=1,
            clock=HandClock(),
            rng=random.Random(1),
            committed=lambda _batch, _ledger: None,
            report=reported,
        )
        await ledger.boot(Configuration(bytes(8), ()))
        keeping = asyncio.create_task(ledger.keeper.run())
        await ledger.close(flush_s=5)
        ledger.save_beside()
        keeping.cancel()
    event, fields = reported.said[-1]
    assert event == "ledger.unprotected"
    assert fields["alarm"] is True
    assert "station.ledger" in str(fields["file"])
