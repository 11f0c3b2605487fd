"""Bugs that are planted on purpose: a fault that finds none of them proves nothing."""

from pathlib import Path
from random import Random

import pytest

from tests.chaos.fault import missing
from tests.chaos.power import replayed

pytestmark = pytest.mark.system


def test_a_store_that_does_not_sync_its_commits_loses_records_in_a_power_cut(tmp_path: Path) -> None:
    lacking = missing(["strace"])
    if lacking:
        pytest.skip(lacking)
    assert replayed(tmp_path, 40, Random(1), "--planted").lost > 0
