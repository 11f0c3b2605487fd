"""The centre at the broker: one worker that commits what is waiting, one publisher of receipts, for ever.

No session of the broker is relied on: clean start, plain subscriptions, a message is acknowledged only after the
commit that holds it. Whatever is lost on the way has no receipt, and the station sends it again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from central.centre import Centre
from central.errors import FolderError, StoreFailed
from central.folder import Folder, alone, prepare
from central.now import Now, now
from central.receipts import Outgoing
from central.store import Store
from mqtt.broker import Broker
from mqtt.errors import MqttError, Refused
from mqtt.session import Message, Session, connect
from telemetry.keys import SigningKey, fingerprint

TICK_S = 0.25
LOOK_EVERY_MS = 1000
BATCH_MESSAGES = 64
BATCH_BYTES = 512 * 1024
QUEUE_MESSAGES = 256
WINDOW = 16
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Seams:
    """What a simulated world replaces."""

    connect: Callable[[Broker], AbstractAsyncContextManager[Session]] = connect
    now: Callable[[], Now] = now
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random


async def serve(
    folder: Path,
    broker: Broker,
    *,
    root: str = "tram/1",
    bench: bool = False,
    ready: Callable[[str], None],
    seams: Seams | None = None,
) -> None:
    """Receive, verify, keep and receipt until cancelled; a lost broker or store is tried again for ever.

    `ready` gets every line that the operator should see. Raises FolderError (Busy when the folder is served
    already) at the start only.
    """
    seams = seams or Seams()
    place = Folder(folder)
    key, made = prepare(place)
    with alone(place):
        _introduce(place, key, made, bench, ready)
        patience = Patience(seams)
        store = Store.open(place.database)
        while True:
            with closing(store):
                centre = Centre(place, store, key, root=root, bench=bench, say=ready)
                try:
                    centre.look(seams.now())
                    await _stay_connected(centre, broker, seams, patience, ready)
                except StoreFailed as error:
                    ready(f"{error}; trying again")
            store = await _reopened(place, patience, ready)


async def _reopened(place: Folder, patience: "Patience", ready: Callable[[str], None]) -> Store:
    """The store again after it failed; a full disk may stay full for days."""
    while True:
        await patience.wait()
        try:
            return Store.open(place.database)
        except FolderError as error:
            ready(f"{error}; trying again")


def _introduce(place: Folder, key: SigningKey, made: bool, bench: bool, ready: Callable[[str], None]) -> None:
    ready(
        f"{'new key made' if made else 'key'}: {fingerprint(key.public)}; stations pin the public half,"
        f" {place.public}"
    )
    if bench:
        ready("WARNING: --bench trusts every unknown station at first use; never do this with real stations")


class Patience:
    """Waits between attempts: doubling, with jitter, up to five seconds, from the start again after a success."""

    def __init__(self, seams: Seams) -> None:
        self._seams = seams
        self._next_s = FIRST_WAIT_S

    def succeeded(self) -> None:
        """The next wait is the first one again."""
        self._next_s = FIRST_WAIT_S

    async def wait(self) -> None:
        """Wait between half and all of the present time."""
        wait_s = self._next_s * (0.5 + self._seams.jitter() / 2)
        self._next_s = min(2 * self._next_s, LONGEST_WAIT_S)
        await self._seams.wait(wait_s)


async def _stay_connected(
    centre: Centre, broker: Broker, seams: Seams, patience: Patience, ready: Callable[[str], None]
) -> None:
    """One connection after the other. StoreFailed when a commit did."""
    said = ""
    while True:
        try:
            async with seams.connect(broker) as session:
                await session.subscribe(*centre.subscriptions)
                patience.succeeded()
                said = ""
                ready(
                    f"ready: receiving {centre.subscriptions[0].split('+')[0]} from {broker.host}:{broker.port}"
                )
                await _Post(centre, session, seams, ready).run()
        except MqttError as error:
            if str(error) != said:
                ready(f"broker {broker.host}:{broker.port}: {error}; trying again")
            said = str(error)
        await patience.wait()


class _Post:
    """One connection: messages in, receipts out."""

    def __init__(self, centre: Centre, session: Session, seams: Seams, ready: Callable[[str], None]) -> None:
        self._centre = centre
        self._session = session
        self._seams = seams
        self._ready = ready
        self._refused: set[str] = set()
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(QUEUE_MESSAGES)
        self._outgoing: dict[str, bytes] = {}
        self._something = asyncio.Event()

    async def run(self) -> None:
        """Until the connection or the store is lost: MqttError, StoreFailed."""
        self._centre.answer_all()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(), name="central: read")
                tasks.create_task(self._commit(), name="central: commit")
                tasks.create_task(self._publish(), name="central: publish")
        except* (MqttError, StoreFailed) as lost:
            raise _first(lost) from None

    async def _read(self) -> None:
        async for message in self._session.messages():
            await self._waiting.put(message)

    async def _commit(self) -> None:
        look_ms = 0
        while True:
            batch = await self._batch()
            present = self._seams.now()
            if batch:
                self._centre.take([(m.topic, m.payload) for m in batch], present)
                for message in batch:
                    self._session.acknowledge(message)
            if present.mono_ms >= look_ms:
                look_ms = present.mono_ms + LOOK_EVERY_MS
                self._centre.look(present)
            self._post(self._centre.due(present))

    async def _batch(self) -> list[Message]:
        """What is waiting, bounded so that one commit stays short; empty after a tick of silence."""
        try:
            async with asyncio.timeout(TICK_S):  # wait_for of Python 3.11 can swallow a cancellation
                batch = [await self._waiting.get()]
        except TimeoutError:
            return []
        size = len(batch[0].payload)
        while len(batch) < BATCH_MESSAGES and size < BATCH_BYTES and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
            size += len(batch[-1].payload)
        return batch

    def _post(self, receipts: list[Outgoing]) -> None:
        self._outgoing.update(receipts)  # a newer receipt replaces one that has not left yet
        if self._outgoing:
            self._something.set()

    async def _publish(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._outgoing:
                topics = list(self._outgoing)[:WINDOW]
                some = [(topic, self._outgoing.pop(topic)) for topic in topics]
                await asyncio.gather(*(self._say(topic, payload) for topic, payload in some))

    async def _say(self, topic: str, payload: bytes) -> None:
        """Publish one receipt; a broker that forbids it for one station must not silence the others."""
        try:
            await self._session.publish(topic, payload, retain=True)
        except Refused as error:
            if topic not in self._refused:
                self._ready(f"receipt not published, the station will send again and again: {error}")
            self._refused.add(topic)
        else:
            self._refused.discard(topic)


def _first(group: BaseExceptionGroup[MqttError | StoreFailed]) -> MqttError | StoreFailed:
    """The store's failure when there is one: it decides what must be read anew."""
    found = list(_leaves(group))
    return next((e for e in found if isinstance(e, StoreFailed)), found[0])


def _leaves(group: BaseExceptionGroup[MqttError | StoreFailed]) -> "list[MqttError | StoreFailed]":
    leaves: list[MqttError | StoreFailed] = []
    for error in group.exceptions:
        leaves.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return leaves
