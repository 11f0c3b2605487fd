"""Every fault there is, in the order in which they are told."""

from typing import Final

from tests.chaos import death
from tests.chaos.fault import Fault

FAULTS: Final[tuple[Fault, ...]] = (*death.FAULTS,)
