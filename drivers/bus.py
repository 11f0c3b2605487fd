"""A line of Modbus devices: their questions take turns (`drivers.turns`)."""

import random
from collections.abc import Callable
from typing import Protocol

from drivers.connection import Connection
from drivers.errors import Misconfigured
from drivers.exchange import Answer
from drivers.line import LineSettings
from drivers.modbus_wire import modbus_wire
from drivers.turns import Turns


class Wire(Connection, Protocol):
    """What a bus needs of a connection."""

    async def ask(self, unit: int, pdu: bytes) -> Answer:
        """One question; NoAnswer, Garbled or Unreachable."""
        ...


class Bus(Turns):
    """An Exchange for all devices of one line. `jitter` gives numbers from 0 to 1."""

    def __init__(
        self,
        settings: LineSettings,
        mono_ms: Callable[[], int],
        *,
        wire: Wire | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._wire: Wire = wire or modbus_wire(settings, mono_ms)
        numbered = settings.endpoint.numbered
        super().__init__(settings, self._wire, numbered=numbered, jitter=jitter)
        self._has_address_of_all = not numbered

    async def __call__(self, unit: int, pdu: bytes) -> Answer:
        """See `exchange`."""
        return await self.exchange(unit, pdu)

    async def exchange(self, unit: int, pdu: bytes) -> Answer:
        """The answer of `unit`, an exception reply included. A garbled one is asked for again."""
        if unit == 0 and self._has_address_of_all:
            raise Misconfigured("unit 0 is the address of all: nobody answers it", hint="units are 1..247")
        answer = await self.turn(lambda: self._wire.ask(unit, pdu))
        self._stats.refused += answer.pdu[0] >> 7
        return answer
