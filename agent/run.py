"""The agent's life: open the store, say how this run begins, poll and deliver, stop in order.

    Field (line tasks) ─▶ Recorder ─▶ Keeper ─▶ Store ─▶ Delivery (one task per destination)

The order of the end, written once (`_end`): wires quiet → everything signed is durable, with the note that the
stop was clean → destinations get a moment → services → sockets → the file beside the key → store.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path

from agent import sidecar, status, watched
from agent.clock import Clock
from agent.configuration import configuration_of
from agent.destinations import deliver_for_ever, deliveries_of
from agent.field import Field
from agent.keep import Report
from agent.ledger import StationLedger
from agent.opening import open_store, told_aside
from agent.read import Device
from agent.salvage import Salvage
from agent.seams import Seams
from agent.send import Delivery
from agent.state import status_of
from agent.version import SOFTWARE
from agent.watchdog import feed
from agent.watched import Watched
from buffer.errors import StoreError
from buffer.store import Entry, Store
from config.errors import StationFileError
from config.station import Station
from telemetry import keyfile
from telemetry.keys import KeyRing

STOP_FLUSH_S, STOP_DELIVER_S, STOP_LOOK_S = 1.5, 1.5, 0.05
ANEW_PAUSE_MS = 10 * 60_000

Tasks = list[asyncio.Task[None]]


class Agent:
    """One station's agent. `load` reads the station file again when it is asked to."""

    store: Store
    ledger: StationLedger
    field: Field

    def __init__(
        self,
        station: Station,
        *,
        clock: Clock,
        report: Report,
        load: Callable[[], Station],
        seams: Seams | None = None,
    ) -> None:
        self.station = station
        self.clock = clock
        self.deliveries: list[Delivery] = []
        self.watched = Watched()
        self.reload_refused: str | None = None
        self.started_mono_ms = clock.mono_ms()
        self._report = report
        self._load = load
        self._seams = seams or Seams()
        self._notifier = self._seams.notifier
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self._old_copy = b""
        self._anew_not_before_ms = 0

    def stop(self) -> None:
        """End in order (SIGTERM)."""
        self._asked.put_nowait("stop")

    def reload(self) -> None:
        """Read the station file again (SIGHUP); the ledger goes on."""
        self._asked.put_nowait("reload")

    async def run(self) -> None:
        """Until `stop`."""
        key = keyfile.load(self.station.identity.key)
        async with AsyncExitStack() as closing:
            store = await self._open_store()
            if store is None:
                return
            self.store = store
            closing.push_async_callback(self.store.close)
            self.ledger = StationLedger(
                self.station.id,
                key,
                sidecar.path_for(self.station.identity.key),
                self.store,
                linger_ms=self.station.buffer.linger_ms,
                clock=self.clock,
                rng=self._seams.rng,
                committed=self._committed,
                report=self._report,
                aside=told_aside(self.station.buffer.path),
                renewed=lambda: self._asked.put_nowait("salvage"),
            )
            self._asked.put_nowait("salvage")
            self._salvage = Salvage(
                self.station.buffer.path,
                self.ledger,
                KeyRing([key.public]),
                report=self._report,
                offload=self._seams.offload,
            )
            closing.callback(self.ledger.save_beside)
            self.deliveries = self._new_deliveries()
            await self.ledger.boot(configuration_of(self.station, SOFTWARE))
            socket = status.socket_path(self.station.buffer.path)
            await self._open_to(closing, socket, status.answering(socket, lambda: status_of(self)))
            beside = watched.socket_path(self.station.buffer.path)
            await self._open_to(closing, beside, self._seams.showing(beside, self.watched, self._about))
            async with asyncio.TaskGroup() as tasks:
                await self._live(tasks)

    async def _open_to(
        self, closing: AsyncExitStack, path: Path, listening: AbstractAsyncContextManager[None]
    ) -> None:
        """Where no socket can be (a card with FAT holds files only), nobody can ask, and polling goes on."""
        try:
            await closing.enter_async_context(listening)
        except OSError as error:
            why = f"{error.strerror}: nobody can ask the agent there; polling goes on"
            self._report("station.unasked", {"socket": str(path), "why": why, "alarm": True})

    def _about(self) -> dict[str, object]:
        """What a watcher is told of the station, and the wall clock of this instant."""
        return {"station": self.station.id, "software": SOFTWARE, "wall_ms": self.clock.wall_ms()}

    async def _open_store(self) -> Store | None:
        """None: it was told to stop before the store opened."""

        async def wait(seconds: float) -> bool:
            self._notifier.say("STATUS=waiting for the store to open")
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    return await self._asked.get() != "stop"
            return True

        return await open_store(
            self.station,
            wall_ms=self.clock.wall_ms(),
            wait=wait,
            report=self._report,
            executor=self._seams.executor,
        )

    async def _live(self, tasks: asyncio.TaskGroup) -> None:
        services = [
            tasks.create_task(self.ledger.keeper.run(), name="keeper"),
            tasks.create_task(self.ledger.upkeep(), name="upkeep"),
            tasks.create_task(feed(self._notifier, lambda: self.field.lines, self.clock), name="watchdog"),
        ]
        delivering = self._start_deliveries(tasks)
        await self._start_field(tasks, {})
        self._notifier.say("READY=1", f"STATUS=polling {len(self.station.devices)} devices")
        self._report("station.polling", {"station": self.station.id, "devices": len(self.station.devices)})
        while (asked := await self._asked.get()) != "stop":
            if asked == "reload":
                delivering = await self._reload(tasks, delivering)
            elif asked == "restored" and self._old_copy == self.ledger.recorder.ledger.ledger:
                self._anew_not_before_ms = self.clock.mono_ms() + ANEW_PAUSE_MS
                self.ledger.begin_anew()
            elif asked == "salvage":
                services.append(tasks.create_task(self._salvage.run(), name="salvage"))
        await self._end(services, delivering)

    async def _end(self, services: Tasks, delivering: Tasks) -> None:
        self._notifier.say("STOPPING=1")
        await self.field.stop()
        await self.ledger.close(flush_s=STOP_FLUSH_S)
        await self._last_words()
        await _cancel([*delivering, *services])
        self._report("station.stopped", {"station": self.station.id})

    async def _last_words(self) -> None:
        """Destinations that are connected get a moment for what was just signed."""
        for _ in range(round(STOP_DELIVER_S / STOP_LOOK_S)):
            states = [delivery.status() for delivery in self.deliveries]
            if not any(state.connected and state.owed for state in states):
                return
            await asyncio.sleep(STOP_LOOK_S)

    async def _reload(self, tasks: asyncio.TaskGroup, delivering: Tasks) -> Tasks:
        try:
            station = self._load()
            _refuse_other_identity(self.station, station)
        except StationFileError as error:
            self._refuse_reload(error)
            return delivering
        await _cancel(delivering)
        try:
            await self._readdress(self.station, station)
        except StoreError as error:  # nothing else has changed yet: the file before stays in force
            self._refuse_reload(error)
            self.deliveries = self._new_deliveries()
            return self._start_deliveries(tasks)
        self.reload_refused = None
        before = {device.plan.device: device for device in self.field.devices}
        await self.field.stop()
        self.station = station
        self.ledger.configure(configuration_of(station, SOFTWARE))
        await self._start_field(tasks, before)
        self.deliveries = self._new_deliveries()
        self._report("station.reloaded", {"station": station.id, "devices": len(station.devices)})
        return self._start_deliveries(tasks)

    def _refuse_reload(self, error: Exception) -> None:
        self.reload_refused = str(error)
        self._report("station.reload-refused", {"error": str(error)})

    async def _readdress(self, before: Station, after: Station) -> None:
        """Who gets records now. What only a broker took is owed again to a centre: it has seen no boot record."""
        await self.store.readdress([destination.id for destination in after.destinations])
        by_broker = {destination.id for destination in before.destinations if destination.ack == "broker"}
        for destination in after.destinations:
            if destination.ack == "receipt" and destination.id in by_broker:
                for end in self.store.ends:
                    await self.store.owe_again(destination.id, end.ledger, ())

    async def _start_field(self, tasks: asyncio.TaskGroup, before: dict[str, Device]) -> None:
        self.field = Field(
            self.station, self.ledger.recorder, self.clock, self._report, self._seams, self.watched
        )
        await self.field.start(tasks, before)

    def _new_deliveries(self) -> list[Delivery]:
        return deliveries_of(
            self.station,
            self.store,
            keyfile.load(self.station.identity.key),
            self.clock,
            self._seams.rng,
            connect=self._seams.connect,
            report=self._report,
            restored=self._store_restored,
        )

    def _start_deliveries(self, tasks: asyncio.TaskGroup) -> Tasks:
        pairs = zip(self.deliveries, self.station.destinations, strict=True)
        return [
            tasks.create_task(
                deliver_for_ever(delivery, table.id, self._report), name=f"destination {table.id}"
            )
            for delivery, table in pairs
        ]

    def _committed(self, batch: Sequence[Entry], ledger: bytes) -> None:
        for delivery in self.deliveries:
            delivery.offer(batch, ledger)

    def _store_restored(self, ledger: bytes) -> None:
        """A receipt knows more of our ledger than we do. Only the ledger that is being written matters, and once.

        A centre that says so of each new ledger is confused: it gets one more every ten minutes, not one every second.
        """
        if ledger == self.ledger.recorder.ledger.ledger and ledger != self._old_copy:
            self._old_copy = ledger
            wait_ms = max(0, self._anew_not_before_ms - self.clock.mono_ms())
            asyncio.get_running_loop().call_later(wait_ms / 1_000, self._asked.put_nowait, "restored")


async def _cancel(tasks: Tasks) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _refuse_other_identity(before: Station, after: Station) -> None:
    """What a running agent cannot change under itself."""
    for name, old, new in (
        ("station.id", before.id, after.id),
        ("identity.key", before.identity, after.identity),
        ("buffer", before.buffer, after.buffer),
    ):
        if old != new:
            raise StationFileError.single(after.file, f"{name} has changed: restart the agent for that")
