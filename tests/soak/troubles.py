"""What happens to a station: each trouble is a block that lasts for a while, and is over at its end."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Final

from sim.faults import (
    Closed,
    Fault,
    Flipped,
    Noisy,
    Reboot,
    Refused,
    Shortened,
    Silent,
    Truncated,
    WrongFunction,
    WrongUnit,
    late,
)
from sim.stations import SERIAL_LINE
from tests.chaos.trace import tampered
from tests.soak.world import TIMEOUT_S, World

During = Callable[[World], AbstractContextManager[None]]

SLOW_SYNC_US: Final = 300_000
LATE_S: Final = 0.05, 0.3
"""After the timeout; far inside the guard, so that a busy simulator does not come after it."""

EVERYWHERE: Final[tuple[Callable[[], Fault], ...]] = (
    Silent,
    lambda: late(TIMEOUT_S, LATE_S[0], LATE_S[1] - LATE_S[0]),
    WrongUnit,
    WrongFunction,
    Shortened,
    lambda: Refused(4),
    lambda: Refused(6),
    Closed,
    lambda: Reboot(1.0),
)
CHECKSUMMED: Final[tuple[Callable[[], Fault], ...]] = (Flipped, Noisy, Truncated)
"""Only where a frame has a checksum: nobody can tell a flipped bit of Modbus TCP, and TCP has its own."""

SPOILING: Final = frozenset(f().name for f in (WrongUnit, WrongFunction, Shortened, Flipped, Truncated))
"""Of these answers the agent takes nothing: it may ask again in the same poll, and sign what it hears then."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """`touches`: two troubles that touch the same thing do not happen at once. `needs`: tools by name."""

    name: str
    touches: frozenset[str]
    during: During
    needs: tuple[str, ...] = ()


@contextmanager
def _broker_stopped(world: World) -> Iterator[None]:
    world.broker.stop()
    yield
    world.broker.start()


@contextmanager
def _broker_killed(world: World) -> Iterator[None]:
    world.broker.kill()
    yield
    world.broker.start()


@contextmanager
def _broker_frozen(world: World) -> Iterator[None]:
    world.broker.freeze()
    try:
        yield
    finally:
        world.broker.thaw()


@contextmanager
def _centre_killed(world: World) -> Iterator[None]:
    stage = world.station.stage
    assert stage.centre
    stage.centre.kill()
    yield
    stage.start_centre()


@contextmanager
def _centre_stopped(world: World) -> Iterator[None]:
    stage = world.station.stage
    assert stage.centre
    stage.centre.stop()
    yield
    stage.start_centre()


@contextmanager
def _instruments(world: World) -> Iterator[None]:
    """One to three instruments answer wrongly, a few times each."""
    plant, rng = world.plant, world.rng
    devices = [
        (i.name, line) for line, wire in plant.demo.wires.items() for i in wire.face.instruments.values()
    ]
    for name, line in rng.sample(devices, rng.randint(1, 3)):
        script, unit = plant.demo.script(name)
        fault = rng.choice(EVERYWHERE + CHECKSUMMED * (line == SERIAL_LINE))()
        requests = rng.randint(1, 4)
        plant.do(lambda s=script, f=fault, u=unit, n=requests: s.add(f, u, requests=n))  # type: ignore[misc]
    yield
    for script in plant.scripts:
        plant.do(script.rules.clear)


@contextmanager
def _adapter_pulled(world: World) -> Iterator[None]:
    world.plant.do(world.plant.adapter.unplug)
    yield
    world.plant.do(world.plant.adapter.plug_in)


@contextmanager
def _cable_pulled(world: World) -> Iterator[None]:
    cable = world.rng.choice(world.plant.cables)
    world.plant.wait_for(cable.unplug)
    yield
    world.plant.wait_for(cable.plug_in)


@contextmanager
def _connections_reset(world: World) -> Iterator[None]:
    for cable in world.plant.cables:
        world.plant.do(cable.drop_connections)
    yield


@contextmanager
def _reader(world: World) -> Iterator[None]:
    """Somebody looks into the ledger with a tool of his own, and stays in his transaction."""
    uri = f"{world.station.store.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)) as foreign:
        foreign.execute("BEGIN")
        foreign.execute("SELECT count(*) FROM entry").fetchone()
        yield


@contextmanager
def _slow_sync(world: World) -> Iterator[None]:
    with tampered(world.pid, "fdatasync", f"delay_enter={SLOW_SYNC_US}"):
        yield


@contextmanager
def _frozen(world: World) -> Iterator[None]:
    with world.frozen():
        yield


@contextmanager
def _reloaded(world: World) -> Iterator[None]:
    world.reload()
    yield


@contextmanager
def _killed(world: World) -> Iterator[None]:
    world.kill()
    world.start()
    yield


@contextmanager
def _killed_in_its_start(world: World) -> Iterator[None]:
    world.kill()
    world.start_only()
    yield
    world.kill()
    world.start()


@contextmanager
def _restarted(world: World) -> Iterator[None]:
    world.stop()
    world.start()
    yield


NET, FIELD, DISK, AGENT = (frozenset({name}) for name in ("net", "field", "disk", "agent"))

TROUBLES: Final = (
    Trouble("broker stopped", NET, _broker_stopped),
    Trouble("broker killed", NET, _broker_killed),
    Trouble("broker frozen", NET, _broker_frozen),
    Trouble("centre killed", NET, _centre_killed),
    Trouble("centre stopped", NET, _centre_stopped),
    Trouble("instruments answer wrongly", FIELD, _instruments),
    Trouble("serial adapter pulled", FIELD, _adapter_pulled),
    Trouble("network cable pulled", FIELD, _cable_pulled),
    Trouble("connections reset", FIELD, _connections_reset),
    Trouble("reader in the database", DISK, _reader),
    Trouble("slow sync", DISK | AGENT, _slow_sync, ("strace",)),
    Trouble("agent frozen", AGENT, _frozen),
    Trouble("station file changed, SIGHUP", AGENT, _reloaded),
)
"""What the agent outlives."""

RESTARTS: Final = (
    Trouble("agent killed", AGENT, _killed),
    Trouble("agent killed in its start", AGENT, _killed_in_its_start),
    Trouble("agent stopped and started", AGENT, _restarted),
)
