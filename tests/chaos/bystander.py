"""A client of its own at the broker, in a thread: it hears what others say, and says what it is told to."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from mqtt.broker import Broker, parse_url
from mqtt.errors import Lost
from mqtt.session import Message, Session, connect
from tests.system.patience import until

PATIENCE_S = 20.0
MARK = "chaos/mark"

Got = TypeVar("Got")


class Bystander:
    """`with Bystander(url, *topics) as client:`; `heard` grows by itself. One connection: it ends with the broker."""

    def __init__(self, url: str, *topics: str, name: str = "bystander") -> None:
        address = parse_url(url)
        self._broker = Broker(address.host, address.port, client_id=f"chaos-{name}")
        self._topics = topics
        self.heard: list[Message] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name)
        self._open = AsyncExitStack()
        self._reader: asyncio.Task[None] | None = None
        self._session: Session | None = None
        self._marks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._wait_for(self._begin())
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._wait_for(self._end())
        finally:
            self._end_thread()

    @property
    def session(self) -> Session:
        """For what runs in the same loop."""
        assert self._session is not None
        return self._session

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish; returns when the broker has it."""
        self._wait_for(self.session.publish(topic, payload, retain=retain))

    def catch_up(self) -> None:
        """Returns when everything is heard that the broker had before."""
        self._marks += 1
        mark = str(self._marks).encode()
        self.say(MARK, mark)
        until(lambda: any(m.topic == MARK and m.payload == mark for m in self.heard), "our own mark")

    async def hear(self, message: Message) -> None:
        """Every message, in the order of arrival."""
        self.heard.append(message)

    async def leave(self) -> None:
        """The last thing before the connection is given up."""

    async def _begin(self) -> None:
        self._session = await self._open.enter_async_context(connect(self._broker))
        self._reader = asyncio.create_task(self._read(), name="bystander: read")
        await self._session.subscribe(MARK, *self._topics)

    async def _read(self) -> None:
        with suppress(Lost):
            async for message in self.session.messages():
                await self.hear(message)
                self.session.acknowledge(message)

    async def _end(self) -> None:
        await self.leave()
        assert self._reader is not None
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader
        await self._open.aclose()

    def _wait_for(self, what: Coroutine[Any, Any, Got]) -> Got:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE_S)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
