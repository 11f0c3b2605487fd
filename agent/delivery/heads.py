"""Heads: a signed word, retained at the broker, on how far each ledger goes and what of it is still owed here."""

from agent.delivery.account import Account
from buffer.store import Tail
from mqtt.session import Session
from telemetry.head import Head
from telemetry.ranges import clip

HEAD_EVERY_S = 60.0
RECENT_LEDGERS = 16
"""So many older ledgers are told of that owe nothing: a confused centre may have made hundreds."""


class Heads:
    """Publishes the head of the current ledger, and of each older one that owes something or did a head ago.

    The first round of a connection tells of older ledgers that owe nothing as well, and so does every round until a
    damaged file is read to its end and one more: what could not be saved is owed no more, and nothing else says so.
    """

    def __init__(self, account: Account, session: Session) -> None:
        self.said: set[bytes] = set()
        self._account = account
        self._session = session
        self._owing: set[bytes] = set()
        self._all_next = True

    async def publish(self) -> None:
        """One round. A ledger that owes nothing any more gets one last head that says so."""
        account = self._account
        owing = set(account.owing.ledgers())
        wanted, self._owing = owing | self._owing, owing
        everything = self._all_next or account.booking.ask_all or account.store.reading_back
        self._all_next, account.booking.ask_all = account.store.reading_back, False
        for end in self._ends(wanted, everything=everything):
            if end.next_seq > 1:
                await self._one(end)

    def _ends(self, wanted: set[bytes], *, everything: bool) -> list[Tail]:
        """The current ledger's end first, then the older ones'."""
        store = self._account.store
        current = [] if store.tail is None else [store.tail]
        older = [end for end in store.ends if end not in current]
        recent = older[-RECENT_LEDGERS:] if everything else []
        return current + [end for end in older if end.ledger in wanted or end in recent]

    async def _one(self, end: Tail) -> None:
        account = self._account
        lowest = await account.store.lowest_held(end.ledger)
        tail = account.store.tail
        # It may have grown while we waited, and what is held and owed with it; an older one when it is read back.
        end = account.store.end_of(end.ledger) or end
        owed = account.owing.owed(end.ledger)
        if account.store.reading_back and end != tail:
            owed = ((1, end.next_seq - 1),)  # more than is, perhaps: never less
        head = Head(
            station=account.plan.station,
            ledger=end.ledger,
            newest=end.next_seq - 1,
            newest_hash=end.prev,
            lowest_held=lowest or 0,
            owed=clip(owed, 1, end.next_seq - 1),  # the store may be writing meanwhile
            wall_ms=account.clock.wall_ms(),
            clock=account.clock.quality(),
        )
        self.said.add(end.ledger)
        topic = account.plan.topic("head", end.ledger.hex())
        await self._session.publish(topic, account.sealer.seal(head.encode()), retain=True)
