"""Everything that outlives a connection to one destination: the plan, what is owed, receipts, pace and alarms."""

from dataclasses import dataclass, field
from typing import Literal

from agent.clock import Clock
from agent.delivery.alarms import Alarms, Events
from agent.delivery.booking import Booking, RestoredStore
from agent.delivery.owing import Owing
from agent.delivery.pacing import BatchSize, Patience, RateLimit, Stop
from buffer.store import Store
from telemetry.envelope import Sealer
from telemetry.keys import KeyRing


@dataclass(frozen=True, slots=True)
class DestinationPlan:
    """Where records go, and what counts as a delivery.

    `ack`: "receipt", signed by one of `receipt_keys`; or "broker", its PUBACK, for a broker without our centre.
    `records_per_s` limits `past` only. `signers`: the station's own keys; what one of them signed is proven once more
    before it leaves the store again.
    """

    id: str
    root: str
    station: str
    ack: Literal["receipt", "broker"]
    receipt_keys: KeyRing
    records_per_s: int = 200
    signers: KeyRing = field(default_factory=lambda: KeyRing(()))

    def topic(self, *parts: str) -> str:
        """A topic of this station under the destination's root."""
        return "/".join((self.root, self.station, *parts))


@dataclass(frozen=True, slots=True)
class Account:
    """One destination's memory. Each part is written by the tasks of at most one connection at a time.

    `refused`: "live" and "past", where the broker refused the last publish.
    """

    plan: DestinationPlan
    store: Store
    clock: Clock
    sealer: Sealer
    alarms: Alarms
    owing: Owing
    booking: Booking
    size: BatchSize
    rate: RateLimit
    patience: Patience
    stop: Stop
    refused: set[str] = field(default_factory=set)

    @property
    def by_receipt(self) -> bool:
        """Whether only a receipt is a delivery."""
        return self.plan.ack == "receipt"


def open_account(
    plan: DestinationPlan,
    store: Store,
    sealer: Sealer,
    clock: Clock,
    *,
    events: Events,
    restored_store: RestoredStore,
) -> Account:
    """A fresh account; what is owed is in the store."""
    alarms = Alarms(plan.id, events)
    owing = Owing(plan.id, store)
    booking = Booking(
        destination=plan.id,
        station=plan.station,
        keys=plan.receipt_keys,
        store=store,
        owing=owing,
        alarms=alarms,
        clock=clock,
        restored_store=restored_store,
    )
    rate = RateLimit(plan.records_per_s)
    return Account(plan, store, clock, sealer, alarms, owing, booking, BatchSize(), rate, Patience(), Stop())
