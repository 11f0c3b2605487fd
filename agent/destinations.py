"""The network's side of the agent: from the station file's destinations to deliveries that run for ever."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from agent.clock import Clock
from agent.read import Report
from agent.send import Delivery, DestinationPlan
from buffer.store import Store
from config.station import Destination, Station
from mqtt import broker as mqtt_broker
from mqtt import session as mqtt_session
from mqtt.session import Session
from telemetry import keyfile
from telemetry.envelope import HEAD, Sealer
from telemetry.keys import KeyRing, SigningKey

Connect = Callable[[Destination, str], Callable[[], AbstractAsyncContextManager[Session]]]
"""Destination and station id to a session factory: the seam of the simulated world."""

DEFECT_PAUSE_S = 30.0


def over_mqtt(destination: Destination, station: str) -> Callable[[], AbstractAsyncContextManager[Session]]:
    """A session factory for a real broker. Each call makes a new client."""

    def connect() -> AbstractAsyncContextManager[Session]:
        return mqtt_session.connect(
            mqtt_broker.from_url(
                destination.url,
                client_id=f"tram-{station}-{destination.id}",
                ca=destination.ca,
                cert=destination.cert,
                cert_key=destination.cert_key,
                username=destination.username,
                password_file=destination.password_file,
            )
        )

    return connect


def deliveries_of(
    station: Station,
    store: Store,
    key: SigningKey,
    clock: Clock,
    rng: random.Random,
    *,
    connect: Connect,
    report: Report,
    restored: Callable[[str], None],
) -> list[Delivery]:
    """One delivery for each destination. `restored` is told when a receipt knows more of us than we do."""
    return [
        Delivery(
            _plan(station.id, destination),
            store,
            connect(destination, station.id),
            Sealer(key, HEAD),
            clock,
            rng,
            events=report,
            restored_store=restored,
        )
        for destination in station.destinations
    ]


def _plan(station: str, destination: Destination) -> DestinationPlan:
    return DestinationPlan(
        id=destination.id,
        root=destination.root,
        station=station,
        ack=destination.ack,
        receipt_keys=KeyRing([keyfile.load_public(path) for path in destination.receipt_keys]),
        records_per_s=destination.records_per_s,
    )


async def deliver_for_ever(delivery: Delivery, destination: str, report: Report) -> None:
    """The second bulkhead: a defect in one destination's session stops neither the others nor the polling."""
    while True:
        try:
            await delivery.run()
        except Exception as error:  # noqa: BLE001 - see above
            report("destination.defect", {"destination": destination, "error": repr(error), "alarm": True})
        await asyncio.sleep(DEFECT_PAUSE_S)


def offer_to_all(deliveries: Sequence[Delivery]) -> Callable[..., None]:
    """What the keeper calls after each commit; never waits."""

    def offer(batch: Sequence[object], ledger: bytes) -> None:
        for delivery in deliveries:
            delivery.offer(batch, ledger)

    return offer
