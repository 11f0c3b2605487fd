"""What the rules of a line (`drivers.turns`) need of its wire."""

from typing import Protocol

from drivers.tap import Tap


class Unasked(Protocol):
    """What came while nobody asked: `late` answers to a question that was given up, and `stray` ones."""

    late: int
    stray: int


class Connection(Protocol):
    """A wire as turns see it. It tells its `tap` the bytes that pass."""

    tap: Tap

    @property
    def last_byte_at(self) -> float:
        """When the last byte came, on the event loop's clock."""
        ...

    @property
    def unasked(self) -> Unasked:
        """Counts since the start."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether a question can be asked."""

    async def open(self) -> None:
        """Connects; Unreachable."""

    def close(self) -> None:
        """Lets go."""
