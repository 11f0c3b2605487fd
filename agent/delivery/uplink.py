"""One connection to one destination, from its CONNACK to its end.

    run ─┬─ receive   messages ──▶ Booking ──▶ answered? covered? ──▶ stirs past; acknowledges
         ├─ serve     subscribe ─▶ heads ─▶ first (boot, configuration, recovery) ─▶ starts live and past ─▶ heads
         │              ├─ live    Fresh ──▶ up to 8 messages on their way at once
         │              └─ past    store ──▶ one batch on its way
         └─ watch     owed, and no receipt for 3 minutes ──▶ CentreSilent

All are tasks of one group: the first error ends them all, and the connection. Nothing here waits for another
destination, and nobody waits for anything here: `offer` puts into a bounded list.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from agent.delivery.account import Account
from agent.delivery.heads import HEAD_EVERY_S, Heads
from agent.delivery.owing import Parcel
from agent.delivery.pacing import UNRECEIPTED_RECORDS
from agent.delivery.past import Past
from buffer.store import Entry
from mqtt.errors import Refused
from mqtt.session import Session

LIVE_IN_FLIGHT = 8
"""Messages on `live` without a PUBACK. Beyond that they grow instead: a slow line gets fewer, larger ones."""

WATCH_EVERY_S = 5.0


class CentreSilent(Exception):
    """Connected, something is owed, and no receipt for too long: the session may be a dead end."""


class Uplink:
    """`run` raises what ended the connection: an MqttError, CentreSilent, a StoreError (in an ExceptionGroup)."""

    def __init__(self, account: Account, session: Session) -> None:
        self.past = Past(account, self._post)
        self.progress = False
        self._account = account
        self._session = session
        self._heads = Heads(account, session)
        self._fresh = asyncio.Event()
        self._new_ledger = asyncio.Event()
        self._greeted = False
        self._slots = asyncio.Semaphore(min(LIVE_IN_FLIGHT, max(1, session.receive_maximum - 2)))
        self._quiet_since_ms = account.clock.mono_ms()

    async def run(self) -> None:
        """Until the connection ends."""
        self._account.size.connected(self._session.maximum_packet_bytes)
        self._account.owing.connected()
        async with asyncio.TaskGroup() as tasks:
            name = self._account.plan.id
            tasks.create_task(self._receive(), name=f"{name}: receive")
            if self._account.by_receipt:
                tasks.create_task(self._watch(), name=f"{name}: watch")
            # Not a task, and it never returns: a group whose owner waits at its end forgets, before Python 3.13,
            # to take its own cancellation back, and then nobody can tell it from a real one (see Delivery).
            await self._serve(tasks)

    def offer(self, batch: Sequence[Entry], ledger: bytes) -> None:
        """Just committed: goes out on `live`, or later on `past`. Never waits."""
        self._account.owing.offer(ledger, batch)
        self._fresh.set()
        if ledger not in self._heads.said:
            self._new_ledger.set()

    async def _serve(self, tasks: asyncio.TaskGroup) -> None:
        if self._account.by_receipt:
            await self._session.subscribe(self._account.plan.topic("receipt", "+"))
        await self._heads.publish()
        self._greeted = True
        await self.past.first()
        name = self._account.plan.id
        tasks.create_task(self._live(tasks), name=f"{name}: live")
        tasks.create_task(self.past.run(), name=f"{name}: past")
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(HEAD_EVERY_S):
                    await self._new_ledger.wait()
            self._new_ledger.clear()
            await self._heads.publish()

    async def _receive(self) -> None:
        account = self._account
        async for message in self._session.messages():
            ledger = await account.booking.book(message.payload, answers=not message.retained)
            if ledger is not None and not message.retained:
                self._heard(ledger)
            self.past.stir()
            self._session.acknowledge(message)

    def _heard(self, ledger: bytes) -> None:
        if self._greeted or ledger in self._heads.said:  # else it may have been on its way before our head
            self.past.answered.add(ledger)
        self._quiet_since_ms = self._account.clock.mono_ms()
        self._account.patience.reset()
        self._account.alarms.end("no-receipt")
        self._progress()

    async def _live(self, tasks: asyncio.TaskGroup) -> None:
        owing = self._account.owing
        while True:
            await self._fresh.wait()
            await self._slots.acquire()
            room = UNRECEIPTED_RECORDS - owing.sent.records
            if room <= 0 or self._account.stop.stopped(self._account.clock.mono_ms()):
                owing.fresh.clear()
            if not len(owing.fresh):
                self._fresh.clear()
                self._slots.release()
                self.past.stir()
                continue
            ledger, entries = owing.fresh.take(most_records=room, most_bytes=self._account.size.largest)
            parcel = owing.leave(ledger, entries)
            payload = b"".join(entry.envelope for entry in entries)
            tasks.create_task(
                self._post_live(parcel, payload), name=f"{self._account.plan.id}: one live message"
            )

    async def _post_live(self, parcel: Parcel, payload: bytes) -> None:
        try:
            await self._post("live", parcel, payload)
        finally:
            self._slots.release()

    async def _post(self, topic: str, parcel: Parcel, payload: bytes) -> int:
        account = self._account
        begun_ms = account.clock.mono_ms()
        ranges = parcel.ranges
        try:
            await self._session.publish(account.plan.topic(topic), payload)
        except Refused:
            account.refused.add(topic)
            raise
        now_ms = account.clock.mono_ms()
        account.refused.discard(topic)
        account.owing.arrived(parcel, now_ms)
        if not account.by_receipt:
            await account.store.delivered(account.plan.id, parcel.ledger, ranges)
            account.owing.covered(parcel.ledger, ranges)
            self._progress()
        return now_ms - begun_ms

    def _progress(self) -> None:
        """Something was delivered or answered. A topic that was refused is so until the broker takes it again."""
        self.progress = True
        if not self._account.refused:
            self._account.alarms.end("refused", "unfit")

    async def _watch(self) -> None:
        account = self._account
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now_ms = account.clock.mono_ms()
            if account.owing.records() == 0:
                self._quiet_since_ms = now_ms
            if now_ms - self._quiet_since_ms >= account.patience.limit_ms:
                raise CentreSilent(f"no receipt for {(now_ms - self._quiet_since_ms) // 60_000} minutes")
