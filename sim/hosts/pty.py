"""A serial line on a pseudo-terminal: several slaves, one master, raw bytes, 8N1.

A Linux pseudo-terminal carries every byte at once and knows no parity: 8E1 and 7E1 fail on it (EINVAL at the second
setting). It does remember the speed that the master set, and the near end can read it: an instrument with a `baudrate`
is deaf at any other. Not modelled: parity, the time that bytes take, and what two slaves make of each other's bytes.
"""

import asyncio
import os
import termios
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from sim.hosts.landing import Landings
from sim.hosts.listener import Conversation
from sim.hosts.rtu_line import SILENCE_S, RtuConversation
from sim.hosts.talk import TalkConversation
from sim.talk import TalkFace
from sim.wire import Wire

_READ_BYTES = 4096
_SPEEDS = {
    getattr(termios, name): int(name[1:]) for name in dir(termios) if name[1:].isdecimal() and name[0] == "B"
}
_OUT_OF_TUNE = bytes((byte * 37 + 129) % 256 for byte in range(256))
"""What a byte is taken for at another speed: here, a different one."""


class PtyHost:
    """`async with PtyHost(wire) as line:` serves it on line.path.

    With `link` the path is that symbolic link: a stable name as under /dev/serial/by-id, which stays the
    same when the adapter is pulled (`unplug`) and put back (`plug_in`), while the terminal behind it changes.
    `baudrate` is the speed of everybody on the line: at another nobody hears anything, and who talks by himself is
    heard as other bytes. None: each has its own, or none.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        link: Path | None = None,
        silence_s: float = SILENCE_S,
        ascii_frames: bool = False,
        baudrate: int | None = None,
    ) -> None:
        self.wire = wire
        self.link = link
        self.lost_bytes = 0
        self._silence_s = silence_s
        self._ascii_frames = ascii_frames
        self._baudrate = baudrate
        self._terminal = ""
        self._ends: tuple[int, ...] | None = None
        self._landings: Landings | None = None
        self._conversation: Conversation | None = None

    @property
    def path(self) -> str:
        """What a master opens."""
        return str(self.link or self._terminal)

    async def __aenter__(self) -> Self:
        self.plug_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()

    def speed(self) -> int:
        """The speed that the master set last, 9600 before; 0: one that has no name, or the adapter is pulled."""
        return 0 if self._ends is None else _SPEEDS.get(termios.tcgetattr(self._ends[0])[5], 0)

    def plug_in(self) -> None:
        """Make the terminal and the link. OSError: no terminals left, or the link cannot be made."""
        # Our own hold on the far end keeps the line alive between two masters: without it the near end
        # reports an error at every turn of the loop.
        near, far = os.openpty()
        tty.setraw(far)
        _eight_n_one(far)
        os.set_blocking(near, False)
        self._ends = (near, far)
        self._terminal = os.ttyname(far)
        self._landings = Landings(self.wire, self._write, lambda: None)
        self._conversation = self.converse(self._landings)
        asyncio.get_running_loop().add_reader(near, self._readable, near)
        if self.link is not None:
            _point(self.link, self._terminal)

    def let_go(self) -> None:
        """Give up our hold on the far end: only the master has it open from now on, and when it goes this is pulled."""
        if self._ends is not None:
            for end in self._ends[1:]:
                os.close(end)
            self._ends = self._ends[:1]

    def unplug(self) -> None:
        """Pull the adapter: the link and the terminal are gone, the master reads the end of the stream."""
        if self._ends is None:
            return
        asyncio.get_running_loop().remove_reader(self._ends[0])
        if self._conversation and self._landings:
            self._conversation.stop()
            self._landings.stop()
        for end in self._ends:
            os.close(end)
        self._ends = None
        if self.link is not None and self.link.is_symlink() and str(self.link.readlink()) == self._terminal:
            self.link.unlink()

    def converse(self, landings: Landings) -> Conversation:
        """What hangs on the line."""
        if isinstance(self.wire.face, TalkFace):
            return TalkConversation(self.wire, landings)
        return RtuConversation(
            self.wire,
            landings,
            silence_s=self._silence_s,
            ascii_frames=self._ascii_frames,
            baudrate=self.speed,
        )

    def _readable(self, near: int) -> None:
        try:
            received = os.read(near, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if received and not self._in_tune():
            return
        if received and self._conversation:
            self._conversation.fed(received)
        else:
            self.unplug()

    def _in_tune(self) -> bool:
        """Whether the master has the speed of the line."""
        return self._baudrate in {None, self.speed()}

    def _write(self, wire_bytes: bytes) -> None:
        """A line does not wait for its reader: what does not fit is lost."""
        if self._ends is None:
            return
        if not self._in_tune():
            wire_bytes = wire_bytes.translate(_OUT_OF_TUNE)
        try:
            written = os.write(self._ends[0], wire_bytes)
        except BlockingIOError:
            written = 0
        self.lost_bytes += len(wire_bytes) - written


def _eight_n_one(terminal: int) -> None:
    settings = termios.tcgetattr(terminal)
    settings[2] = (
        settings[2] & ~(termios.CSIZE | termios.PARENB | termios.CSTOPB) | termios.CS8 | termios.CLOCAL
    )
    settings[4] = settings[5] = termios.B9600
    termios.tcsetattr(terminal, termios.TCSANOW, settings)


def _point(link: Path, terminal: str) -> None:
    """Make the link in one step, so that nobody ever sees it half made."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(terminal)
    fresh.replace(link)
