"""The edge to one destination: everything that is tried at its broker, each step with its own time bound.

A client id of its own, no message that anybody keeps: on `live` and `past` a message of no bytes, which is a sequence
of no records; below `head` a topic that names no ledger. The receipts are read as the agent reads them. Only when the
agent does not run is its head sent, not retained: the same words that it would say itself.
"""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace

from agent.destinations import broker_of
from agent.doctor.bounded import asked
from agent.doctor.broker import BrokerFacts, Step
from agent.doctor.centre import ReceiptSeen
from agent.doctor.certificates import Certificate, from_der
from agent.doctor.failure import of_connecting, of_name, of_using
from config.station import Destination, Station
from mqtt.broker import Broker, parse_url
from mqtt.dial import dial
from mqtt.errors import Misconfigured, MqttError, Refused
from mqtt.session import Message, Session, connect
from mqtt.wire import Wire
from telemetry.envelope import RECEIPT, Forged, UnknownKey, peek, unseal
from telemetry.fields import RecordError
from telemetry.keys import KeyRing
from telemetry.receipt import decode_receipt

STEP_S = 4.0
RETAINED_S = 2.0
ANSWER_S = 10.0
BOUND_S = 9 * STEP_S + ANSWER_S + 2
"""Name, TCP, TLS (and without trust, for its certificate), login (line, greeting), four topics, the answer, slack."""


@dataclass(frozen=True, slots=True)
class Question:
    """The head to send, sealed, and its ledger. Only when no agent runs."""

    topic: str
    envelope: bytes
    ledger: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """Receipts of pinned keys, and ids of other keys. `asked`: the question was sent; `waited_s` for its answer."""

    receipts: tuple[ReceiptSeen, ...] = ()
    strangers: tuple[str, ...] = ()
    asked: bool = False
    waited_s: float = 0.0


class _Ended(Exception):
    """A step failed, and it is written down."""


class _Walk:
    """The steps that were taken, and what was seen on the way."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.steps: list[Step] = []
        self.addresses: tuple[str, ...] = ()
        self.certificate: Certificate | None = None

    def facts(self) -> BrokerFacts:
        """So far."""
        broker = self.broker
        return BrokerFacts(
            broker.host,
            broker.port,
            tuple(self.steps),
            client_id=broker.client_id,
            username=broker.username,
            addresses=self.addresses,
            certificate=self.certificate,
        )

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Raises _Ended after an error that was foreseen."""
        begun = time.monotonic()
        try:
            yield
        except (MqttError, OSError) as error:
            failure = of_connecting(error, name) if isinstance(error, MqttError) else of_name(error)
            self.steps.append(Step(name, _ms(begun), failure))
            raise _Ended from error
        self.steps.append(Step(name, _ms(begun)))

    async def connected(self, stack: AsyncExitStack) -> Session:
        """Name, TCP, TLS, login. _Ended at the first that fails."""
        broker = self.broker
        if not _is_address(broker.host):
            with self.step("dns"):
                self.addresses = await _addresses(broker.host, broker.port)
        with self.step("tcp"):
            (await dial(replace(broker, tls=None))).close()
        if broker.tls is not None:
            await self._secured(broker)
        with self.step("login"):
            return await stack.enter_async_context(connect(broker))

    async def _secured(self, broker: Broker) -> None:
        try:
            with self.step("tls"), closing(await dial(broker)) as wire:
                self.certificate = _certificate(wire)
        except _Ended:
            self.certificate = await _shown_to_anybody(broker)
            raise

    async def may(self, session: Session, publish: Iterable[str], subscribe: Iterable[str]) -> None:
        """What the access list forbids, topic by topic. A broker that hangs up is asked no more."""
        refused = False
        begun = time.monotonic()
        for verb, topic in [*(("publish", t) for t in publish), *(("subscribe", t) for t in subscribe)]:
            try:
                await (session.publish(topic, b"") if verb == "publish" else session.subscribe(topic))
            except MqttError as error:
                refused = True
                self.steps.append(Step("acl", _ms(begun), of_using(error, verb), topic))
                if not isinstance(error, Refused):
                    raise _Ended from error
        if not refused:
            self.steps.append(Step("acl", _ms(begun)))


