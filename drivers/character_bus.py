"""A line of instruments that speak in characters: questions take turns (`drivers.turns`), a stream is heard."""

import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from drivers.character_wire import CharacterWire
from drivers.characters import Heard, Take, Talk
from drivers.connection import Connection
from drivers.line import LineSettings
from drivers.turns import Turns

T = TypeVar("T")


class Wire(Connection, Talk, Protocol):
    """What a bus needs of a connection."""

    async def listen(self, take: Take[T], *, within_s: float) -> list[Heard[T]]:
        """What came since the last call."""
        ...


class CharacterBus(Turns):
    """A CharacterLine for all devices of one line. `jitter` gives numbers from 0 to 1.

    `streams`: an instrument on it talks by itself; it has the line for itself.
    """

    def __init__(
        self,
        settings: LineSettings,
        mono_ms: Callable[[], int],
        *,
        streams: bool = False,
        wire: Wire | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._wire: Wire = wire or CharacterWire(settings, mono_ms, streams=streams)
        super().__init__(settings, self._wire, numbered=False, jitter=jitter)

    async def ask(
        self, request: bytes, take: Take[T], *, at_least_s: float = 0.0, again: bool = True
    ) -> Heard[T]:
        """See `drivers.characters.CharacterLine`."""
        timeout_s = max(self._settings.timeout_s, at_least_s)
        return await self.turn(lambda: self._wire.ask(request, take, timeout_s=timeout_s), again=again)

    async def converse(self, conversation: Callable[[Talk], Awaitable[T]]) -> T:
        """See `drivers.characters.CharacterLine`."""
        return await self.turn(lambda: conversation(self._wire))

    async def listen(self, take: Take[T], *, within_s: float) -> list[Heard[T]]:
        """See `drivers.characters.CharacterLine`. Nobody speaks on such a line, so nobody waits for silence."""
        async with self._lock:
            if not self._wire.is_open:
                await self._open()
            with self._counted():
                return await self._wire.listen(take, within_s=within_s)
