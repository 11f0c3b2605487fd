"""aiomqtt's client, and under it paho's, with their measured faults mended.

Mended here, each with a test: connecting leaves a thread and a socket behind when cancelled; CONNACK's limits
are dropped; a refused publish looks published; pending calls outlive their connection until they time out;
messages are acknowledged before anyone has them; what was pending is sent again later, unasked (so a client is
used for one connection and never again); the reason for a loss is dropped.
"""

import asyncio
import ssl
from typing import Protocol

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from mqtt import words
from mqtt.broker import Broker
from mqtt.errors import BrokerUnfit, Lost, Refused, Unreachable
from mqtt.outgoing import Outgoing
from mqtt.properties import MAX_INCOMING_BYTES, NO_LIMITS, Limits, announced, as_will, expiry, greeting
from mqtt.wire import Wire

_TICK_S = 1.0
_KEEP_ALIVE_TIMEOUT = 0x8D
_UNSUPPORTED_VERSION = 0x84


class Events(Protocol):
    """Where a client tells what comes by itself."""

    def message(self, topic: str, payload: bytes, retained: bool, mid: int) -> None:
        """A message; `mid` is its packet identifier, 0 for QoS 0."""

    def ended(self, lost: Lost) -> None:
        """The connection is over; said once, also after `close`."""


