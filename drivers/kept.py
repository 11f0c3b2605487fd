"""What an instrument keeps by itself, as it says it: never a reading (decision 34).

Its time is that of its own clock, whose zone and error nobody tells. A person looks at it (`tram read --records`), and
the agent fetches what it missed and signs it as said (agent.backfill).
"""

from typing import NamedTuple, Protocol, runtime_checkable

AT_FORMAT = "%Y-%m-%d %H:%M"
"""How `at` is written: texts in the order of time."""


class KeptRecord(NamedTuple):
    """`at`: AT_FORMAT by the instrument's clock, whose zone nobody tells. `words`: names and words as said."""

    at: str
    words: tuple[tuple[str, str], ...]


class KeptClock(NamedTuple):
    """What the instrument's clock shows now: as it says it, and as `at` of a record. Empty: it does not say."""

    said: str = ""
    at: str = ""


class Keeping(Protocol):
    """One look at what an instrument keeps. What it learns of the wording holds for this look only."""

    async def clock(self) -> KeptClock:
        """What its clock shows. DriverError."""
        ...

    async def total(self) -> int | None:
        """How many records it keeps; None: it does not say. DriverError."""
        ...

    async def record(self, back: int) -> KeptRecord | None:
        """The one that is `back` from the end, 1 the newest; None: it keeps no more. DriverError.

        A record that is stored between two questions shows as the one before once more.
        """
        ...


@runtime_checkable
class Keeps(Protocol):
    """A driver whose instrument keeps records. `backfills`: whether the agent fetches those that it missed."""

    @property
    def backfills(self) -> bool:
        """As the station file says."""
        ...

    def kept(self) -> Keeping:
        """A new look."""
        ...


class Kept(NamedTuple):
    """The newest records, the newest first, with what the instrument says of its clock and their number."""

    records: tuple[KeptRecord, ...]
    clock: KeptClock
    total: int | None


async def newest(keeping: Keeping, count: int) -> Kept:
    """`count` of them, fewer when there are no more. DriverError."""
    clock, total = await keeping.clock(), await keeping.total()
    found: list[KeptRecord] = []
    back = 0
    while len(found) < count and back < 2 * count:
        back += 1
        record = await keeping.record(back)
        if record is None:
            break
        if record not in found[-1:]:
            found.append(record)
    return Kept(tuple(found), clock, total)
