"""A connected socket in the form that paho wants to read it.

paho asks the kernel for one byte, then for another, then for the rest; here a burst is taken at once and
served from memory, which saves two system calls per acknowledgement. And paho drops the reason for which a
connection broke; here it is kept.
"""

import socket
import ssl

from mqtt import words

_BURST_BYTES = 65_536
_NOT_YET = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Wire:
    """A non-blocking, connected socket (TLS already spoken, if any). `failure`: why it broke; None: it did not."""

    def __init__(self, sock: socket.socket) -> None:
        self.failure: OSError | None = None
        self._sock = sock
        self._burst = b""
        self._taken = 0

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes; b"" at the end of the stream. Raises what the socket raises."""
        if self._taken == len(self._burst):
            self._burst, self._taken = b"", 0
            try:
                self._burst = self._sock.recv(_BURST_BYTES)
            except OSError as error:
                raise self._seen(error) from None
        part = self._burst[self._taken : self._taken + size]
        self._taken += len(part)
        return part

    def send(self, chunk: bytes) -> int:
        """Hand bytes to the kernel; the number it took. Raises what the socket raises."""
        try:
            return self._sock.send(chunk)
        except OSError as error:
            seen = self._seen(error)
            if self.failure is error:
                self._look_for_the_reason()
            raise seen from None

    def pending(self) -> int:
        """Bytes in memory that `recv` gives without asking the kernel."""
        return len(self._burst) - self._taken

    def fileno(self) -> int:
        """The file descriptor; -1 once closed."""
        return self._sock.fileno()

    def certificate(self) -> bytes | None:
        """What the broker showed, in DER; None without TLS."""
        return self._sock.getpeercert(binary_form=True) if isinstance(self._sock, ssl.SSLSocket) else None

    def setblocking(self, _flag: bool) -> None:
        """It never blocks, whatever paho asks for."""

    def close(self) -> None:
        """Close the socket and forget what was read ahead. Safe to call twice."""
        self._burst, self._taken = b"", 0
        self._sock.close()

    def _seen(self, error: OSError) -> OSError:
        if not isinstance(error, _NOT_YET):
            self.failure = error
        return error

    def _look_for_the_reason(self) -> None:
        """A write fails with a bare end of file when a TLS alert, which names the reason, is still unread."""
        try:
            self._sock.recv(1)
        except ssl.SSLError as error:
            if "ALERT" in words.reason_name(error):
                self.failure = error
        except OSError:
            return
