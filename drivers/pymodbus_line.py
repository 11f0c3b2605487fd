"""The one file that imports pymodbus: frames out, frames in, for TCP, RTU and RTU over TCP.

pymodbus 3.16.1 carries the bytes, waits and frames. What it does wrong (measured in November 2026)
is kept from doing harm here and in `drivers.inbox`:

- noise before an RTU frame loses the frame, an answer's unit, function and length are not compared with
  the question, two answers in one segment over 264 bytes are dropped: every byte goes through our inbox
  first (`trace_packet`), and pymodbus sees exactly one sound, expected frame or nothing;
- a device that closes the connection costs the whole timeout: the loss fails the question at once;
- the reason of a failed connect is logged and forgotten: it is caught on its way;
- it numbers the questions of each connection from 1: ours go on, so that nothing fits that was asked before;
- its retries, its reconnecting and its closing after silence are switched off: the bus does these.
"""

import asyncio
import errno
import logging
import ssl
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU

from drivers.diagnosis import unreachable
from drivers.endpoint import SerialPort, TcpHost, UdpHost
from drivers.errors import DriverError, Garbled, Unreachable
from drivers.exchange import Answer
from drivers.inbox import (
    MOST_BYTES,
    READ_FUNCTIONS,
    WRITE_FUNCTIONS,
    Inbox,
    Question,
    RtuInbox,
    TcpInbox,
    question,
)
from drivers.line import LineSettings
from drivers.serial_stream import switch_to_rs485
from drivers.tap import Tap
from drivers.tls import dial, tls_context

Client = AsyncModbusTcpClient | AsyncModbusSerialClient
ATTEMPT_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError)
if sys.platform != "win32":
    import termios

    ATTEMPT_ERRORS = (*ATTEMPT_ERRORS, termios.error)


class _Request(ModbusPDU):
    """Any request PDU, as its bytes."""

    def __init__(self, asked: Question) -> None:
        super().__init__(dev_id=asked.unit)
        self.function_code = asked.pdu[0]
        self.asked = asked

    def encode(self) -> bytes:
        """All but the function code, which pymodbus writes."""
        return self.asked.pdu[1:]


class _Reply(ModbusPDU):
    """Any reply PDU, as its bytes; pymodbus's own classes decode register by register."""

    content: bytes = b""

    def decode(self, data: bytes) -> None:
        """All but the function code."""
        self.content = data

    def __str__(self) -> str:
        return f"function {self.function_code}"  # pymodbus formats every reply for a log that is off


_REPLY_CLASSES: tuple[type[_Reply], ...] = (
    *(type(f"_Read{f}", (_Reply,), {"function_code": f, "rtu_byte_count_pos": 2}) for f in READ_FUNCTIONS),
    *(type(f"_Write{f}", (_Reply,), {"function_code": f, "rtu_frame_size": 8}) for f in WRITE_FUNCTIONS),
)


