"""One connection to the broker: one task reads, one commits what is waiting, one publishes receipts.

A message is acknowledged only after the commit that holds it.
"""

import asyncio
from collections.abc import Callable

from central.centre import Centre
from central.errors import StoreFailed
from central.now import Now
from central.receipts import Outgoing
from mqtt.errors import MqttError, Refused
from mqtt.session import Message, Session

TICK_S = 0.25
LOOK_EVERY_MS = 1000
BATCH_MESSAGES = 64
BATCH_BYTES = 512 * 1024
QUEUE_MESSAGES = 256
WINDOW = 16
_LOSSES: tuple[type[MqttError | StoreFailed], ...] = (MqttError, StoreFailed)


class Post:
    """One connection: messages in, receipts out."""

    def __init__(
        self, centre: Centre, session: Session, now: Callable[[], Now], ready: Callable[[str], None]
    ) -> None:
        self._centre = centre
        self._session = session
        self._now = now
        self._ready = ready
        self._refused: set[str] = set()
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(QUEUE_MESSAGES)
        self._outgoing: dict[str, bytes] = {}
        self._something = asyncio.Event()

    async def run(self) -> None:
        """Until the connection or the store is lost: MqttError, StoreFailed."""
        self._centre.answer_all()
        cancels = _cancels()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(), name="central: read")
                tasks.create_task(self._commit(), name="central: commit")
                # Not a task, and it never returns: a group whose owner waits at its end forgets, before Python 3.13,
                # to take its own cancellation back, and then nobody can tell it from a real one.
                await self._publish()
        except BaseExceptionGroup as group:
            # Not except*: in Python 3.11.2, which is Debian 12's, what is raised in that comes out inside a group.
            lost, defects = group.split(_LOSSES)
            if lost is None or defects is not None:
                raise
            if _cancels() > cancels:
                raise asyncio.CancelledError from None  # the group let the loss of the line win over it
            raise first_of(lost) from None

    async def _read(self) -> None:
        async for message in self._session.messages():
            await self._waiting.put(message)

    async def _commit(self) -> None:
        look_ms = 0
        while True:
            batch = await self._batch()
            present = self._now()
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


def _cancels() -> int:
    """How often the running task was asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def first_of(group: BaseExceptionGroup[MqttError | StoreFailed]) -> MqttError | StoreFailed:
    """The store's failure when there is one: it decides what must be read anew."""
    found = list(_leaves(group))
    return next((e for e in found if isinstance(e, StoreFailed)), found[0])


def _leaves(group: BaseExceptionGroup[MqttError | StoreFailed]) -> "list[MqttError | StoreFailed]":
    leaves: list[MqttError | StoreFailed] = []
    for error in group.exceptions:
        leaves.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return leaves
