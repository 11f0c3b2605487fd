"""Room for the store."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.doctor.disk import NO_ROOM_BYTES, DiskFacts, judge_disk, look_at_disk
from agent.station import load_station
from config.station import Station
from tests.agent.doctor.bench import Bench
from tests.agent.doctor.spoken import spoken

GB = 10**9
ROOMY = DiskFacts(
    folder=Path("/data"),
    free_bytes=50 * GB,
    free_files=1_000,
    read_only=False,
    writable=True,
    store_bytes=GB,
    quota_bytes=4 * GB,
    bytes_per_day=10**7,
)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (ROOMY, ["ok disk-ok", "ok disk-days"]),
        (replace(ROOMY, read_only=True), ["wrong disk-read-only"]),
        (replace(ROOMY, writable=False), ["wrong disk-not-ours"]),
        (replace(ROOMY, free_files=0), ["wrong disk-no-files"]),
        (replace(ROOMY, free_files=None), ["ok disk-ok", "ok disk-days"]),
        (replace(ROOMY, free_bytes=NO_ROOM_BYTES - 1), ["wrong disk-full"]),
        (replace(ROOMY, free_bytes=2 * GB), ["warning disk-below-quota", "ok disk-days"]),
        (
            replace(ROOMY, free_bytes=2 * GB, bytes_per_day=GB),
            ["warning disk-below-quota", "warning disk-short"],
        ),
        (
            replace(ROOMY, store_bytes=4 * GB),
            ["ok disk-ok"],
        ),  # full of delivered records, which go: as it should be
        (replace(ROOMY, bytes_per_day=None), ["ok disk-ok"]),
        (replace(ROOMY, free_bytes=NO_ROOM_BYTES, store_bytes=4 * GB), ["ok disk-ok"]),
    ],
)
def test_room_for_the_quota_and_for_how_long(facts: DiskFacts, said: list[str]) -> None:
    assert spoken(judge_disk(facts)) == said


@pytest.mark.pure
def test_the_quota_that_would_fit_is_named() -> None:
    (said, _) = judge_disk(replace(ROOMY, free_bytes=2 * GB))
    assert said.values["fits"] == "2.93 GB"


@pytest.mark.pure
def test_how_long_it_lasts_is_what_the_quota_leaves_or_the_disk() -> None:
    (_, said) = judge_disk(ROOMY)
    assert said.values["days"] == "300"
    (_, said) = judge_disk(replace(ROOMY, free_bytes=2 * GB))
    assert said.values["days"] == "200"


@pytest.fixture
def station(tmp_path: Path) -> Station:
    bench = Bench(tmp_path / "station")
    bench.describe()
    return load_station(bench.file)


def test_the_disk_under_the_store_is_asked(station: Station) -> None:
    station.buffer.path.write_bytes(b"x" * 1_000)
    station.buffer.path.with_name("ledger.db-wal").write_bytes(b"x" * 500)
    facts = look_at_disk(station, None)
    assert facts.store_bytes == 1_500
    assert facts.writable
    assert facts.folder == station.buffer.path.parent
    assert facts.free_bytes > 0


def test_a_folder_that_is_still_to_be_made_has_the_room_of_the_one_above(station: Station) -> None:
    station.buffer.path.parent.rmdir()
    assert look_at_disk(station, None).folder == station.file.parent


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """1 MB of memory as a disk of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("only root can mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.system
def test_a_disk_that_is_full_and_one_that_the_kernel_closed(small_disk: Path) -> None:
    bench = Bench(small_disk / "station")
    bench.describe()
    station = load_station(bench.file)
    assert spoken(judge_disk(look_at_disk(station, 1e6))) == ["wrong disk-full"]
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert spoken(judge_disk(look_at_disk(station, 1e6))) == ["wrong disk-read-only"]
