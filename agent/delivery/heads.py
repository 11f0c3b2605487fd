"""Heads: a signed word, retained at the broker, on how far each ledger goes and what of it is still owed here."""

from agent.delivery.account import Account
from buffer.store import Tail
from mqtt.session import Session
from telemetry.head import Head
from telemetry.ranges import clip

HEAD_EVERY_S = 60.0


class Heads:
    """Publishes the head of the current ledger, and of each older one that owes something or did a head ago."""

    def __init__(self, account: Account, session: Session) -> None:
        self.said: set[bytes] = set()
        self._account = account
        self._session = session
        self._owing: set[bytes] = set()

    async def publish(self) -> None:
        """One round. A ledger that owes nothing any more gets one last head that says so."""
        account = self._account
        owing = set(account.owing.ledgers())
        wanted, self._owing = owing | self._owing, owing
        for end in await self._ends(wanted):
            if end.next_seq > 1:
                await self._one(end)

    async def _ends(self, wanted: set[bytes]) -> list[Tail]:
        """The current ledger's end first, then the older ones'."""
        account = self._account
        tail = account.store.tail
        current = [] if tail is None else [tail]
        everything, account.booking.ask_all = account.booking.ask_all, False
        if not everything and wanted <= {end.ledger for end in current}:
            return current
        older = (await account.store.stats()).ledgers
        return current + [
            Tail(held.ledger, held.next_seq, held.prev)
            for held in older
            if (everything or held.ledger in wanted) and held.ledger not in {end.ledger for end in current}
        ]

    async def _one(self, end: Tail) -> None:
        account = self._account
        lowest = await account.store.lowest_held(end.ledger)
        tail = account.store.tail
        if tail is not None and tail.ledger == end.ledger:
            end = tail  # it may have grown while we waited, and what is owed with it
        head = Head(
            station=account.plan.station,
            ledger=end.ledger,
            newest=end.next_seq - 1,
            newest_hash=end.prev,
            lowest_held=lowest or 0,
            owed=clip(
                account.owing.owed(end.ledger), 1, end.next_seq - 1
            ),  # the store may be writing meanwhile
            wall_ms=account.clock.wall_ms(),
            clock=account.clock.quality(),
        )
        self.said.add(end.ledger)
        topic = account.plan.topic("head", end.ledger.hex())
        await self._session.publish(topic, account.sealer.seal(head.encode()), retain=True)
