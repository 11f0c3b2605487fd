"""Delivery over real brokers: a real session, a real store with its thread, a broker that is killed in the middle."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from agent.clock import SystemClock
from agent.send import Delivery
from buffer.store import Range, Store
from mqtt import session as mqtt_session
from mqtt.broker import Broker as Where
from mqtt.errors import MqttError
from mqtt.local_broker import BrokerProcess
from mqtt.session import Session
from telemetry.envelope import HEAD, Sealer
from tests.agent.delivery import world as stage
from tests.brokers import iotcore_broker, mosquitto_broker, mosquitto_path

pytestmark = pytest.mark.system

__all__ = ["iotcore_broker", "mosquitto_broker"]


class Noticing(Store):
    """Tells when a destination has confirmed everything."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.settled = asyncio.Event()

    async def delivered(
        self,
        destination: str,
        ledger: bytes,
        ranges: Sequence[Range],
        notes: Mapping[str, bytes] | None = None,
    ) -> None:
        await super().delivered(destination, ledger, ranges, notes or {})
        if not self.owed(destination):
            self.settled.set()

    async def all_delivered(self) -> None:
        """Returns when nothing is owed that is committed by now."""
        self.settled.clear()
        if self.owed("so-tnmt"):
            async with asyncio.timeout(30):
                await self.settled.wait()


class OverWire(stage.Broker):
    """The stage's centre at a real broker."""

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[Session]]) -> None:
        super().__init__()
        self._connect_really = connect
        self._session: Session | None = None
        self._sends: set[asyncio.Task[None]] = set()

    def take(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Publish for the centre; what cannot go is lost, as between any two machines."""
        if self._session is not None:
            task = asyncio.create_task(self._send(self._session, topic, payload, retain))
            self._sends.add(task)
            task.add_done_callback(self._sends.discard)

    async def serve(self) -> None:
        """For ever, over all connections."""
        while True:
            with suppress(MqttError):
                async with self._connect_really() as session:
                    await self._serve(session)
            self._session = None
            await asyncio.sleep(0.1)

    async def _serve(self, session: Session) -> None:
        await session.subscribe(
            *(f"{stage.ROOT}/{stage.STATION}/{kind}" for kind in ("live", "past", "head/+"))
        )
        self._session = session
        async for message in session.messages():
            for consume in self.consumers:
                consume(stage.Published(0.0, message.topic, message.payload))
            session.acknowledge(message)

    async def _send(self, session: Session, topic: str, payload: bytes, retain: bool) -> None:
        with suppress(MqttError):
            await session.publish(topic, payload, retain=retain)


@pytest.fixture(params=["iotcore", "mosquitto"])
def broker(request: pytest.FixtureRequest) -> BrokerProcess:
    """Each of the brokers that can be had here."""
    if request.param == "mosquitto" and mosquitto_path() is None:
        pytest.skip("mosquitto is not on PATH")
    found = request.getfixturevalue(f"{request.param}_broker")
    assert isinstance(found, BrokerProcess)
    return found


@asynccontextmanager
async def centre_at(broker: BrokerProcess, clock: SystemClock) -> AsyncIterator[stage.Centre]:
    """A centre that serves for the length of a block."""
    wire = OverWire(connector(broker, "centre"))
    centre = stage.Centre(wire, clock)
    serving = asyncio.create_task(wire.serve())
    try:
        yield centre
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def connector(broker: BrokerProcess, client: str) -> Callable[[], AbstractAsyncContextManager[Session]]:
    return lambda: mqtt_session.connect(Where("127.0.0.1", broker.port, client))


async def test_a_backlog_and_a_killed_broker_end_in_receipts_for_everything(
    tmp_path: Path, broker: BrokerProcess
) -> None:
    clock = SystemClock()
    path = tmp_path / "ledger.db"
    store = await Noticing.open(path, destinations=["so-tnmt"], quota_bytes=64 * 2**20, keep_ms=10**9)
    station = stage.Station(store, clock)
    await station.begin()
    await station.commit(300)
    delivery = Delivery(
        stage.plan_of(records_per_s=5_000),
        store,
        connector(broker, "station"),
        Sealer(stage.STATION_KEY, HEAD),
        clock,
        Random(3),
        lambda *_: None,
        restored_store=lambda _: None,
    )
    station.deliveries.append(delivery)
    async with centre_at(broker, clock) as centre, stage.running([delivery]):
        await store.all_delivered()
        await station.commit(20)
        broker.kill()
        await station.commit(200)
        broker.start()
        await store.all_delivered()
        assert sorted(centre.stored[stage.LEDGER]) == list(range(1, 521))
        assert delivery.status().alarm is None
    await store.close()
