"""Plays the agent's recorder: envelopes in order, each with its own bytes, and the tail after them."""

import hashlib
from typing import Any

from buffer.store import Entry, Store, Tail
from buffer.writer import Inline

LEDGER = b"the first ledger"
OTHER = b"a second ledger."
DAY_MS = 86_400_000
NOON_MS = 1_800_000_000_000
GENEROUS = 64 * 1024 * 1024


class Recorder:
    """Signs nothing: an envelope is its ledger and seq, filled up to a size."""

    def __init__(self, ledger: bytes = LEDGER, *, size: int = 300, wall_ms: int = NOON_MS) -> None:
        self.tail = Tail(ledger, 1, bytes(32))
        self.wall_ms = wall_ms
        self._size = size

    def entry(
        self, *, kind: int = 1, device: str = "ph", first: bool = False, size: int | None = None
    ) -> Entry:
        ledger, seq, _ = self.tail
        envelope = (ledger + seq.to_bytes(8) + self.tail.prev).ljust(size or self._size, b"~")
        self.tail = Tail(ledger, seq + 1, hashlib.sha256(envelope).digest())
        self.wall_ms += 1000
        return Entry(seq, kind, device, self.wall_ms, seq * 1000, first, envelope)

    def entries(self, how_many: int) -> list[Entry]:
        return [self.entry() for _ in range(how_many)]


async def open_store(path: Any, *destinations: str, **options: Any) -> Store:
    """A store whose work runs inline, with room for everything."""
    settings = {"quota_bytes": GENEROUS, "keep_ms": 90 * DAY_MS, "executor": Inline(), **options}
    return await Store.open(path, destinations=destinations, **settings)


async def started(path: Any, *destinations: str, rows: int = 0, **options: Any) -> tuple[Store, Recorder]:
    """A store in which a ledger has begun, with so many rows."""
    store, recorder = await open_store(path, *destinations, **options), Recorder()
    await store.begin(recorder.tail)
    if rows:
        await store.append(recorder.entries(rows), recorder.tail)
    return store, recorder


def ranges(store: Store, destination: str, ledger: bytes = LEDGER) -> list[tuple[int, int]]:
    """What the destination is owed of one ledger."""
    return [(owed.first, owed.last) for owed in store.owed(destination) if owed.ledger == ledger]


async def held(store: Store, ledger: bytes = LEDGER) -> list[int]:
    """Every seq that can be read."""
    return [entry.seq for entry in await store.read(ledger, 1, 10**9, max_bytes=10**9, max_rows=10**6)]
