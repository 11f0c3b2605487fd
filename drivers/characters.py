"""The seam between a driver and a line of characters: a question in bytes, a reader for its answer.

`take(buffer)` is a pure codec's reader (`drivers.protocols.text`): a message, removed from the buffer; None,
more bytes may make one; Malformed, the noise is gone; Refusal, the instrument says no.
"""

from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
Take = Callable[[bytearray], T | None]


class Heard(NamedTuple, Generic[T]):
    """A message and when its last byte arrived (CLOCK_BOOTTIME, ms)."""

    message: T
    at_mono_ms: int


class Talk(Protocol):
    """A line whose turn it is."""

    async def ask(self, request: bytes, take: Take[T], *, timeout_s: float | None = None) -> Heard[T]:
        """The answer to `request`; empty: only waits for a message. `timeout_s` None: the line's own.

        NoAnswer, Garbled, Refused or Unreachable. Noise before the answer is passed over; bytes behind it
        are nobody's. Who asks on after NoAnswer in one conversation may be given the late answer to the question
        before: the codec must then tell whose it is.
        """
        ...


class CharacterLine(Protocol):
    """What a driver of a line of characters is given."""

    async def ask(
        self, request: bytes, take: Take[T], *, at_least_s: float = 0.0, again: bool = True
    ) -> Heard[T]:
        """One question, when it is our turn. A garbled answer is asked for again, unless `again` is False.

        `at_least_s`: how long the answer is waited for where the line's own timeout is shorter.
        """
        ...

    async def converse(self, conversation: Callable[[Talk], Awaitable[T]]) -> T:
        """Several questions that nobody may interrupt. After a garbled answer all of it is asked again."""
        ...

    async def listen(self, take: Take[T], *, within_s: float) -> list[Heard[T]]:
        """On a line that streams: what came since the last call, oldest first; at least one message.

        Waits for the first one. NoAnswer: none came within `within_s` s; Garbled: only noise did.
        """
        ...
