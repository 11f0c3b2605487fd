"""A full station of one kind on the stage: its file from docs, its instruments, and the account of what they served."""

import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from config.station import Station
from sim import machine_copy, moment
from sim.kinds import ambient_air, groundwater, stack, surface_water, wastewater
from sim.kinds.kind import Kind
from sim.moment import Now
from sim.on_the_air import Where, on_the_air, scheme_of
from sim.reconcile import Stored, Verdict, absent, flagged, reconcile
from sim.rehearsal import Rehearsal, rewrite
from sim.script import Script
from sim.served import Served, ServedLog
from sim.twin import DeviceSettings
from sim.wire import Wire

KINDS = (wastewater.KIND, stack.KIND, ambient_air.KIND, surface_water.KIND, groundwater.KIND)
FOLDERS = (
    Path(__file__).parents[1] / "docs" / "examples" / "stations",
    Path(sys.prefix) / "share" / "tram" / "stations",
)
"""Where the files are: in the source tree, in an installation."""
LOCAL = "local"
KEY, DATABASE = "keys/station.pem", "data/ledger.db"


def example(kind: Kind) -> Path:
    """Its station file. FileNotFoundError: it is in neither place."""
    for folder in FOLDERS:
        if (folder / f"{kind.file}.toml").exists():
            return folder / f"{kind.file}.toml"
    raise FileNotFoundError(f"{kind.file}.toml is in none of {', '.join(map(str, FOLDERS))}")


@dataclass(frozen=True, slots=True)
class StagedStation:
    """`wires` by line id; a line without one is the gateway itself, of which a copy lies in a folder."""

    kind: Kind
    station: Station
    wires: Mapping[str, Wire]
    served: ServedLog

    def script(self, device: str) -> tuple[Script, int]:
        """The faults of the wire on which `device` is, and its unit there. KeyError: no such device."""
        for wire in self.wires.values():
            for unit, instrument in wire.face.instruments.items():
                if instrument.name == device:
                    return wire.script, unit
        raise KeyError(device)

    def timeout_s(self, device: str) -> float:
        """How long its line waits for an answer."""
        (name,) = [each.line for each in self.station.devices if each.id == device]
        (line,) = [line for line in self.station.lines if line.id == name]
        return cast("float", getattr(line.settings, "timeout_s", 1.0))

    @property
    def channels(self) -> dict[str, tuple[str, ...]]:
        """Of the station file, by device."""
        return {
            device.id: tuple(str(row[0]) for row in cast("DeviceSettings", device.settings).rows())
            for device in self.station.devices
        }

    @property
    def gateways(self) -> frozenset[str]:
        """The devices that are the gateway itself."""
        return frozenset(device.id for device in self.station.devices if device.line not in self.wires)

    def verdict(self, stored: Iterable[Stored]) -> Verdict:
        """Every value at the far end against the one that was served, or that lies in the gateway's copy.

        A flag and a channel without a value are wrong too: the instruments are well.
        """
        cycles = list(stored)
        served = (labelled(answer, self.kind.labels) for answer in self.served.kept)
        asked = [cycle for cycle in cycles if cycle.device not in self.gateways]
        verdict = reconcile(served, asked, self.channels)
        itself = [cycle for cycle in cycles if cycle.device in self.gateways]
        others = (*machine_copy.differing(itself), *flagged(cycles), *absent(cycles, self.channels))
        return verdict._replace(wrong=(*verdict.wrong, *others))

    def toml(self, urls: Mapping[str, str], *, every: str) -> str:
        """The station file for these wires, with a key and a database in its own folder and no destinations."""
        file = self.station.file
        rehearsal = Rehearsal(urls, KEY, DATABASE, every=every)
        return rewrite(file.read_text(encoding="utf-8"), file.name, rehearsal)


def staged(
    kind: Kind, station: Station, *, seed: int, served: ServedLog, now: Now = moment.real
) -> StagedStation:
    """The same seed gives the same station. `station` is what its example says (`example`)."""
    wires = {
        line: Wire(line, face, Script(seed=seed), served, now) for line, face in kind.faces(seed).items()
    }
    return StagedStation(kind, station, wires, served)


def described(stages: Sequence[StagedStation]) -> Iterator[str]:
    """What is on the stage, for people: how much, then each station with what its instruments speak."""
    devices = sum(len(stage.station.devices) - len(stage.gateways) for stage in stages)
    wires = sum(len(stage.wires) for stage in stages)
    yield f"{len(stages)} stations poll {devices} instruments on {wires} wires, and themselves; enrolled:"
    for stage in stages:
        drivers = dict.fromkeys(device.driver for device in stage.station.devices)
        yield f"   {stage.kind.file:<14} {stage.station.id}  {', '.join(drivers)}"


@asynccontextmanager
async def serve(stage: StagedStation, folder: Path) -> AsyncIterator[Mapping[str, str]]:
    """Every wire on a port of the loopback or on a terminal, named in `folder`; the url of each line."""
    folder.mkdir(parents=True, exist_ok=True)
    where = Where(dict.fromkeys(stage.wires, 0), folder)
    lines = {line.id: scheme_of(line) for line in stage.station.lines}
    itself = {line: machine_copy.write(folder / line) for line, scheme in lines.items() if scheme == LOCAL}
    async with on_the_air(stage.station, stage.wires, where) as urls:
        yield {**urls, **itself}


def labelled(answer: Served, labels: Mapping[str, Mapping[str, str]]) -> Served:
    """The answer with the names of the station file."""
    mine = labels.get(answer.device, {})
    return answer._replace(
        values={mine.get(channel, channel): value for channel, value in answer.values.items()}
    )
