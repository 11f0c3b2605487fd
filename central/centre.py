"""The centre without a broker: messages in, one commit, receipts out. Synchronous; clocks are arguments."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from central.acknowledge import Acknowledged
from central.enrol import trust
from central.folder import Changes, Folder, StationKeys
from central.heads import Heads
from central.ledgers import Ledger, Ledgers
from central.listen import listen
from central.now import Now
from central.receipts import Outgoing, Receipts
from central.receive import Receiver
from central.store import Store
from central.succession import Succession
from telemetry.fields import is_identifier
from telemetry.keys import KeyRing, SigningKey, fingerprint

LISTEN_RECORDS = 500
"""Records that one commit reads back from the store for `silence`; the others wait for the next."""


class Topic(NamedTuple):
    """Where a message came from; routing only, nothing in it is believed. `ledger` "": not a head."""

    station: str
    ledger: str


class Centre:
    """Everything between the broker and the store. StoreFailed from any method: throw it away and make another."""

    def __init__(
        self,
        folder: Folder,
        store: Store,
        key: SigningKey,
        *,
        root: str,
        bench: bool,
        say: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._store = store
        self._root = root
        self._bench = bench
        self._say = say
        self._rings: dict[str, KeyRing] = {}
        self._keys = StationKeys(folder)
        self._acknowledged = Acknowledged(folder)
        with store.transaction():
            self._ledgers = Ledgers(store)
        self._behind: set[int] = {ledger.id for ledger in self._ledgers}
        succession = Succession(store, self._ledgers, self._rings)
        self._receiver = Receiver(store, self._ledgers, self._rings, succession)
        self._heads = Heads(store, self._ledgers, self._receiver, succession)
        self._receipts = Receipts(store, key, root, succession)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The topics of all stations."""
        return (f"{self._root}/+/live", f"{self._root}/+/past", f"{self._root}/+/head/+")

    def take(self, messages: Sequence[tuple[str, bytes]], now: Now) -> None:
        """Keep what (topic, payload) messages prove, in one commit. After it they may be acknowledged."""
        with self._store.transaction():
            for topic, payload in messages:
                self._message(self._parsed(topic), payload, now)
            self._finish(now)

    def look(self, now: Now) -> None:
        """About once a second: keys and acknowledgements on disk, holes whose time is up, silence to catch up with."""
        keys, seen = self._keys.look(), self._acknowledged.look()
        for problem in keys.problems:
            self._say(f"station key not usable: {problem}")
        waiting = [ledger for ledger in self._ledgers if ledger.suspected or ledger.id in self._behind]
        if not (keys.added or keys.removed or seen or waiting):
            return
        with self._store.transaction():
            self._enrol(keys, now)
            for station, numbers in seen.items():
                self._store.findings.acknowledge(station, numbers, now.wall_ms)
            for ledger in waiting:
                self._heads.overdue(ledger, now)
            self._finish(now)

    def due(self, now: Now) -> list[Outgoing]:
        """The receipts to publish now; each is kept before it is given out."""
        return self._receipts.make(self._ledgers, now)

    def answer_all(self) -> None:
        """A new connection: the broker may have lost every receipt it retained."""
        for ledger in self._ledgers:
            ledger.asked = True

    def _parsed(self, topic: str) -> Topic | None:
        """None: not a topic of ours."""
        prefix = f"{self._root}/"
        match topic.removeprefix(prefix).split("/") if topic.startswith(prefix) else ():
            case [station, "live" | "past"]:
                return Topic(station, "")
            case [station, "head", ledger] if ledger:
                return Topic(station, ledger)
        return None

    def _message(self, topic: Topic | None, payload: bytes, now: Now) -> None:
        if topic is None:
            return
        if topic.station not in self._rings and not topic.ledger:
            self._stranger(topic.station, payload, now)
        ring = self._rings.get(topic.station)
        if ring is None:
            return
        if topic.ledger:
            self._heads.head(topic.station, topic.ledger, payload, ring, now)
        else:
            self._receiver.records(topic.station, payload, now)

    def _stranger(self, station: str, payload: bytes, now: Now) -> None:
        """Of a station that nobody enrolled only boot records are kept; on the bench the first one is believed."""
        for stranger in self._receiver.strangers(station, payload, now):
            if self._bench and station not in self._rings:
                path = trust(self._folder, station, stranger.public)
                self._rings[station] = KeyRing([stranger.public])
                self._say(
                    f"WARNING: --bench: station {station} trusted at first use with the key"
                    f" {fingerprint(stranger.public)}, which nobody compared; written to {path}"
                )
            elif not self._bench:
                self._store.strangers.remember(stranger)

    def _enrol(self, keys: Changes, now: Now) -> None:
        for station in keys.removed:
            if self._rings.pop(station, None) is not None:
                self._say(f"station {station} is enrolled no more: its key file is gone or not usable")
        for station, public in keys.added.items():
            if not is_identifier(station):
                self._say(f"{self._folder.station_key(station)}: {station!r} is not a station id; ignored")
                continue
            self._rings[station] = KeyRing([public])
            self._say(f"station {station} is enrolled with the key {fingerprint(public)}")
            for envelope in self._store.strangers.adopt(station, public):
                self._receiver.records(station, envelope, now)
            for ledger in self._ledgers.of_station(station):
                ledger.asked = True

    def _finish(self, now: Now) -> None:
        """The end of every transaction: what the records that came now mean for their ledgers."""
        budget = LISTEN_RECORDS
        for ledger in self._ledgers.touched.values():
            budget = self._listen(ledger, budget, now)
        for ledger in self._late():
            budget = self._listen(self._ledgers.touch(ledger), budget, now) if budget > 0 else 0
        for ledger in self._ledgers.touched.values():
            self._heads.settle(ledger, now)
        self._ledgers.save()

    def _late(self) -> list[Ledger]:
        """The ledgers of which stored records have not been read for silence yet."""
        return [ledger for ledger in self._ledgers if ledger.id in self._behind] if self._behind else []

    def _listen(self, ledger: Ledger, budget: int, now: Now) -> int:
        """Read on in a ledger; what is left of the budget."""
        findings, left = listen(ledger, self._store, budget)
        self._receiver.note(ledger.station, findings, now)
        if ledger.silence_seq < ledger.readable():
            self._behind.add(ledger.id)
        else:
            self._behind.discard(ledger.id)
        return left
