"""The agent's life where it meets trouble: what a reload and a receipt may do to a running station."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.run import ANEW_PAUSE_MS, Agent
from agent.state import status_of
from agent.station import load_station
from buffer.errors import StoreBroken
from telemetry import keyfile
from tests.agent.report import Reported
from tests.virtual_time import VirtualClock, in_virtual_time

LEDGERS = [bytes([n]) * 16 for n in range(1, 9)]


def station(**changed: object) -> Any:
    """What the agent asks of a station file."""
    told = {"id": "BD_1", "identity": "key", "buffer": "buffer", "destinations": (), "devices": ()}
    return SimpleNamespace(**{**told, **changed})


class Written:
    """Stands for the ledger: a new id each time it is begun anew."""

    def __init__(self) -> None:
        self.begun: list[float] = []

    @property
    def recorder(self) -> Any:
        return SimpleNamespace(ledger=SimpleNamespace(ledger=LEDGERS[len(self.begun)]))

    def begin_anew(self) -> None:
        self.begun.append(asyncio.get_running_loop().time())


def agent_of(load: Callable[[], Any] = station) -> tuple[Agent, Reported]:
    reported = Reported()
    return Agent(station(), clock=VirtualClock(), report=reported, load=load), reported


async def test_a_reload_while_the_store_fails_is_refused_and_everything_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent, reported = agent_of(lambda: station(name="changed"))
    before = agent.station

    async def readdress(_: object) -> None:
        raise StoreBroken("the disk does not answer", "look at the card")

    monkeypatch.setattr(agent, "store", SimpleNamespace(readdress=readdress), raising=False)
    monkeypatch.setattr(agent, "_new_deliveries", list)
    async with asyncio.TaskGroup() as tasks:
        await agent._reload(tasks, [])  # the wires are not touched: there is no agent.field to stop
    assert agent.station is before
    assert "the disk does not answer" in str(agent.reload_refused)
    assert reported.events == ["station.reload-refused"]


async def _live(agent: Agent, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop that answers what was asked of the agent, for a while."""
    nothing = SimpleNamespace(lines=[])

    async def idle(*_: object) -> None:
        agent.field = nothing  # type: ignore[assignment]

    async def for_ever() -> None:
        await asyncio.sleep(seconds + 1)

    monkeypatch.setattr(agent.ledger, "keeper", SimpleNamespace(run=for_ever), raising=False)
    monkeypatch.setattr(agent.ledger, "upkeep", for_ever, raising=False)
    monkeypatch.setattr(agent, "_start_field", idle)
    monkeypatch.setattr(agent, "_end", idle)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent._live(tasks))
        await asyncio.sleep(seconds)
        agent.stop()


@in_virtual_time
async def test_two_destinations_that_notice_the_same_old_copy_begin_one_ledger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent, _ = agent_of()
    agent.ledger = written = Written()  # type: ignore[assignment]
    agent._store_restored(LEDGERS[0])
    agent._store_restored(LEDGERS[0])
    await _live(agent, 3_600, monkeypatch)
    assert len(written.begun) == 1


@in_virtual_time
async def test_a_confused_centre_cannot_make_the_station_leave_one_ledger_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent, _ = agent_of()
    agent.ledger = written = Written()  # type: ignore[assignment]

    async def confused() -> None:
        while True:
            agent._store_restored(written.recorder.ledger.ledger)
            await asyncio.sleep(0.1)

    claims = asyncio.create_task(confused())
    await _live(agent, 2_900, monkeypatch)
    claims.cancel()
    assert len(written.begun) == 5
    pauses = [later - earlier for earlier, later in zip(written.begun, written.begun[1:], strict=False)]
    assert min(pauses) > ANEW_PAUSE_MS / 1_000 - 1


WATCHING_ITSELF = """\
[station]
id = "SELF"

[identity]
key = "station.pem"

[[line]]
id = "self"
url = "local://"

[[device]]
id = "gateway"
line = "self"
driver = "system"
every = "5s"
channel = [ { id = "load", unit = "1" } ]
"""


class NoBattery(SystemClock):
    """A gateway whose clock starts in 1970, until it hears from a time server."""

    set_right = False

    def wall_ms(self) -> int:
        return super().wall_ms() if self.set_right else super().mono_ms()


@asynccontextmanager
async def running(folder: Path, reported: Reported, clock: SystemClock) -> AsyncIterator[Agent]:
    """An agent that polls, in the real world. It is told to stop at the end."""
    keyfile.create(folder / "station.pem")
    file = folder / "station.toml"
    file.write_text(WATCHING_ITSELF)
    agent = Agent(load_station(file), clock=clock, report=reported, load=lambda: load_station(file))
    async with asyncio.timeout(20):
        life = asyncio.create_task(agent.run())
        while "station.polling" not in reported.events and not life.done():
            await asyncio.sleep(0.01)
        yield agent
        agent.stop()
        await life


@pytest.mark.system
async def test_a_clock_that_is_set_right_by_56_years_makes_no_long_run(tmp_path: Path) -> None:
    clock = NoBattery()
    async with running(tmp_path, Reported(), clock) as agent:
        clock.set_right = True
        assert status_of(agent)["running_for_s"] in range(20)


@pytest.mark.system
async def test_a_card_that_holds_no_sockets_does_not_keep_the_station_from_polling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As vfat and exFAT answer: Operation not permitted."""

    def bind(_: socket.socket, address: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", address)

    monkeypatch.setattr(socket.socket, "bind", bind)
    reported = Reported()
    async with running(tmp_path, reported, SystemClock()):
        pass
    assert reported.events.count("station.unasked") == 2
    assert reported.events[-1] == "station.stopped"