async def look_at_broker(
    station: Station, destination: Destination, keys: KeyRing, question: Question | None
) -> tuple[BrokerFacts, Heard | None]:
    """Heard is None when the broker did not let us that far."""
    address = parse_url(destination.url)
    try:
        broker = broker_of(destination, station.id)
    except Misconfigured as error:
        return BrokerFacts(address.host, address.port, (), misconfigured=str(error)), None
    ours = f"{broker.client_id}-doctor"
    walk = _Walk(replace(broker, client_id=ours, connect_timeout_s=STEP_S, answer_timeout_s=STEP_S))
    heard: Heard | None = None
    below = f"{destination.root}/{station.id}"
    receipts = [f"{below}/receipt/+"] if destination.ack == "receipt" else []
    with suppress(_Ended):
        async with AsyncExitStack() as stack:
            session = await walk.connected(stack)
            await walk.may(session, (f"{below}/live", f"{below}/past", f"{below}/head/"), receipts)
            if receipts:
                heard = await _listen(session, _Ear(keys, station.id), question)
    return walk.facts(), heard


class _Ear:
    """Takes messages; keeps what a receipt of this station says."""

    def __init__(self, keys: KeyRing, station: str) -> None:
        self.receipts: list[ReceiptSeen] = []
        self.strangers: set[str] = set()
        self._stranger_answered = False
        self._keys = keys
        self._station = station

    async def listen(self, session: Session, ledger: bytes | None) -> None:
        """Until a centre answers about the ledger; for ever when there is none."""
        async for message in session.messages():
            self.take(message)
            session.acknowledge(message)
            if ledger is not None and self.has_answer(ledger):
                return

    def take(self, message: Message) -> None:
        """Of another key only its id is kept; what is no receipt at all is nothing."""
        try:
            receipt = decode_receipt(unseal(message.payload, RECEIPT, self._keys).payload)
        except UnknownKey:
            self.strangers.add(peek(message.payload, RECEIPT).kid.hex())
            self._stranger_answered |= not message.retained
            return
        except (Forged, RecordError):
            return
        if receipt.station == self._station:
            self.receipts.append(
                ReceiptSeen(
                    receipt.ledger,
                    receipt.number,
                    receipt.through,
                    receipt.wall_ms,
                    int(receipt.status),
                    fresh=not message.retained,
                )
            )

    def has_answer(self, ledger: bytes) -> bool:
        """Whether a centre spoke while we listened: of this ledger, or with a key that is not pinned."""
        return self._stranger_answered or any(seen.fresh and seen.ledger == ledger for seen in self.receipts)


async def _listen(session: Session, ear: _Ear, question: Question | None) -> Heard:
    """Until the answer, or for as long as kept receipts need to come."""
    begun = time.monotonic()
    with suppress(TimeoutError, MqttError):
        async with asyncio.timeout(ANSWER_S if question else RETAINED_S):
            if question:
                await session.publish(question.topic, question.envelope)
            await ear.listen(session, question.ledger if question else None)
    waited_s = time.monotonic() - begun
    return Heard(tuple(ear.receipts), tuple(sorted(ear.strangers)), question is not None, waited_s)


async def _addresses(host: str, port: int) -> tuple[str, ...]:
    async with asyncio.timeout(STEP_S):
        found = await asked(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


async def _shown_to_anybody(broker: Broker) -> Certificate | None:
    """The certificate of a broker that is not trusted, to say what is wrong with it. Nothing is sent to it."""
    look_only = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    look_only.check_hostname = False
    look_only.verify_mode = ssl.CERT_NONE
    with suppress(MqttError), closing(await dial(replace(broker, tls=look_only))) as wire:
        return _certificate(wire)
    return None


def _certificate(wire: Wire) -> Certificate | None:
    der = wire.certificate()
    try:
        return None if der is None else from_der(der)
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ms(begun: float) -> int:
    return round((time.monotonic() - begun) * 1_000)
