"""The network's side of the agent: from the station file's destinations to deliveries that run for ever."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agent.clock import Clock
from agent.read import Report
from agent.send import Delivery, DestinationPlan
from buffer.store import Store
from config.station import Destination, Station
from mqtt import session as mqtt_session
from mqtt.broker import Broker, parse_url, read_password, tls_context
from mqtt.session import Session
from telemetry import keyfile
from telemetry.envelope import HEAD, Sealer
from telemetry.keys import KeyRing, SigningKey

Connect = Callable[[Destination, str], Callable[[], AbstractAsyncContextManager[Session]]]
"""Destination and station id to a session factory: the seam of the simulated world."""

DEFECT_PAUSE_S = 30.0


def over_mqtt(destination: Destination, station: str) -> Callable[[], AbstractAsyncContextManager[Session]]:
    """A session factory for a real broker. Each call is a new client, and reads certificates and password anew."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Session]:
        async with mqtt_session.connect(broker_of(destination, station)) as session:
            yield session

    return connect


def broker_of(destination: Destination, station: str) -> Broker:
    """The broker as the station file names it. mqtt.errors.Misconfigured says what is wrong with it."""
    address = parse_url(destination.url)
    tls = tls_context(destination.ca, destination.cert, destination.cert_key) if address.tls else None
    password = read_password(destination.password_file) if destination.password_file else None
    return Broker(
        host=address.host,
        port=address.port,
        client_id=f"tram-{station}-{destination.id}",
        tls=tls,
        username=destination.username,
        password=password,
    )


def deliveries_of(
    station: Station,
    store: Store,
    key: SigningKey,
    clock: Clock,
    rng: random.Random,
    *,
    connect: Connect,
    report: Report,
    restored: Callable[[bytes], None],
) -> list[Delivery]:
    """One delivery for each destination. `restored` is told when a receipt knows more of us than we do."""
    return [
        Delivery(
            _plan(station.id, destination, KeyRing([key.public])),
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


def _plan(station: str, destination: Destination, signers: KeyRing) -> DestinationPlan:
    return DestinationPlan(
        id=destination.id,
        root=destination.root,
        station=station,
        ack=destination.ack,
        receipt_keys=KeyRing([keyfile.load_public(path) for path in destination.receipt_keys]),
        records_per_s=destination.records_per_s,
        signers=signers,
    )


async def deliver_for_ever(delivery: Delivery, destination: str, report: Report) -> None:
    """The second bulkhead: a defect in one destination's session stops neither the others nor the polling."""
    while True:
        try:
            await delivery.run()
        except Exception as error:  # noqa: BLE001 - see above
            report("destination.defect", {"destination": destination, "error": repr(error), "alarm": True})
        await asyncio.sleep(DEFECT_PAUSE_S)
