"""A PUBACK taken for a delivery: the fault that this must not survive finds it."""

from pathlib import Path
from random import Random

import pytest

from tests.chaos.broker import silently_full
from tests.chaos.fault import missing
from tests.system.conftest import unmeasured

__all__ = ["unmeasured"]
pytestmark = pytest.mark.system


def test_a_station_that_believes_pubacks_loses_what_a_full_broker_drops(tmp_path: Path) -> None:
    lacking = missing(["mosquitto"])
    if lacking:
        pytest.skip(lacking)
    assert silently_full(tmp_path, Random(1), ack="broker", for_s=3.0).lost > 0
