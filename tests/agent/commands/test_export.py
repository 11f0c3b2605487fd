"""A month for the auditor: envelopes as they were signed, in one file."""

import errno
import os
import shutil
import subprocess
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.commands.export import _stretches
from agent.commands.tram import tram
from buffer.store import Entry, Store, Tail
from buffer.writer import Inline
from telemetry import cbor, keyfile
from telemetry.bodies import BootBody, BootReason, GapBody, GapReason
from telemetry.envelope import RECORD, Sealer
from telemetry.keys import SigningKey, public_to_pem
from telemetry.ledger import Ledger
from telemetry.record import Boot, ClockState, Kind, Moment

STATION = """
[station]
id = "BD_1"
timezone = "Asia/Ho_Chi_Minh"
[identity]
key = "station.pem"
[buffer]
path = "ledger.db"
quota = "1GB"
[[line]]
id = "wire"
url = "tcp://127.0.0.1:1502"
[[device]]
id = "ph"
line = "wire"
driver = "modbus"
unit = 3
every = "1h"
[[device.channel]]
id = "pH"
table = "holding"
address = 0
type = "float32"
unit = "pH"
"""
HOUR_MS = 3_600_000
MIDNIGHT_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1_000) - 7 * HOUR_MS
"""The first of November begins in Vietnam."""
VERIFIER = Path(__file__).parents[3] / "docs" / "examples" / "verify.mjs"


@pytest.fixture
async def station(tmp_path: Path) -> Path:
    """A store with one record an hour from midnight of the first to noon of the third of November."""
    (tmp_path / "station.toml").write_text(STATION)
    key = keyfile.create(tmp_path / "station.pem")
    ledger, sealer = Ledger("BD_1", b"L" * 16), Sealer(key, RECORD)
    batch = [_record(ledger, hour, key, sealer) for hour in range(60)]
    async with await Store.open(
        tmp_path / "ledger.db", destinations=[], quota_bytes=10**8, keep_ms=10**12, executor=Inline()
    ) as store:
        await store.begin(Tail(ledger.ledger, 1, bytes(32)))
        await store.append(batch, Tail(ledger.ledger, ledger.next_seq, ledger.prev))
    return tmp_path / "station.toml"


def _record(ledger: Ledger, hour: int, key: SigningKey, sealer: Sealer) -> Entry:
    moment = Moment(MIDNIGHT_MS + hour * HOUR_MS, 1_000 + hour * HOUR_MS, ClockState.SYNCHRONISED, 5)
    boot = BootBody(key.public, BootReason.ENROLMENT, None, None, "tram test")
    gap = GapBody(GapReason.MAINTENANCE, "", max(0, moment.mono_ms - HOUR_MS), moment.mono_ms)
    kind, body = (Kind.BOOT, boot.encode()) if hour == 0 else (Kind.GAP, gap.encode())
    sealed = ledger.seal(kind, body, moment, Boot(1, b"bootboot"), bytes(8), sealer)
    return Entry(sealed.seq, kind, "", moment.wall_ms, moment.mono_ms, False, sealed.envelope)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(tram, arguments)


def exported(station: Path, first: str, last: str) -> tuple[Result, Path]:
    out = station.parent / "out.cborseq"
    return run("export", str(station), "--from", first, "--to", last, "--out", str(out)), out


@pytest.mark.parametrize(
    ("first", "last", "records"),
    [
        ("2026-11-01", "2026-11-30", 60),
        ("2026-11-01", "2026-11-01", 24),
        ("2026-11-02", "2026-11-02", 24),
        ("2026-11-02T12:00", "2026-11-02T18:00", 6),
        ("2026-11-01T17:00Z", "2026-11-01T18:00Z", 1),
    ],
)
async def test_a_day_is_a_day_of_the_stations_time_zone(
    station: Path, first: str, last: str, records: int
) -> None:
    done, out = exported(station, first, last)
    assert done.exit_code == 0, done.output
    assert len(list(cbor.sequence(out.read_bytes()))) == records
    assert f"{records} records" in done.output


async def test_what_was_exported_is_proven_by_tram_and_by_a_program_that_shares_no_code(
    station: Path,
) -> None:
    _, out = exported(station, "2026-11-01", "2026-11-30")
    key = keyfile.load(station.with_name("station.pem")).public
    station.with_name("station.pub").write_bytes(public_to_pem(key))
    done = run("verify", str(out), "--key", str(station.with_name("station.pub")))
    assert done.exit_code == 0, done.output
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not here: the JavaScript verifier is not tried")
    checked = subprocess.run(
        [node, str(VERIFIER), str(out), key.hex()], capture_output=True, text=True, check=False
    )
    assert "60 records verified, the last is seq 60" in checked.stdout


async def test_a_stretch_from_the_middle_is_proven_and_says_where_it_begins(station: Path) -> None:
    _, out = exported(station, "2026-11-02", "2026-11-02")
    public = station.with_name("station.pub")
    public.write_bytes(public_to_pem(keyfile.load(station.with_name("station.pem")).public))
    done = run("verify", str(out), "--key", str(public))
    assert done.exit_code == 0, done.output
    assert "seq 25 to 48 of 48 (its beginning is not in this file)" in done.output
    damaged = list(cbor.sequence(out.read_bytes()))
    out.write_bytes(b"".join(damaged[:5] + damaged[6:]))
    assert run("verify", str(out), "--key", str(public)).exit_code == 1


async def test_a_file_that_is_there_is_not_written_over(station: Path) -> None:
    (station.parent / "out.cborseq").write_text("precious")
    done, out = exported(station, "2026-11-01", "2026-11-30")
    assert done.exit_code == 1
    assert "is there already" in done.output
    assert out.read_text() == "precious"


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("yesterday", "2026-11-30", '"yesterday" is no time'),
        ("2026-11-30", "2026-11-01", "is not before"),
        ("2027-01-01", "2027-02-01", "holds no record between"),
        ("2026-11-01", "9999-12-31", "is too late"),
    ],
)
async def test_a_mistake_is_one_line_and_leaves_no_file(
    station: Path, first: str, last: str, words: str
) -> None:
    done, out = exported(station, first, last)
    assert done.exit_code != 0
    assert words in done.output
    assert not out.exists()


async def test_a_disk_that_is_full_leaves_no_half_of_it(
    station: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        done, out = exported(station, "2026-11-01", "2026-11-30")
    assert (done.exit_code, done.output) == (1, f"Error: {out}: No space left on device\n")
    assert not out.exists()
    assert exported(station, "2026-11-01", "2026-11-30")[0].exit_code == 0


class _FullStore:
    """A store with more records than anybody can keep in memory."""

    RECORDS = 50_000

    def ledgers(self) -> list[Any]:
        return [SimpleNamespace(ledger=b"L")]

    def entries(self, _: bytes, first: int = 1) -> Iterator[Entry]:
        for seq in range(first, self.RECORDS + 1):
            yield Entry(seq, Kind.READINGS, "ph", seq, seq, False, b"")


@pytest.mark.pure
def test_a_store_larger_than_the_gateways_memory_is_exported() -> None:
    store: Any = _FullStore()
    tracemalloc.start()
    try:
        count = sum(1 for _ in _stretches(store, 1_001, store.RECORDS - 998))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == store.RECORDS - 1_999
    assert peak_bytes < 500_000
