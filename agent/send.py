"""Sending: one destination gets what it is owed, for ever, whatever becomes of brokers and lines.

    keeper ──offer──▶ ┌─ Delivery.run ─────────────────────────────────────────────┐
    (after COMMIT)    │  connect ──▶ Uplink (live, past, heads, receipts) ──▶ fault │ ──▶ broker ──▶ centre
                      │     ▲                                            │         │
                      │     └──── pause: doubled, jittered, ◀────────────┘         │
                      │           reset by a receipt, never by a CONNACK           │
                      └────────────────────────────────────────────────────────────┘

A PUBACK is not a delivery (ack = "receipt"): a record stays owed in the store until a receipt covers it. So a crash,
a lost connection or a bug here sends records twice at worst. Each destination has a Delivery of its own; they share
the store and nothing else.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from random import Random

from agent.clock import Clock
from agent.delivery.account import DestinationPlan, open_account
from agent.delivery.alarms import Events
from agent.delivery.booking import RestoredStore
from agent.delivery.pacing import BackOff
from agent.delivery.past import InFlight
from agent.delivery.uplink import CentreSilent, Uplink
from buffer.errors import StoreError
from buffer.store import Entry, Store
from mqtt.errors import BrokerUnfit, Lost, Misconfigured, MqttError, Refused, TooLarge, Unreachable
from mqtt.session import Session
from telemetry.envelope import Sealer

__all__ = ["Delivery", "DeliveryStatus", "DestinationPlan"]

THROWN_OUT_WITHIN_MS = 10_000
"""A disconnect later than this after a publish is a line that went, not a broker that refused its size."""

RETRY_S = (1.0, 60.0)
DIAL_GROWS = 1.3
"""Nobody answers: the pause is then at most a third of the outage, for the operations centre waits for its end too."""
REFUSED_RETRY_S = (5.0, 300.0)

Connect = Callable[[], AbstractAsyncContextManager[Session]]


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """For `tram status`. Ages in ms, None: not yet. `unreceipted`: records sent on this connection, no receipt."""

    destination: str
    connected: bool
    trouble: str | None
    alarm: str | None
    owed: int
    unreceipted: int
    receipt_number: int | None
    receipt_age_ms: int | None
    receipts_refused: int
    batch_bytes: int
    records_per_s: int


class Delivery:
    """One destination. `offer` from the keeper, `run` as a task for ever, `status` at any time."""

    def __init__(  # noqa: PLR0917 - the seams of the simulated world, in the order of the data's path
        self,
        destination: DestinationPlan,
        store: Store,
        connect: Connect,
        sealer: Sealer,
        clock: Clock,
        rng: Random,
        events: Events,
        *,
        restored_store: RestoredStore,
    ) -> None:
        self.plan = destination
        self._account = open_account(
            destination, store, sealer, clock, events=events, restored_store=restored_store
        )
        self._connect = connect
        self._clock = clock
        self._back_off = BackOff(rng, first_s=RETRY_S[0], longest_s=RETRY_S[1])
        self._dial_back_off = BackOff(rng, first_s=RETRY_S[0], longest_s=RETRY_S[1], grows=DIAL_GROWS)
        self._refused_back_off = BackOff(rng, first_s=REFUSED_RETRY_S[0], longest_s=REFUSED_RETRY_S[1])
        self._uplink: Uplink | None = None
        self._trouble: str | None = "not connected yet"

    def offer(self, batch: Sequence[Entry], ledger: bytes) -> None:
        """Entries just committed, in order. While there is no connection they are simply owed in the store."""
        if self._uplink is not None and batch:
            self._uplink.offer(batch, ledger)

    async def run(self) -> None:
        """Never returns. Expected faults end in a pause and a new connection; a defect is raised, and may be
        followed by another `run`.
        """
        if not self._account.by_receipt:
            text = (
                "a PUBACK of the broker counts as delivery: nothing proves that a centre stored the records"
            )
            self._account.alarms.begin("ack-broker", text)
        while True:
            pause_s = await self._connection()
            await asyncio.sleep(pause_s)

    def status(self) -> DeliveryStatus:
        """How it stands now."""
        account = self._account
        booking = account.booking
        heard_ms = booking.heard_at_ms
        return DeliveryStatus(
            destination=self.plan.id,
            connected=self._uplink is not None,
            trouble=self._trouble,
            alarm=account.alarms.text,
            owed=account.owing.records(),
            unreceipted=account.owing.sent.records,
            receipt_number=booking.newest.number if booking.newest else None,
            receipt_age_ms=None if heard_ms is None else self._clock.mono_ms() - heard_ms,
            receipts_refused=booking.refused,
            batch_bytes=account.size.bytes,
            records_per_s=self.plan.records_per_s,
        )

    async def _connection(self) -> float:
        """One connection, to its end. Gives the pause until the next one, s."""
        uplink: Uplink | None = None
        cancels = _cancels()
        try:
            async with self._connect() as session:
                uplink = self._uplink = Uplink(self._account, session)
                self._trouble = None
                self._account.alarms.say("connected")
                await uplink.run()
        except (MqttError, CentreSilent, StoreError, ExceptionGroup) as ended:
            if _cancels() > cancels:
                raise asyncio.CancelledError from None  # the group let the loss of the line win over it
            cause = _cause(ended)
            if not isinstance(cause, MqttError | CentreSilent | StoreError):
                raise
            return self._ended(cause, uplink)
        finally:
            self._uplink = None
            self._account.owing.disconnected()
        return self._back_off.next_s()

    def _ended(self, cause: Exception, uplink: Uplink | None) -> float:
        if uplink is not None and uplink.progress:
            self._progressed()
        words = str(cause) or type(cause).__name__
        if words != self._trouble:  # every further try that ends like this is the same news
            self._account.alarms.say("disconnected", why=words, fault=type(cause).__name__)
        self._trouble = words
        match cause:
            case CentreSilent():
                return self._silent(cause)
            case Refused() | Misconfigured():
                self._account.alarms.begin("refused", self._trouble)
                return self._refused_back_off.next_s()
            case BrokerUnfit():
                self._account.alarms.begin("unfit", self._trouble)
                return self._refused_back_off.next_s()
            case Unreachable() | Lost() if uplink is None:
                return self._dial_back_off.next_s()
            case Lost() | TooLarge() if uplink is not None and uplink.past.in_flight is not None:
                self._thrown_out(uplink.past.in_flight, cause)
        return self._back_off.next_s()

    def _progressed(self) -> None:
        self._back_off.reset()
        self._dial_back_off.reset()
        if not self._account.refused:
            self._refused_back_off.reset()

    def _silent(self, cause: CentreSilent) -> float:
        self._account.patience.exhausted()
        booking = self._account.booking
        seen = (
            f"; {booking.refused} were refused, the last one because {booking.refused_why}"
            if booking.refused
            else ""
        )
        self._account.alarms.begin("no-receipt", f"connected, but {cause}{seen}. Is the centre running?")
        return self._back_off.next_s()

    def _thrown_out(self, batch: InFlight, cause: MqttError) -> None:
        """A broker that throws a batch out, or a line that broke at that moment: nobody can tell after one time."""
        now_ms = self._clock.mono_ms()
        if isinstance(cause, Lost) and now_ms - batch.since_ms > THROWN_OUT_WITHIN_MS:
            return
        self._account.size.thrown_out(batch.size_bytes, now_ms)
        if batch.records == 1 and self._account.stop.thrown_out(batch.ledger, batch.first, now_ms):
            text = f"the broker ends the connection whenever record {batch.first} ({batch.size_bytes} bytes) is sent"
            self._account.alarms.begin("stopped", f"{text}: raise its packet limit to 40 KiB or more")


def _cancels() -> int:
    """How often the running task was asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


_WEIGHT = (Refused, Misconfigured, BrokerUnfit, TooLarge, CentreSilent, StoreError)


def _cause(ended: Exception) -> Exception:
    """The one error that explains the others: a defect first, a lost connection last."""
    causes = list(_flat(ended))
    defects = [c for c in causes if not isinstance(c, MqttError | CentreSilent | StoreError)]
    weighty = [c for kind in _WEIGHT for c in causes if isinstance(c, kind)]
    return (defects + weighty + causes)[0]


def _flat(ended: Exception) -> Iterator[Exception]:
    if not isinstance(ended, ExceptionGroup):
        yield ended
        return
    for inner in ended.exceptions:
        yield from _flat(inner)
