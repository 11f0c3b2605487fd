"""The faults that are quick enough for every test run. All of them: `make chaos`."""

from pathlib import Path

import pytest

from tests.chaos.catalogue import FAULTS
from tests.chaos.fault import Fault
from tests.chaos.report import rehearse
from tests.system.conftest import unmeasured

__all__ = ["unmeasured"]
pytestmark = pytest.mark.system


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.short], ids=lambda fault: fault.name)
def test_nothing_is_lost_and_nothing_doubled(fault: Fault, tmp_path: Path) -> None:
    row = rehearse(fault, tmp_path / "fault", seed=1)
    if row.skipped:
        pytest.skip(row.skipped)
    assert row.is_good, row.line()
    assert row.outcome is not None
    assert row.outcome.records > 0
