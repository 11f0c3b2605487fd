"""The seam between a driver and its line: one question, one answer.

A bus is one; a simulated instrument called in memory is another.
"""

from typing import NamedTuple, Protocol


class Answer(NamedTuple):
    """A reply PDU (an exception reply is one too) and when its last byte arrived (CLOCK_BOOTTIME, ms)."""

    pdu: bytes
    at_mono_ms: int


class Exchange(Protocol):
    """Asks `unit` and waits for its answer. Raises DriverError; never returns another request's answer."""

    async def __call__(self, unit: int, pdu: bytes) -> Answer:
        """One request PDU to one unit address."""
        ...
