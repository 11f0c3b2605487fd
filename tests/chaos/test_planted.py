"""Bugs that are planted on purpose: a fault that finds none of them proves nothing."""

from pathlib import Path
from random import Random

import pytest

from tests.chaos.fault import missing
from tests.chaos.power import MOUNTS, replayed, written_on_ext4

pytestmark = pytest.mark.system


def test_a_store_that_does_not_sync_its_commits_loses_records_in_a_power_cut(tmp_path: Path) -> None:
    lacking = missing(["strace"])
    if lacking:
        pytest.skip(lacking)
    assert replayed(tmp_path, 40, Random(1), "--planted").lost > 0


def test_and_in_one_on_a_real_file_system(tmp_path: Path) -> None:
    lacking = missing(MOUNTS)
    if lacking:
        pytest.skip(lacking)
    assert written_on_ext4(tmp_path, 5, Random(1), "--planted").lost > 0
