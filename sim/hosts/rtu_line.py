"""What a master says in RTU or ASCII frames on any stream of bytes, turned into replies."""

import asyncio
from collections.abc import Callable

from drivers.protocols import modbus_ascii, modbus_rtu
from drivers.protocols.modbus_pdu import Malformed
from sim.hosts.landing import Landings
from sim.wire import Wire

SILENCE_S = 0.02
"""Longer than 3.5 characters at 2400 baud (16 ms) and than the latency timer of a USB adapter (16 ms)."""
ASCII_SILENCE_S = 1.0
"""MODBUS over Serial Line V1.02, 2.5.2: a second between two characters of a frame is an error."""


class RtuConversation:
    """Units that nobody here has are not answered; noise is passed over; an unfinished frame is forgotten.

    `baudrate` tells at which speed the master speaks now; None: the stream has none.
    """

    def __init__(
        self,
        wire: Wire,
        landings: Landings,
        *,
        silence_s: float = SILENCE_S,
        ascii_frames: bool = False,
        baudrate: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._baudrate = baudrate
        self._codec = modbus_ascii if ascii_frames else modbus_rtu
        self._wire = wire
        self._landings = landings
        self._silence_s = ASCII_SILENCE_S if ascii_frames else silence_s
        self._buffer = bytearray()
        self._silence: asyncio.TimerHandle | None = None

    def fed(self, received: bytes) -> None:
        """Answer what is complete; what is not waits for more, or for silence."""
        self._forget_silence()
        self._buffer += received
        self._take(silent=False)
        if self._buffer:
            self._silence = asyncio.get_running_loop().call_later(self._silence_s, self._fell_silent)

    def stop(self) -> None:
        """Forget the beginning of a request."""
        self._forget_silence()
        self._buffer.clear()

    def _fell_silent(self) -> None:
        self._silence = None
        self._take(silent=True)

    def _forget_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _take(self, *, silent: bool) -> None:
        while self._buffer:
            try:
                request = self._codec.take_request(self._buffer, silent=silent)
            except Malformed:
                continue
            if request is None:
                return
            due = self._wire.ask(*request, baudrate=self._baudrate())
            if due is not None:
                self._landings.expect(due, self._codec.encode_frame)
