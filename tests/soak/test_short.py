"""A quarter of a minute of what `make soak` does for as long as it is told to."""

from pathlib import Path

import pytest

from tests.soak.run import SHORT, soak
from tests.system.conftest import unmeasured

__all__ = ["unmeasured"]
pytestmark = pytest.mark.system


def test_the_demo_station_loses_nothing_and_leaks_nothing_under_random_troubles(tmp_path: Path) -> None:
    said: list[str] = []
    report = soak(tmp_path, SHORT, seed=5, say=said.append)
    assert report.complaints == []
    assert report.records > 50
    assert report.served > report.taken_along
    assert len(report.log.recoveries) == len(said) >= 4
    assert max(stretch.tasks for stretch in report.stretches) > 10  # the last one may be too short for a look