class Client(aiomqtt.Client):
    """One connection over a wire that is already connected; not to be used again after `close`."""

    def __init__(self, broker: Broker, wire: Wire, events: Events) -> None:
        super().__init__(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=broker.client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=None if broker.will is None else as_will(broker.will),
            timeout=broker.answer_timeout_s,
        )
        self.where = f"{broker.host}:{broker.port}"
        self.outgoing = Outgoing(broker.window)
        self._limits = NO_LIMITS
        self._broker = broker
        self._wire = wire
        self._events = events
        self._lost: Lost | None = None
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._client.disable_logger()
        self._client.manual_ack_set(True)
        self._client.max_inflight_messages_set(0)  # the window is ours: paho would queue what exceeds it
        self._client._create_socket = lambda: wire  # type: ignore[method-assign, assignment, return-value] # noqa: SLF001

    async def open(self) -> Limits:
        """MQTT's greeting. Raises Unreachable, Refused or BrokerUnfit."""
        self._client.connect(
            self._broker.host,
            self._broker.port,
            self._broker.keepalive_s,
            clean_start=True,
            properties=greeting(self._broker),
        )
        try:
            async with asyncio.timeout(self._broker.connect_timeout_s):
                await self._connected
        except TimeoutError:
            raise Unreachable(
                f"{self.where}: connected, but no MQTT answer in {self._broker.connect_timeout_s:g} s: "
                "check that this is the broker's MQTT port"
            ) from None
        except aiomqtt.MqttCodeError as error:
            code = _code(error.rc)
            if code == _UNSUPPORTED_VERSION:
                raise BrokerUnfit(f"{self.where}: {words.of_reason(code)}") from None
            raise _refused(f"{self.where}: connection refused", code) from None
        self.outgoing = Outgoing(min(self._broker.window, self._limits.receive_maximum))
        return self._limits

    def send(self, topic: str, payload: bytes, retain: bool, expiry_s: int | None) -> asyncio.Future[int]:
        """Publish now; the future is its PUBACK's reason code. A place in the window must have been taken.

        Raises ValueError for what is no topic name.
        """
        properties = None if expiry_s is None else expiry(PacketTypes.PUBLISH, expiry_s)
        info = self._client.publish(topic, payload, 1, retain, properties)
        return self.outgoing.sent(info.mid, self._loop.time())

    async def ask_for(self, topics: tuple[str, ...]) -> list[int]:
        """Subscribe with QoS 1; one reason code per topic. Raises Lost."""
        if self._lost is not None:
            raise self._lost.again()
        try:
            codes = await super().subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])
        except aiomqtt.MqttError:
            self._end(Lost(f"{self.where}: no answer to a subscription in {self.timeout:g} s"))
        if self._lost is not None:
            raise self._lost.again()
        return [_code(code) for code in codes]

    def acknowledge(self, mid: int) -> None:
        """PUBACK for a message that arrived with QoS 1."""
        if self._lost is None:
            self._client.ack(mid, 1)

    def close(self) -> None:
        """Say goodbye if that is possible at once, and let go of everything."""
        self._closing = True
        if self._lost is None and self._connected.done() and self._wire.fileno() >= 0:
            self._client.disconnect()
            self._client.loop_write()
        self._end(Lost(f"{self.where}: this session was closed here"))

    def _end(self, lost: Lost) -> None:
        """The connection is over: let go of the socket, and tell everyone who waits."""
        if self._lost is not None:
            return
        self._lost = lost
        self._let_go()
        if not self._connected.done():
            self._connected.set_exception(Unreachable(str(lost)))
        self._connected.add_done_callback(_seen)
        for answer in self._pending_subscribes.values():
            if not answer.done():
                answer.set_exception(lost.again())
        self.outgoing.end(lost)
        self._events.ended(lost)

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        fileno = self._wire.fileno()
        if fileno >= 0:
            self._loop.remove_reader(fileno)
            self._loop.remove_writer(fileno)
        self._wire.close()

    # What paho calls. All of it happens in the event loop: there is no other thread.

    def _on_connect(
        self,
        client: Paho,
        userdata: object,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if properties is not None and not self._connected.done():
            self._limits = announced(properties)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: Paho,
        userdata: object,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._closing:
            self._end(self._loss(flags, reason_code))

    def _on_publish(
        self, client: Paho, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        self.outgoing.acknowledged(mid, reason_code.value)

    def _on_message(self, client: Paho, userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # no topic of ours; left unanswered it would hold the broker's window
            client.ack(message.mid, message.qos)
            return
        self._check_incoming(len(message.payload))
        if self._lost is None:
            self._events.message(topic, bytes(message.payload), message.retain, message.mid)

    def _on_socket_open(self, client: Paho, userdata: object, sock: object) -> None:
        self._loop.add_reader(self._wire.fileno(), self._read)
        self._tick()

    def _on_socket_close(self, client: Paho, userdata: object, sock: object) -> None:
        self._let_go()

    def _on_socket_register_write(self, client: Paho, userdata: object, sock: object) -> None:
        self._loop.call_soon(self._write)

    def _on_socket_unregister_write(self, client: Paho, userdata: object, sock: object) -> None:
        if self._wire.fileno() >= 0:
            self._loop.remove_writer(self._wire.fileno())

    def _read(self) -> None:
        while self._lost is None:
            self._client.loop_read()
            self._check_incoming(self._client._in_packet["remaining_length"])  # noqa: SLF001 - half a packet
            if self._wire.pending() == 0:
                return

    def _check_incoming(self, size: int) -> None:
        if size > MAX_INCOMING_BYTES:  # announced in our CONNECT: a broker that keeps to it never gets here
            self._end(Lost(f"{self.where}: the broker sent a packet over {MAX_INCOMING_BYTES} bytes"))

    def _write(self) -> None:
        if self._lost is not None:
            return
        self._client.loop_write()
        if self._client.want_write() and self._wire.fileno() >= 0:  # the kernel's buffer is full
            self._loop.add_writer(self._wire.fileno(), self._write)

    def _tick(self) -> None:
        if self._lost is not None:
            return
        self._client.loop_misc()
        oldest_s = self.outgoing.oldest_s()
        if oldest_s is not None and self._loop.time() - oldest_s > self.timeout:
            self._end(Lost(f"{self.where}: the broker did not acknowledge a publish in {self.timeout:g} s"))
        else:
            self._timer = self._loop.call_later(_TICK_S, self._tick)

    def _loss(self, flags: DisconnectFlags, reason_code: ReasonCode) -> Lost:
        code: int = reason_code.value
        if flags.is_disconnect_packet_from_server:
            return Lost(f"{self.where}: the broker ended it: {words.of_reason(code)}", reason_code=code)
        if code == _KEEP_ALIVE_TIMEOUT:
            return Lost(f"{self.where}: the broker stopped answering")
        failure = self._wire.failure
        why = words.of_failure(failure) if failure is not None else "the broker closed the connection"
        if not self._connected.done() and not isinstance(failure, ssl.SSLError):
            why += " instead of an MQTT 5 answer: check the port, and write mqtts:// if it is a TLS port"
        elif failure is None:
            why += f', its log says why; two clients with the id "{self._broker.client_id}" do that too'
        return Lost(f"{self.where}: {why}")


def check(what: str, reason_code: int) -> None:
    """Raise Refused for 0x80 and above. 0x10, no matching subscribers, is a success."""
    if reason_code >= 0x80:
        raise _refused(what, reason_code)


def _refused(what: str, reason_code: int) -> Refused:
    said = words.of_reason(reason_code)
    return Refused(f"{what}: {said}", reason_code=reason_code, words=said)


def _code(code: int | ReasonCode | None) -> int:
    return code.value if isinstance(code, ReasonCode) else int(code or 0x80)


def _seen(future: asyncio.Future[None]) -> None:
    """Look at the outcome, so that asyncio does not complain of an error that nobody asked for."""
    if not future.cancelled():
        future.exception()
