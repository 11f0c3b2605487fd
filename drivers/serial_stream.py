"""The one file that imports pyserial: a serial port on the event loop, for instruments that are not Modbus.

pyserial 3.5 does not lock a port unless it is asked to (`exclusive`), and its own asyncio package buffers what
it cannot write without end: here a port has one owner, and what does not fit in the kernel is written when it
can be. It raises termios.error, which is no OSError, believes that a port does what it was told, and turns the
check of the parity bit off. A port is opened without a thread: with O_NONBLOCK an open waits for no carrier.
"""

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import Callable

import serial
import serial.rs485

from drivers.diagnosis import unreachable
from drivers.endpoint import SerialPort
from drivers.errors import Unreachable

READ_BYTES = 4096


class SerialStream:
    """An open port. `received` gets bytes as they come; `lost` is called once, when the adapter is gone."""

    def __init__(
        self, where: SerialPort, received: Callable[[bytes], None], lost: Callable[[Unreachable], None]
    ) -> None:
        self._where = where
        self._received = received
        self._lost = lost
        self._unsent = bytearray()
        self._port: serial.Serial | None = None
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Unreachable, with the reason and what to do."""
        where = self._where
        try:
            self._port = port = serial.Serial(
                where.path,
                baudrate=where.baudrate,
                bytesize=where.bytesize,
                parity=where.parity,
                stopbits=where.stopbits,
                timeout=0,
                exclusive=True,
            )
            take_at_its_word(where, port.fileno())
            if where.rs485:
                switch_to_rs485(where, port)
        except Unreachable:
            self.close()
            raise
        except (OSError, ValueError, termios.error) as error:
            self.close()
            raise unreachable(where, _cause(error)) from None
        # An FTDI chip holds bytes back for 16 ms to fill its packet; few other ports know the wish.
        with contextlib.suppress(OSError, ValueError, NotImplementedError):
            port.set_low_latency_mode(True)
        self._loop.add_reader(port.fileno(), self._readable)

    def retune(self, where: SerialPort) -> None:
        """Another speed or parity on the open port; what came before is gone. Unreachable: it cannot do that."""
        port = self._port
        if port is None:
            raise Unreachable(f"{where}: the port is not open")
        try:
            port.apply_settings(
                {
                    "baudrate": where.baudrate,
                    "bytesize": where.bytesize,
                    "parity": where.parity,
                    "stopbits": where.stopbits,
                }
            )
            take_at_its_word(where, port.fileno())
            port.reset_input_buffer()
        except (OSError, ValueError, termios.error) as error:
            raise unreachable(where, _cause(error)) from None
        self._where = where

    def write(self, data: bytes) -> None:
        """Now, or as soon as the kernel has room. What is left of an older request is never sent."""
        self._unsent[:] = data
        self._writable()

    def close(self) -> None:
        """Lets go of the port and of what was not written."""
        port, self._port = self._port, None
        self._unsent.clear()
        if port is not None:
            self._loop.remove_reader(port.fileno())
            self._loop.remove_writer(port.fileno())
            with contextlib.suppress(OSError, termios.error):
                # The kernel waits up to 30 s in close(2) for what an adapter does not send, and so would all lines.
                termios.tcflush(port.fileno(), termios.TCOFLUSH)
            port.close()

    def _readable(self) -> None:
        if self._port is None:
            return
        try:
            data = os.read(self._port.fileno(), READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._gone(error)
            return
        if data:
            self._received(data)
        else:
            self._gone(None)

    def _writable(self) -> None:
        if self._port is None:
            return
        descriptor = self._port.fileno()
        try:
            del self._unsent[: os.write(descriptor, self._unsent)]
        except BlockingIOError:
            pass
        except OSError as error:
            self._gone(error)
            return
        if self._unsent:
            self._loop.add_writer(descriptor, self._writable)
        else:
            self._loop.remove_writer(descriptor)

    def _gone(self, error: OSError | None) -> None:
        self.close()
        self._lost(unreachable(self._where, error or OSError(errno.EIO, "the end of the stream")))


def take_at_its_word(where: SerialPort, descriptor: int) -> None:
    """Looks whether the port does what was asked of it, and lets it check the parity bit. OSError, termios.error.

    A port that cannot do 7E1 may take the setting without a word and send 8N1. A character whose parity bit is
    wrong is read as NUL, which no line of text has: otherwise it would pass for another digit.
    """
    settings = termios.tcgetattr(descriptor)
    cflag = settings[2]
    does = cflag & termios.CSIZE, bool(cflag & termios.PARENB), bool(cflag & termios.CSTOPB)
    size = termios.CS7 if where.bytesize == 7 else termios.CS8
    if does != (size, where.parity != "N", where.stopbits == 2):
        raise OSError(errno.EINVAL, "the port does something else")
    if where.parity != "N":
        settings[0] = (settings[0] | termios.INPCK) & ~(termios.IGNPAR | termios.PARMRK)
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)


def switch_to_rs485(where: SerialPort, port: serial.Serial) -> None:
    """Lets the kernel turn the port's driver on while it sends. Unreachable: it cannot do that on this port."""
    try:
        port.rs485_mode = serial.rs485.RS485Settings()
    except (OSError, ValueError):
        raise Unreachable(
            f"{where}: the kernel cannot switch the direction of this port",
            hint="leave rs485=kernel out: most adapters switch it themselves",
        ) from None


def _cause(error: Exception) -> Exception:
    """The operating system's error, which pyserial wraps."""
    inner = error.__context__
    return inner if isinstance(inner, OSError) and inner.errno else error
