"""`past`: everything owed that does not leave on `live`, oldest first, one batch in flight.

may it go?  the centre answered our head on this connection and was heard within 90 s (ack = "broker": always),
            fewer than 1,500 records are without a receipt, and the destination is not stopped
read ──▶ publish ──▶ PUBACK: quick doubles the next batch, slow halves it ──▶ pause for the rate ──▶ read ...
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from agent.delivery.account import Account
from agent.delivery.owing import Parcel, runs
from agent.delivery.pacing import PAST_UNRECEIPTED_RECORDS, UNRECEIPTED_RECORDS
from buffer.errors import StoreDamaged
from buffer.store import Entry
from telemetry.envelope import RECORD, Forged, UnknownKey, unseal
from telemetry.ranges import intersect, subtract

HEARD_WITHIN_MS = 90_000
"""A living centre answers each head, every 60 s. A backlog is not poured out before one that is silent."""

LOOK_AGAIN_S = 1.0

Post = Callable[[str, Parcel, bytes], Awaitable[int]]
"""Publishes a parcel's bytes on a topic and books what its PUBACK means; gives the ms that the PUBACK took."""


class InFlight(NamedTuple):
    """The batch that waits for its PUBACK."""

    ledger: bytes
    first: int
    records: int
    size_bytes: int
    since_ms: int


class Past:
    """The backlog of one destination on one connection. `in_flight` tells afterwards what a broken one carried."""

    def __init__(self, account: Account, post: Post) -> None:
        self.in_flight: InFlight | None = None
        self.answered: set[bytes] = set()
        self._account = account
        self._post = post
        self._stirred = asyncio.Event()

    def stir(self) -> None:
        """Something changed: look again now."""
        self._stirred.set()

    async def first(self) -> None:
        """Boot, configuration and recovery records, before anything newer and without waiting for the centre.

        A centre that does not know this station yet learns its key from them.
        """
        account = self._account
        room = UNRECEIPTED_RECORDS - account.owing.sent.records
        owed = (await account.store.read_first(account.plan.id))[:room]
        while owed and not self._stopped():
            batch: list[Entry] = []
            size = 0
            for entry in owed:
                size += len(entry.envelope)
                if entry.ledger != owed[0].ledger or (batch and size > account.size.bytes):
                    break
                batch.append(entry)
            del owed[: len(batch)]
            await self._send(batch[0].ledger, batch)

    async def run(self) -> None:
        """Drains for ever."""
        while True:
            if not await self._batch():
                await self._rest()

    async def _batch(self) -> bool:
        """Sends one batch. False: there is nothing to send now."""
        account = self._account
        owing = account.owing
        room = PAST_UNRECEIPTED_RECORDS - owing.sent.records
        stretch = owing.oldest(account.clock.mono_ms(), self._may_go)
        if stretch is None or room <= 0 or self._stopped():
            return False
        ledger, first, last = stretch
        most = min(room, account.plan.records_per_s)
        found = await account.store.read(ledger, first, last, max_bytes=account.size.bytes, max_rows=most)
        self._note_missing(stretch, found)
        found = found[: max(0, UNRECEIPTED_RECORDS - owing.sent.records)]
        if found:
            await self._send(ledger, found)
            account.rate.spent(len(found), account.clock.mono_ms())
            await asyncio.sleep(account.rate.wait_s(account.clock.mono_ms()))
        return bool(found)

    async def _send(self, ledger: bytes, entries: Sequence[Entry]) -> None:
        account = self._account
        for entry in entries:
            self._prove(entry)
        payload = b"".join(entry.envelope for entry in entries)
        now_ms = account.clock.mono_ms()
        self.in_flight = InFlight(ledger, entries[0].seq, len(entries), len(payload), now_ms)
        took_ms = await self._post("past", account.owing.leave(ledger, entries), payload)
        self.in_flight = None
        account.size.acknowledged(len(payload), took_ms, account.clock.mono_ms())
        account.stop.passed()
        account.alarms.end("stopped")

    def _prove(self, entry: Entry) -> None:
        """StoreDamaged when what is read is not what was signed: all of its message would be refused for ever."""
        try:
            unseal(entry.envelope, RECORD, self._account.plan.signers)
        except UnknownKey:
            return  # sound in its shape, and of an earlier key
        except Forged as error:
            rotten = StoreDamaged(
                f"record {entry.seq} has rotted in the store ({error})", "the file is set aside"
            )
            if self._account.store.damaged is not None:
                self._account.store.damaged(rotten)
            raise rotten from None

    def _may_go(self, ledger: bytes) -> bool:
        account = self._account
        if not account.by_receipt:
            return True
        heard_ms = account.booking.heard_at_ms
        alive = heard_ms is not None and account.clock.mono_ms() - heard_ms < HEARD_WITHIN_MS
        return alive and ledger in self.answered

    def _stopped(self) -> bool:
        return self._account.stop.stopped(self._account.clock.mono_ms())

    def _note_missing(self, stretch: tuple[bytes, int, int], found: Sequence[Entry]) -> None:
        """Owed, but the store has no such row: said once, and not asked for again."""
        ledger, first, last = stretch
        looked_at = ((first, found[-1].seq if found else last),)
        missing = subtract(looked_at, runs(entry.seq for entry in found))
        missing = intersect(missing, self._account.owing.owed(ledger))
        if missing:
            self._account.owing.set_aside(ledger, missing)
            self._account.alarms.say("not-held", ledger=ledger.hex(), ranges=list(missing))

    async def _rest(self) -> None:
        if self._account.owing.sent.records == 0:
            self._account.alarms.end("centre-restored")
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN_S):
                await self._stirred.wait()
        self._stirred.clear()
