"""The centre as a process of its own at real brokers: killed, restarted, and without loss."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from central.errors import Busy
from central.folder import Folder, prepare
from central.restore import restored
from central.stations import stations
from central.verify import verify
from mqtt.broker import Broker, parse_url
from mqtt.local_broker import BrokerProcess
from mqtt.session import Session, connect
from telemetry.envelope import RECEIPT, unseal
from telemetry.keys import KeyRing, public_to_pem
from telemetry.receipt import Receipt, decode_receipt
from tests.brokers import Iotcore, Mosquitto, iotcore_broker, mosquitto_broker
from tests.central.gateway import Gateway

__all__ = ["iotcore_broker", "mosquitto_broker"]

pytestmark = pytest.mark.system

PATIENCE_S = 30


class Served:
    """`tram central serve` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def until(self, word: str) -> str:
        """The next line that has this word."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self.process.stdout.readline()).decode():
                self.said.append(line)
                if word in line:
                    return line
        raise AssertionError(f"ended without saying {word!r}: {self.said}")

    async def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def serving(folder: Path, broker: BrokerProcess, *options: str) -> AsyncIterator[Served]:
    """A centre that is connected."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c"),
        "from agent.commands.central import central; central()",
        *("serve", str(folder), "--broker", broker.url, *options),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    served = Served(process)
    try:
        await served.until("ready: ")
        yield served
    finally:
        if process.returncode is None:
            await served.kill()


@asynccontextmanager
async def station(broker: BrokerProcess, gateway: Gateway) -> AsyncIterator[Session]:
    """The station's connection, subscribed to its receipts."""
    address = parse_url(broker.url)
    async with connect(Broker(address.host, address.port, f"station-{gateway.station}")) as session:
        await session.subscribe(f"tram/1/{gateway.station}/receipt/+")
        yield session


async def receipt(session: Session, folder: Path, through: int) -> Receipt:
    """The next receipt that reaches so far, its signature checked."""
    key, _ = prepare(Folder(folder))
    async with asyncio.timeout(PATIENCE_S):
        async for message in session.messages():
            session.acknowledge(message)
            said = decode_receipt(unseal(message.payload, RECEIPT, KeyRing([key.public])).payload)
            if said.through >= through:
                return said
    raise AssertionError("no receipt")


def enrolled(folder: Path, gateway: Gateway) -> None:
    """The station's key lies in the folder."""
    place = Folder(folder)
    prepare(place)
    place.station_key(gateway.station).write_bytes(public_to_pem(gateway.key.public))


async def the_story(folder: Path, broker: BrokerProcess) -> None:
    """Live, past, a kill -9 of the centre between commit and receipt, a kill -9 of the broker."""
    gateway = Gateway()
    enrolled(folder, gateway)
    day = gateway.day(20)
    topic = f"tram/1/{gateway.station}"
    head = f"{topic}/head/{gateway.ledger.hex()}"
    async with serving(folder, broker) as served:
        async with station(broker, gateway) as session:
            for envelope in day[12:]:
                await session.publish(f"{topic}/live", envelope)
            await session.publish(f"{topic}/past", b"".join(day[:12]))
            assert (await receipt(session, folder, 22)).through_hash == gateway.sealed[-1].hash
            await session.publish(f"{topic}/live", gateway.poll())
            await session.publish(head, gateway.head(), retain=True)
            await receipt(session, folder, 23)
        with pytest.raises(Busy):
            restored(folder)
        await served.kill()
    async with serving(folder, broker) as served, station(broker, gateway) as session:
        await session.publish(head, gateway.head(), retain=True)
        assert (await receipt(session, folder, 23)).through == 23
        broker.kill()
        await served.until("trying again")
        broker.start()
        await served.until("ready: ")
        async with station(broker, gateway) as again:
            assert (await receipt(again, folder, 23)).through == 23
        served.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await served.process.wait() == 0
    (report,) = verify(folder, gateway.station)
    assert (report.verified, report.is_proven) == ((1, 23), True)
    (summary,) = stations(folder)
    assert (summary.verified, summary.rejected, summary.open_findings) == (23, 0, 0)


async def test_nothing_is_lost_at_iotcore(tmp_path: Path, iotcore_broker: Iotcore) -> None:
    await the_story(tmp_path / "centre", iotcore_broker)


async def test_nothing_is_lost_at_mosquitto(tmp_path: Path, mosquitto_broker: Mosquitto) -> None:
    await the_story(tmp_path / "centre", mosquitto_broker)


async def test_a_centre_killed_between_commit_and_receipt_says_it_to_the_next_head(
    tmp_path: Path, iotcore_broker: Iotcore
) -> None:
    gateway = Gateway()
    folder = tmp_path / "centre"
    enrolled(folder, gateway)
    topic = f"tram/1/{gateway.station}"
    async with serving(folder, iotcore_broker) as served, station(iotcore_broker, gateway) as session:
        await session.publish(f"{topic}/live", b"".join(gateway.day(3)))
        async with asyncio.timeout(PATIENCE_S):
            while not any(s.verified for s in stations(folder)):
                await asyncio.to_thread(os.sched_yield)
        await served.kill()
    (summary,) = stations(folder)
    assert (summary.verified, summary.ledgers[0].receipt_ms) == (5, None)
    async with serving(folder, iotcore_broker), station(iotcore_broker, gateway) as session:
        await session.publish(f"{topic}/head/{gateway.ledger.hex()}", gateway.head(), retain=True)
        assert (await receipt(session, folder, 5)).through_hash == gateway.sealed[-1].hash
