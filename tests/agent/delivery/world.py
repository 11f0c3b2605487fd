"""A station, a broker and a centre in memory, on a virtual clock: the stage for the stories of delivery.

Only the store is real (SQLite, its work inline). The centre applies telemetry's own rules of reception, so that a
receipt here means what it means anywhere. Not modelled: TLS, keep-alives, packet order across topics.
"""

import asyncio
import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from agent.clock import Clock
from agent.send import Delivery, DestinationPlan
from buffer.schema import key_of as key_of_row
from buffer.store import Entry, Store, Tail
from buffer.writer import Inline
from mqtt.errors import Lost, Refused, TooLarge, Unreachable
from mqtt.session import Message, Session
from telemetry import cbor
from telemetry.envelope import HEAD, RECEIPT, RECORD, Sealer, hash_of, peek, unseal
from telemetry.head import Head, decode_head
from telemetry.keys import KeyRing, SigningKey
from telemetry.ledger import Ledger
from telemetry.receipt import Receipt, ReceiptStatus
from telemetry.reception import Reception
from telemetry.record import Boot, ClockState, Kind, Moment, decode_record
from tests.virtual_time import VirtualClock

STATION = "BD_VSIP_NUO001"
ROOT = "tram/1"
LEDGER = b"the first ledger"
OTHER = b"a second ledger."


def key_of(name: str) -> SigningKey:
    """The same key each time for the same name."""
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


STATION_KEY = key_of("station")
CENTRE_KEY = key_of("centre")


class Published(NamedTuple):
    """A message that reached the broker."""

    at_s: float
    topic: str
    payload: bytes

    @property
    def kind(self) -> str:
        """live, past, head or receipt."""
        return self.topic.removeprefix(f"{ROOT}/{STATION}/").split("/")[0]

    def seqs(self) -> list[int]:
        """Of the records it carries."""
        return [decode_record(peek(e, RECORD).payload).seq for e in cbor.sequence(self.payload)]


