"""The centre at the broker, for ever: one connection after the other, one store after the other if it must be.

No session of the broker is relied on: clean start and plain subscriptions. Whatever is lost on the way has no
receipt, and the station sends it again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from central.centre import Centre
from central.errors import FolderError, StoreFailed
from central.folder import Folder, alone, prepare
from central.now import Now, now
from central.post import Post
from central.store import Store
from mqtt.broker import Broker
from mqtt.errors import MqttError
from mqtt.session import Session, connect
from telemetry.keys import SigningKey, fingerprint

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
            made_of = partial(Centre, place, store, key, root=root, bench=bench, say=ready)
            with closing(store):
                await _until_the_store_fails(made_of, broker, seams, patience, ready)
            store = await _reopened(place, patience, ready)


async def _until_the_store_fails(
    made_of: Callable[[], Centre],
    broker: Broker,
    seams: Seams,
    patience: "Patience",
    ready: Callable[[str], None],
) -> None:
    """Serve with one store."""
    try:
        centre = made_of()
        centre.look(seams.now())
        await _stay_connected(centre, broker, seams, patience, ready)
    except StoreFailed as error:
        ready(f"{error}; trying again")


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
                await Post(centre, session, seams.now, ready).run()
        except MqttError as error:
            if str(error) != said:
                where = f"{broker.host}:{broker.port}"
                ready(f"broker {where}: {str(error).removeprefix(f'{where}: ')}; trying again")
            said = str(error)
        await patience.wait()
