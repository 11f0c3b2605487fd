"""`python -m bench.peers`: Tram and other gateways at the same station, in a table."""

import datetime as dt
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from bench.calibration import calibrate
from bench.load import Load
from bench.peers import outage, plant, steady, table
from bench.peers.broker import Mosquitto, mosquitto_path
from bench.peers.collectd import Collectd
from bench.peers.evidence import Witness
from bench.peers.node_red import NodeRed
from bench.peers.outage import Length, Loss
from bench.peers.peer import NotHere, Peer, Site
from bench.peers.steady import Pace, Steady
from bench.peers.table import Comparison, Result
from bench.peers.thingsboard import ThingsBoard
from bench.peers.tram import Tram
from bench.stage import child
from bench.trace import READY, Reader
from mqtt.local_broker import BrokerProcess, LocalBroker

ALL: tuple[type[Peer], ...] = (Tram, ThingsBoard, NodeRed, Collectd)
LOAD = Load(10, 20)
PAGE = Path("docs/performance.md")


@dataclass(frozen=True, slots=True)
class Plan:
    """How long is looked at what."""

    pace: Pace
    length: Length


FULL = Plan(
    Pace(starts=3, settle_s=10, windows=3, window_s=10),
    Length(settle_s=10, outage_s=60, tail_s=30, patience_s=120, kills=4),
)
QUICK = Plan(
    Pace(starts=1, settle_s=3, windows=1, window_s=5),
    Length(settle_s=3, outage_s=12, tail_s=8, patience_s=30, kills=1),
)


@click.command()
@click.option("--quick", is_flag=True, help="Short windows and outages: for a look while working on it.")
@click.option("--only", multiple=True, help="This gateway and Tram; may be given more than once.")
@click.option("--folder", default=".peers", type=click.Path(path_type=Path), help="Where they are installed.")
@click.option("--no-page", is_flag=True, help=f"Print only; leave {PAGE} as it is.")
def peers(*, quick: bool, only: tuple[str, ...], folder: Path, no_page: bool) -> None:
    """Compare Tram with other gateways, in a quarter of an hour. Nothing is asserted.

    Example: python -m bench.peers --quick --only thingsboard-gateway --no-page
    """
    kinds = [kind for kind in ALL if not only or kind.name == Tram.name or kind.name in only]
    home = folder.resolve()
    home.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=home))
    comparison = _compare(kinds, home, work, QUICK if quick else FULL)
    shutil.rmtree(work)
    click.echo(comparison.as_text())
    if not (no_page or quick or only):
        table.write(comparison, PAGE)


def _compare(kinds: Sequence[type[Peer]], home: Path, work: Path, plan: Plan) -> Comparison:
    before = calibrate()
    with _scene(kinds, home, work) as (all_peers, witness, broker):
        versions, missing = _installed(all_peers)
        figures: dict[str, Steady] = {}
        for peer in all_peers:
            if peer.name not in missing:
                _say(f"{peer.name}: alone")
                try:
                    figures[peer.name] = steady.measure(peer, witness, plan.pace)
                except NotHere as error:
                    missing[peer.name] = str(error)
        running = [peer for peer in all_peers if peer.name in figures]
        losses: list[dict[str, Loss]] = []
        for killed in (False, True):
            _say(f"the broker is stopped for {plan.length.outage_s:g} s" + (", they are killed" * killed))
            losses.append(outage.measure(running, witness, broker, plan.length, killed=killed))
    results = [
        Result(
            name=peer.name,
            version=versions.get(peer.name, ""),
            storage=peer.storage,
            missing=missing.get(peer.name),
            steady=figures.get(peer.name),
            stopped=losses[0].get(peer.name),
            killed=losses[1].get(peer.name),
        )
        for peer in all_peers
    ]
    day = dt.datetime.now(tz=dt.UTC).date().isoformat()
    name = "mosquitto" if isinstance(broker, Mosquitto) else "iotcore"
    return Comparison(day, str(LOAD), before, calibrate(), name, plan.length, results)


@contextmanager
def _scene(
    kinds: Sequence[type[Peer]], home: Path, work: Path
) -> Iterator[tuple[list[Peer], Witness, BrokerProcess]]:
    """Instruments for all of them in one process, one broker, one subscriber, and what belongs to each gateway."""
    broker: BrokerProcess = Mosquitto(work / "broker") if mosquitto_path() else LocalBroker(work / "broker")
    log, trace = work / "plant.log", work / "subscriber.trace"
    trace.touch()
    broker.start()
    devices = LOAD.devices * len(kinds)
    all_peers: list[Peer] = []
    try:
        with (
            child(work, "plant", "bench.peers.plant", str(devices), str(log)) as instruments,
            child(work, "subscriber", "bench.peers.subscriber", str(broker.port), str(trace)),
        ):
            ports = json.loads(instruments.line())
            for number, kind in enumerate(kinds):
                mine = ports[number * LOAD.devices :][: LOAD.devices]
                site = Site(mine, LOAD.channels, broker.port)
                all_peers.append(kind(home / kind.name, work / kind.name, site))
            reader = Reader(trace)
            while not any(event.kind == READY for event in reader.new()):
                time.sleep(0.05)
            try:
                for peer in all_peers:
                    peer.accompany()
                yield all_peers, Witness(all_peers, plant.Log(log), reader), broker
            finally:
                for peer in all_peers:
                    peer.kill()
                    peer.leave()
    finally:
        broker.close()


def _installed(all_peers: Sequence[Peer]) -> tuple[dict[str, str], dict[str, str]]:
    """The versions of those that are there, and why the others are not."""
    versions, missing = {}, {}
    for peer in all_peers:
        _say(f"{peer.name}: installing, if it is not there")
        try:
            versions[peer.name] = peer.install()
        except NotHere as error:
            missing[peer.name] = str(error)
    return versions, missing


_BEGAN_S = time.monotonic()


def _say(words: str) -> None:
    click.echo(f"  {time.monotonic() - _BEGAN_S:5.1f} s  {words}", err=True)


if __name__ == "__main__":
    peers()