class Broker:
    """One broker. What it refuses, swallows or throws out is set by the story."""

    def __init__(self) -> None:
        self.up = True
        self.puback_s = 0.005
        self.announced_limit: int | None = None
        self.hidden_limit: int | None = None
        self.receive_maximum = 20
        self.refused: dict[str, int] = {}
        self.retained: dict[str, bytes] = {}
        self.published: list[Published] = []
        self.connects: list[float] = []
        self.sessions: list[FakeSession] = []
        self.consumers: list[Callable[[Published], None]] = []

    def connector(self) -> Callable[[], AbstractAsyncContextManager[Session]]:
        """What a Delivery is given to connect with."""
        return self._connect

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Session]:
        await asyncio.sleep(0.01)
        self.connects.append(asyncio.get_running_loop().time())
        if not self.up:
            raise Unreachable("broker.example:8883: no answer")
        session = FakeSession(self)
        self.sessions.append(session)
        try:
            yield session
        finally:
            self.sessions.remove(session)
            session.end()

    def stop(self) -> None:
        """Gone, with every connection; a real one forgets what it retained."""
        self.up = False
        self.cut()

    def start(self) -> None:
        self.up = True

    def cut(self) -> None:
        """Every connection breaks; the broker lives."""
        for session in list(self.sessions):
            session.end()

    def take(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """A message from anyone, to everyone who asked for it."""
        message = Published(asyncio.get_running_loop().time(), topic, payload)
        self.published.append(message)
        if retain:
            self.retained[topic] = payload
        for consume in self.consumers:
            consume(message)
        for session in self.sessions:
            session.deliver(topic, payload, retained=False)

    def of(self, kind: str) -> list[Published]:
        """Every message of one kind, in order."""
        return [message for message in self.published if message.kind == kind]

    def seqs(self, kind: str) -> list[int]:
        """Every record published on `live` or `past`, in order."""
        return [seq for message in self.of(kind) for seq in message.seqs()]


class FakeSession:
    """mqtt.session.Session without a wire."""

    def __init__(self, broker: Broker) -> None:
        self.receive_maximum = broker.receive_maximum
        self.maximum_packet_bytes = broker.announced_limit
        self.acknowledged: list[int] = []
        self._broker = broker
        self._window = asyncio.Semaphore(broker.receive_maximum)
        self._topics: list[str] = []
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._mid = 0

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        if self.maximum_packet_bytes is not None and len(payload) > self.maximum_packet_bytes:
            raise TooLarge("too large", size=len(payload), limit=self.maximum_packet_bytes)
        async with self._window:
            self._check()
            limit = self._broker.hidden_limit
            if limit is not None and len(payload) > limit:
                self.end()
                self._check()
            code = self._broker.refused.get(Published(0, topic, payload).kind)
            if code is None:
                self._broker.take(topic, payload, retain=retain)
            await self._puback()
            if code is not None:
                raise Refused(
                    f"{topic}: publish refused: not authorized", reason_code=code, words="not authorized"
                )

    async def subscribe(self, *topics: str) -> None:
        self._check()
        self._topics.extend(topic.removesuffix("+") for topic in topics)
        for topic, payload in self._broker.retained.items():
            self.deliver(topic, payload, retained=True)

    async def messages(self) -> AsyncIterator[Message]:
        while (message := await self._inbox.get()) is not None:
            yield message
        self._check()

    def acknowledge(self, message: Message) -> None:
        self.acknowledged.append(message.mid)

    def deliver(self, topic: str, payload: bytes, *, retained: bool) -> None:
        if any(topic.startswith(wanted) for wanted in self._topics):
            self._mid += 1
            self._inbox.put_nowait(Message(topic, payload, retained, self._mid))

    def end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        self._inbox.put_nowait(None)

    async def _puback(self) -> None:
        # No timeout(): a task that is woken by an exception is not traced on, and its coverage would be lost.
        await asyncio.wait([self._ended], timeout=self._broker.puback_s)
        self._check()

    def _check(self) -> None:
        if self._ended.done():
            raise Lost("broker.example:8883: the connection ended")


class Centre:
    """Stores what it takes, and receipts within 2 s and on every head. `deaf`: it takes nothing and says nothing."""

    def __init__(self, broker: Broker, clock: Clock, *, key: SigningKey = CENTRE_KEY) -> None:
        self.deaf = False
        self.forgetful = False
        """Answers heads, but throws records away."""
        self.status = ReceiptStatus.OK
        self.store_id = bytes(16)
        self.heads: list[Head] = []
        self.taken: list[int] = []
        self.stored: dict[bytes, dict[int, bytes]] = defaultdict(dict)
        self.unwanted: set[int] = set()
        self.mute: set[bytes] = set()
        self.claims: dict[bytes, int] = {}
        """Ledgers of which it says to have more than anyone sent: records of a life before this store's copy."""
        self._broker = broker
        self._clock = clock
        self._sealer = Sealer(key, RECEIPT)
        self._numbers: dict[bytes, int] = defaultdict(int)
        self._receptions: dict[bytes, Reception] = {}
        self._due: set[bytes] = set()
        broker.consumers.append(self._take)

    def lose_all(self) -> None:
        """Restored from an empty backup, and told so: a new store id."""
        self.store_id = bytes([self.store_id[0] + 1]) * 16
        self.stored.clear()
        self._receptions.clear()
        self._numbers.clear()

    def forget(self, ledger: bytes, first: int, last: int) -> None:
        """These were lost, and nobody told it."""
        kept = self.stored[ledger]
        for seq in range(first, last + 1):
            del kept[seq]
        del self._receptions[ledger]
        for envelope in kept.values():
            record = decode_record(peek(envelope, RECORD).payload)
            self._reception(ledger).take(record, hash_of(envelope))

    def receipt(self, ledger: bytes = LEDGER, **changed: Any) -> bytes:
        """The next receipt's payload, with fields changed by a story that forges."""
        self._numbers[ledger] += 1
        reception = self._reception(ledger)
        through, through_hash = reception.through()
        if ledger in self.claims:
            through, through_hash = self.claims[ledger], b"!" * 32
        fields: dict[str, Any] = {
            "station": STATION,
            "ledger": ledger,
            "through": through,
            "through_hash": through_hash,
            "ranges": tuple(reception.ranges_beyond()),
            "store_id": self.store_id,
            "number": self._numbers[ledger],
            "wall_ms": self._clock.wall_ms(),
            "status": self.status,
        }
        return Receipt(**{**fields, **changed}).encode()

    def send(self, payload: bytes, ledger: bytes = LEDGER, sealer: Sealer | None = None) -> None:
        """Publish a receipt's payload, signed."""
        topic = f"{ROOT}/{STATION}/receipt/{ledger.hex()}"
        self._broker.take(topic, (sealer or self._sealer).seal(payload), retain=True)

    def _reception(self, ledger: bytes) -> Reception:
        if ledger not in self._receptions:
            kept = self.stored[ledger]
            self._receptions[ledger] = Reception(lambda seq: hash_of(kept[seq]) if seq in kept else None)
        return self._receptions[ledger]

    def _take(self, message: Published) -> None:
        if self.deaf or message.kind == "receipt":
            return
        if message.kind == "head":
            head = decode_head(unseal(message.payload, HEAD, KeyRing([STATION_KEY.public])).payload)
            self.heads.append(head)
            asyncio.get_running_loop().call_later(0.05, self._receipt_now, head.ledger)
            return
        for envelope in cbor.sequence(message.payload):
            self._record(envelope)

    def _record(self, envelope: bytes) -> None:
        record = decode_record(peek(envelope, RECORD).payload)
        self.taken.append(record.seq)
        if self.forgetful or record.seq in self.unwanted:
            return
        reception = self._reception(record.ledger)
        reception.take(record, hash_of(envelope))
        self.stored[record.ledger].setdefault(record.seq, envelope)
        if record.ledger not in self._due:
            self._due.add(record.ledger)
            asyncio.get_running_loop().call_later(2.0, self._receipt_now, record.ledger)

    def _receipt_now(self, ledger: bytes) -> None:
        self._due.discard(ledger)
        if not self.deaf and self._broker.up and ledger not in self.mute:
            self.send(self.receipt(ledger), ledger)


class Station:
    """The signing and keeping side: each call is one commit, offered to every delivery."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.deliveries: list[Delivery] = []
        self.ledger = Ledger(STATION, LEDGER)
        self._clock = clock
        self._sealer = Sealer(STATION_KEY, RECORD)

    async def begin(self, ledger: bytes = LEDGER) -> None:
        """A new ledger."""
        self.ledger = Ledger(STATION, ledger)
        await self.store.begin(self._tail())

    async def commit(self, records: int = 1, *, kind: Kind = Kind.EVENT, size: int = 60) -> list[Entry]:
        """So many records in one transaction."""
        batch = [self._sign(kind, size) for _ in range(records)]
        await self.store.append(batch, self._tail())
        for delivery in self.deliveries:
            delivery.offer(batch, self.ledger.ledger)
        return batch

    async def poll(self, times: int, *, every_s: float = 1.0) -> None:
        """One record each `every_s`."""
        for _ in range(times):
            await self.commit()
            await asyncio.sleep(every_s)

    def _tail(self) -> Tail:
        return Tail(self.ledger.ledger, self.ledger.next_seq, self.ledger.prev)

    def _sign(self, kind: Kind, size: int) -> Entry:
        now = Moment(self._clock.wall_ms(), self._clock.mono_ms(), ClockState.SYNCHRONISED, 3)
        body = cbor.encode({1: "x" * size})
        sealed = self.ledger.seal(kind, body, now, Boot(1, b"bootboot"), bytes(8), self._sealer)
        first = kind in {Kind.BOOT, Kind.CONFIGURATION, Kind.RECOVERY}
        return Entry(sealed.seq, kind, "", now.wall_ms, now.mono_ms, first, sealed.envelope)


class World(NamedTuple):
    """Everything a story touches."""

    station: Station
    broker: Broker
    centre: Centre
    delivery: Delivery
    store: Store
    clock: VirtualClock
    events: list[tuple[str, dict[str, object]]]
    behind: list[bytes]
    file: Path

    def owed(self, destination: str = "so-tnmt") -> int:
        """How many records no receipt has covered."""
        return sum(owed.last - owed.first + 1 for owed in self.store.owed(destination))

    def said(self, what: str) -> list[dict[str, object]]:
        """The details of every event of this name."""
        return [detail for name, detail in self.events if name == f"destination.{what}"]

    def running(self) -> AbstractAsyncContextManager[None]:
        """The delivery, running for the length of a block; for worlds that began without."""
        return running([self.delivery])

    def damage(self, first: int, last: int) -> None:
        """Rows that the disk lost, and nobody noticed."""
        with closing(sqlite3.connect(self.file)) as file, file:
            low, high = key_of_row(1, first), key_of_row(1, last)
            gone = file.execute("DELETE FROM entry WHERE key BETWEEN ? AND ?", (low, high)).rowcount
        file.close()
        assert gone == last - first + 1

    def alarms(self) -> list[object]:
        """The kinds of alarm that began, in order."""
        return [detail["alarm"] for detail in self.said("alarm")]


def plan_of(destination: str = "so-tnmt", **changed: Any) -> DestinationPlan:
    """A destination that trusts the centre of these stories."""
    fields: dict[str, Any] = {
        "id": destination,
        "root": ROOT,
        "station": STATION,
        "ack": "receipt",
        "receipt_keys": KeyRing([CENTRE_KEY.public]),
        **changed,
    }
    return DestinationPlan(**fields)


def another(w: World, connect: Any, events: list[tuple[str, dict[str, object]]]) -> Delivery:
    """A delivery that knows only what is in the store of this world, such as a restarted agent's."""
    return Delivery(
        plan_of(),
        w.store,
        connect,
        Sealer(STATION_KEY, HEAD),
        w.clock,
        Random(1),
        lambda name, detail: events.append((name, detail)),
        restored_store=w.behind.append,
    )


@asynccontextmanager
async def world(tmp_path: Path, *, rows: int = 0, run: bool = True, **plan: Any) -> AsyncIterator[World]:
    """A station whose ledger has begun with `rows` owed records, and its delivery running."""
    clock = VirtualClock()
    store = await open_store(tmp_path, "so-tnmt")
    station = Station(store, clock)
    await station.begin()
    while rows > 0:
        await station.commit(min(rows, 500))
        rows -= 500
    broker = Broker()
    events: list[tuple[str, dict[str, object]]] = []
    behind: list[bytes] = []
    delivery = Delivery(
        plan_of(**plan),
        store,
        broker.connector(),
        Sealer(STATION_KEY, HEAD),
        clock,
        Random(7),
        lambda name, detail: events.append((name, detail)),
        restored_store=behind.append,
    )
    station.deliveries.append(delivery)
    stage = World(
        station, broker, Centre(broker, clock), delivery, store, clock, events, behind, tmp_path / "ledger.db"
    )
    async with running([delivery] if run else []):
        yield stage
    await store.close()


async def open_store(tmp_path: Path, *destinations: str) -> Store:
    """A store with its work inline and room for everything."""
    return await Store.open(
        tmp_path / "ledger.db",
        destinations=destinations,
        quota_bytes=256 * 1024 * 1024,
        keep_ms=90 * 86_400_000,
        executor=Inline(),
    )


@asynccontextmanager
async def running(deliveries: Sequence[Delivery]) -> AsyncIterator[None]:
    """The deliveries' tasks; one that ended by itself fails the story."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(delivery.run()) for delivery in deliveries]
        yield
        for task in tasks:
            task.cancel()
