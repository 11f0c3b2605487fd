"""One station of a story: its files, its agent as a real process, and what can be read of it from outside."""

import asyncio
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent import status
from agent.rehearsal import Process, Rehearsal
from buffer.entry import Entry, Owed
from buffer.errors import StoreBroken, StoreForeign
from buffer.snapshot import open_snapshot
from central.cycles import envelopes
from central.enrol import trust
from central.folder import Folder
from mqtt.local_broker import BrokerProcess
from telemetry import keyfile
from telemetry.bodies import BootBody
from telemetry.envelope import RECORD, unseal
from telemetry.keys import KeyRing
from telemetry.record import Kind, Record, decode_record
from tests.system.patience import until
from tests.system.plant import Line, Plant


class Station:
    """Its folder is made at once. `lines` may be changed before `describe`, which writes the station file."""

    def __init__(self, stage: Rehearsal, plant: Plant) -> None:
        self.stage = stage
        self.plant = plant
        self.name = "TEST_1"
        self.folder = stage.folder / self.name
        self.file = self.folder / "station.toml"
        self.key = self.folder / "keys" / "station.pem"
        self.store = self.folder / "data" / "ledger.db"
        self.lines: list[Line] = []
        self.key.parent.mkdir(parents=True)
        self.ring = KeyRing([keyfile.create(self.key).public])

    def describe(self, *destinations: str, extra: str = "") -> None:
        """Write the station file."""
        about = (
            f'[station]\nid = "{self.name}"\nname = "Trạm thử"\ntimezone = "Asia/Ho_Chi_Minh"\n\n'
            '[identity]\nkey = "keys/station.pem"\n\n'
            '[buffer]\npath = "data/ledger.db"\nkeep = "1d"\nquota = "8GB"\nlinger = "100ms"\n'
        )
        parts = [about, *(line.toml() for line in self.lines), *destinations, extra]
        self.file.write_text("\n".join(parts), encoding="utf-8")

    def receipted(self, name: str = "centre", **more: str) -> str:
        """The table of a destination with our centre behind it, at the stage's broker."""
        keys = f'["{self.stage.centre_key().resolve()}"]'
        return destination(name, self.stage.broker.url, ack="receipt", receipt_keys=keys, **more)

    def start(self, *, prefix: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Process:
        """Run the agent; returns when it polls."""
        agent = self.stage.start_agent(self.name, self.file, prefix=prefix, environment=environment)
        agent.wait_for("station.polling")
        return agent

    def reload(self, agent: Process) -> None:
        """SIGHUP; returns when the agent goes on with the new file."""
        before = agent.said().count("station.reloaded")
        agent.send(signal.SIGHUP)
        until(lambda: agent.said().count("station.reloaded") > before, "the station file read again")

    def trust(self) -> None:
        """Put the station's key where `tram central enrol` puts it, before the station is ever heard."""
        trust(Folder(self.stage.centre_folder), self.name, keyfile.load(self.key).public)

    def status(self) -> dict[str, Any]:
        """What the running agent says of itself; empty while nobody answers."""
        try:
            return dict(asyncio.run(status.ask(status.socket_path(self.store))))
        except status.NotRunning:
            return {}

    def destination(self, name: str) -> dict[str, Any]:
        """One destination in that; empty while nobody answers."""
        found = [d for d in self.status().get("destinations", ()) if d["destination"] == name]
        return dict(found[0]) if found else {}

    def device(self, name: str) -> dict[str, Any]:
        """One device in that; empty while nobody answers."""
        found = [d for d in self.status().get("devices", ()) if d["device"] == name]
        return dict(found[0]) if found else {}

    def rows(self) -> list[Entry]:
        """The store's rows as another process reads them, the oldest ledger first; none before its tables are there."""
        try:
            with open_snapshot(self.store) as store:
                return [
                    row._replace(ledger=held.ledger)
                    for held in store.ledgers()
                    for row in store.entries(held.ledger)
                ]
        except (StoreBroken, StoreForeign):
            return []

    def records(self, *kinds: Kind) -> list[Record]:
        """The same, verified and decoded; of these kinds, or of all."""
        records = (decode_record(unseal(row.envelope, RECORD, self.ring).payload) for row in self.rows())
        return [record for record in records if not kinds or record.kind in kinds]

    def boots(self) -> list[BootBody]:
        """How each run began."""
        return [BootBody.decode(record.body) for record in self.records(Kind.BOOT)]

    def readings(self) -> int:
        """Readings records in the store."""
        return sum(row.kind == Kind.READINGS for row in self.rows())

    def owed(self, destination: str) -> tuple[Owed, ...]:
        """What the store says is not delivered there."""
        with open_snapshot(self.store) as store:
            return store.owed().get(destination, ())

    def at_the_centre(self) -> set[bytes]:
        """The envelopes that the centre has."""
        return set(envelopes(self.stage.centre_folder, self.name))

    def grows(self, by: int = 5) -> None:
        """Waits until so many more readings are in the store."""
        before = self.readings()
        until(lambda: self.readings() >= before + by, f"{by} more readings in the store")

    def arrives(self, *, within_s: float = 15.0) -> None:
        """Waits until the centre has everything that is in the store now, or soon when that is nothing."""
        held = {row.envelope for row in until(self.rows, "records in the store")}
        until(lambda: held <= self.at_the_centre(), "all of the store at the centre", within_s=within_s)


def destination(name: str, url: str, *, ack: str, **more: str) -> str:
    """A destination's table; `more` are further keys with their values as TOML."""
    lines = [f"{key} = {value}" for key, value in more.items()]
    table = [f'[[destination]]\nid = "{name}"\nkind = "mqtt"\nurl = "{url}"\nack = "{ack}"', *lines, ""]
    return "\n".join(table)


@contextmanager
def station_at(
    folder: Path,
    broker: BrokerProcess | None = None,
    *,
    gauges: int = 1,
    every_ms: int = 300,
    centre: bool = True,
) -> Iterator[Station]:
    """A stage with a running broker and centre, a plant, and a station with so many TCP gauges, not yet started."""
    with Rehearsal(folder, broker) as stage, Plant(folder / "served.jsonl") as plant:
        if centre:
            stage.start_centre()
        station = Station(stage, plant)
        station.lines = [plant.tcp(f"gauge{number}", every_ms=every_ms) for number in range(1, gauges + 1)]
        yield station
