"""Who stands in for whom: no driver without a simulator."""

import pytest

from drivers.catalogue import DRIVERS
from sim.talkers.catalogue import TALKERS

pytestmark = pytest.mark.pure

REGISTERS = {"modbus", "analog"}
"""An instrument of registers (sim.instrument) stands in for these."""
ITSELF = {"system"}
"""The machine on which the rehearsal runs."""


def test_no_driver_is_without_a_simulator() -> None:
    assert set(DRIVERS) == set(TALKERS) | REGISTERS | ITSELF