class PymodbusWire:
    """One connection at a time to one endpoint, one question at a time. The bus sees to both.

    `last_byte_at` is the event loop's time of the last byte that came, whoever it was for.
    """

    def __init__(self, settings: LineSettings, mono_ms: Callable[[], int]) -> None:
        self._settings = settings
        where = settings.endpoint
        assert not isinstance(where, UdpHost)
        self._where = where
        self._mono_ms = mono_ms
        self._tcp = isinstance(self._where, TcpHost) and not self._where.rtu
        self._secured = isinstance(self._where, TcpHost) and self._where.tls
        self.inbox: Inbox = TcpInbox(str(self._where)) if self._tcp else RtuInbox(str(self._where))
        self.last_byte_at = float("-inf")
        self.tap = Tap()
        self._client: Client | None = None
        self._connected = asyncio.Event()
        self._asked: Question | None = None
        self._number = 0
        self._reasons: list[Exception] = []
        self._arrived_mono_ms = 0

    @property
    def unasked(self) -> Inbox:
        """The inbox counts what came late or astray."""
        return self.inbox

    @property
    def is_open(self) -> bool:
        """Whether a question can be asked."""
        return self._client is not None and self._client.connected

    async def open(self) -> None:
        """Connects, or raises Unreachable with the reason and what to do."""
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL + 1)
        self.close()
        self._connected = asyncio.Event()
        self.inbox.opened()
        client = self._client = self._new_client()
        reasons = self._reasons = _remember_reasons(client)
        ready = False
        try:
            async with asyncio.timeout(self._settings.connect_s + 1):
                if not await client.connect():
                    raise unreachable(self._where, reasons[-1] if reasons else None)
                await self._connected.wait()
            if isinstance(self._where, SerialPort) and self._where.rs485:
                switch_to_rs485(self._where, cast("Any", client.ctx.transport).sync_serial)
            ready = True
        except ATTEMPT_ERRORS as error:
            raise unreachable(self._where, error.with_traceback(None)) from None
        finally:
            if not ready:
                self.close()
        client.ctx.comm_params.timeout_connect = self._settings.timeout_s

    def close(self) -> None:
        """Lets go of the connection; a question in hand fails."""
        client, self._client = self._client, None
        if client is not None:
            if self._secured and isinstance(client.ctx.transport, asyncio.Transport):
                client.ctx.transport.abort()  # TLS waits for the other side's goodbye, and a dead one says none
            client.close()
            self._fail(client, Unreachable(f"{self._where}: the line was closed"))

    async def ask(self, unit: int, pdu: bytes) -> Answer:
        """The answer's PDU, an exception reply included. Raises NoAnswer, Garbled or Unreachable."""
        client = self._client
        if client is None or not client.connected:
            raise Unreachable(f"{self._where}: the line is not open")
        asked = self._asked = question(unit, pdu)
        try:
            reply = await client.execute(False, _Request(asked))
        except ModbusIOException:
            raise self.inbox.verdict() from None
        except (ConnectionException, OSError) as error:
            raise unreachable(self._where, error) from None
        finally:
            self._asked = None
            self.inbox.done()
        content = reply.content if isinstance(reply, _Reply) else bytes((reply.exception_code,))
        return Answer(bytes((reply.function_code,)) + content, self._arrived_mono_ms)

    def _new_client(self) -> Client:
        where = self._where
        client: Client
        if isinstance(where, SerialPort):
            client = AsyncModbusSerialClient(
                where.path,
                framer=FramerType.RTU,
                baudrate=where.baudrate,
                parity=where.parity,
                stopbits=where.stopbits,
                timeout=self._settings.connect_s,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._packet,
                trace_connect=self._connection,
            )
        else:
            client = AsyncModbusTcpClient(
                where.host,
                port=where.port,
                framer=FramerType.RTU if where.rtu else FramerType.SOCKET,
                timeout=self._settings.connect_s,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._packet,
                trace_connect=self._connection,
            )
            if where.tls:
                _secure(client, where, tls_context(str(where), self._settings), self._settings.connect_s)
        client.set_max_no_responses(sys.maxsize)
        client.ctx.max_buffer_size = MOST_BYTES
        for reply_class in _REPLY_CLASSES:
            client.register(reply_class)
        return client

    def _packet(self, sending: bool, data: bytes) -> bytes:
        """Every packet comes through here; what is returned is what pymodbus sees of it."""
        client = self._client
        if client is None:
            return b""
        if self.tap.is_watched:
            self.tap.tell("sent" if sending else "heard" if self._asked else "unasked", data)
        if sending:
            if self._asked is not None:
                self.inbox.expect(self._asked, data)
            self._number = client.ctx.next_tid
            return data
        client.ctx.recv_buffer = b""  # the inbox keeps what is needed
        self.last_byte_at = asyncio.get_running_loop().time()
        try:
            frame = self.inbox.feed(data)
        except Garbled as error:
            self._fail(client, error)
            if not self.inbox.in_step:
                self.close()
            return b""
        if frame:
            self._arrived_mono_ms = self._mono_ms()
        return frame

    def _connection(self, made: bool) -> None:
        if made:
            if self._client is not None:
                self._client.ctx.next_tid = self._number
            self._connected.set()
        elif self._client is not None:
            lost = self._reasons[-1] if self._reasons else ConnectionResetError(errno.ECONNRESET, "lost")
            self._fail(self._client, unreachable(self._where, lost))

    def _fail(self, client: Client, error: DriverError) -> None:
        """Ends the question in hand, if there is one, without waiting for its timeout."""
        waiting = client.ctx.response_future
        if self._asked is not None and not waiting.done():
            waiting.set_exception(error)


def _remember_reasons(client: Client) -> list[Exception]:
    """Catches why connecting fails; pymodbus only logs it, and lets some errors of termios escape."""
    reasons: list[Exception] = []
    create = client.ctx.call_create

    async def creating() -> object:
        try:
            return await create()
        except ATTEMPT_ERRORS as error:
            # without its traceback, which holds the half-open port and with it the port's lock
            reasons.append(error.with_traceback(None))
            raise OSError from None

    disconnected = client.ctx.callback_disconnected

    def losing(error: Exception | None) -> None:
        if isinstance(error, ssl.SSLError):  # TLS 1.3: what it has against our certificate comes afterwards
            reasons.append(error.with_traceback(None))
        disconnected(error)

    client.ctx.call_create = creating
    cast("Any", client.ctx).callback_disconnected = losing
    return reasons


def _secure(client: Client, where: TcpHost, context: ssl.SSLContext, connect_s: float) -> None:
    """The same frames inside TLS. pymodbus's own TLS client leaves the header of Modbus TCP out."""
    protocol = client.ctx.handle_new_connection
    client.ctx.call_create = partial(dial, protocol, where.host, where.port, context, connect_s)
