"""What an instrument keeps by itself, as it says it: for a person to look at. It is no reading, and is never signed.

Decision 34 has the reasons: its time is that of its own clock, and nothing on the wire says that of a value.
"""

from typing import NamedTuple, Protocol, runtime_checkable


class KeptRecord(NamedTuple):
    """`at`: YYYY-MM-DD HH:MM by the instrument's clock, whose zone nobody tells. `words`: names and words as said."""

    at: str
    words: tuple[tuple[str, str], ...]


class Kept(NamedTuple):
    """The newest first. `clock`: what its clock shows now, as it says it, empty: it does not say. `total`: likewise."""

    records: tuple[KeptRecord, ...]
    clock: str = ""
    total: int | None = None


@runtime_checkable
class Keeps(Protocol):
    """A driver whose instrument keeps records."""

    async def kept(self, count: int) -> Kept:
        """The newest `count` of them, fewer when there are no more. DriverError."""
        ...
