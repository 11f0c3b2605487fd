"""Every fault there is, in the order in which they are told."""

from typing import Final

from tests.chaos import (
    backlog,
    blocks,
    broker,
    calls,
    centre,
    certificates,
    clocks,
    damage,
    death,
    disk,
    lines,
    network,
    power,
)
from tests.chaos.fault import Fault

FAULTS: Final[tuple[Fault, ...]] = (
    *calls.FAULTS,
    *death.FAULTS,
    *disk.FAULTS,
    *damage.FAULTS,
    *power.FAULTS,
    *clocks.FAULTS,
    *certificates.FAULTS,
    *lines.FAULTS,
    *backlog.FAULTS,
    *blocks.FAULTS,
    *broker.FAULTS,
    *network.FAULTS,
    *centre.FAULTS,
)
