"""Puts replies on a wire when they are due, late ones late; the only place of the room that waits."""

import asyncio
from collections.abc import Callable

from sim.wire import Due, Wire

Write = Callable[[bytes], None]


class Landings:
    """The replies of one connection or line that are still under way. `hang_up` closes it."""

    def __init__(self, wire: Wire, write: Write, hang_up: Callable[[], None]) -> None:
        self._wire = wire
        self._write = write
        self._hang_up = hang_up
        self._waiting: set[asyncio.TimerHandle] = set()

    def expect(self, due: Due, frame: Callable[[int, bytes], bytes]) -> None:
        """Write the reply when its time comes: at once when it has no delay."""
        if due.reply.after_s <= 0:
            self._land(due, frame)
            return
        handle: asyncio.TimerHandle | None = None

        def land() -> None:
            assert handle is not None
            self._waiting.discard(handle)
            self._land(due, frame)

        handle = asyncio.get_running_loop().call_later(due.reply.after_s, land)
        self._waiting.add(handle)

    def put(self, after_s: float, octets: bytes) -> None:
        """Bytes of a recording, when their time comes. They are nobody's answer in the account."""
        handle: asyncio.TimerHandle | None = None

        def land() -> None:
            assert handle is not None
            self._waiting.discard(handle)
            self._write(octets)

        handle = asyncio.get_running_loop().call_later(after_s, land)
        self._waiting.add(handle)

    def hang_up(self) -> None:
        """Close the connection."""
        self._hang_up()

    def stop(self) -> None:
        """Nothing that is still under way will arrive."""
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()

    def _land(self, due: Due, frame: Callable[[int, bytes], bytes]) -> None:
        wire_bytes = due.reply.on_the_wire(frame)
        # Before the write: a master on this machine may have the bytes, and date them, before we go on.
        self._wire.landed(due)
        if wire_bytes:
            self._write(wire_bytes)
        if due.reply.close:
            self._hang_up()
