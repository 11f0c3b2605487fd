"""The whole examination: who is looked at in which order, each within its bound, and what it was said of.

file ─▶ agent, key, store ─▶ ports, disk, clock, systemd, each destination (all at once)
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from agent import status as socket
from agent.clock import Clock
from agent.doctor import dialling, looking
from agent.doctor.bounded import forget_threads
from agent.doctor.certificates import judge_files
from agent.doctor.clock import judge_clock, look_at_clock
from agent.doctor.destination import Background, look_at_destination
from agent.doctor.disk import judge_disk, look_at_disk
from agent.doctor.identity import FileFacts, judge_file, judge_key, look_at_file, look_at_key, signing_key
from agent.doctor.ledger import StoreFacts, holder, judge_store, look_at_store
from agent.doctor.looking import LOOK_S, Check, judged, look
from agent.doctor.ports import judge_port, look_at_port, no_ports
from agent.doctor.service import AgentFacts, judge_agent, judge_service, look_at_service
from agent.doctor.user import User, agents_user
from agent.doctor.verdict import Line, Verdict, lines
from agent.forecast import forecast
from agent.station import store_of
from agent.tables import wire_of
from config.errors import StationFileError
from config.station import Station
from drivers.endpoint import SerialPort
from drivers.line import LineSettings

BOUND_S: Final = 6 * LOOK_S + dialling.BOUND_S
"""The file, the lock, the agent, its user, the key, the store; and then all else at once."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was said, and what it was said of. None: it could not be had."""

    file: Path
    station: Station | None
    lines: tuple[Line, ...]
    agent: AgentFacts | None = None
    store: StoreFacts | None = None


async def examine(file: Path, clock: Clock) -> Examination:
    """Within BOUND_S, whatever hangs."""
    forget_threads()
    facts = await look(lambda: look_at_file(file))
    if isinstance(facts, Verdict):
        return Examination(file, None, tuple(lines("file", "", [facts])))
    said = lines("file", "", judge_file(facts))
    agent = await _agent(facts)
    store = None
    checks: list[Check] = []
    if facts.station is not None:
        station = facts.station
        asking = await look(lambda: agents_user((station.identity.key, station.buffer.path)))
        user = agents_user(()) if isinstance(asking, Verdict) else asking
        known, more = await _background(station, user, agent, clock)
        said += more
        store, checks = known.store, _of_station(known, user)
    said += lines("agent", "", judge_agent(agent))
    for found in await asyncio.gather(*map(looking.run, [*_of_machine(agent, clock), *checks])):
        said += found
    return Examination(file, facts.station, tuple(said), agent, store)


async def _agent(facts: FileFacts) -> AgentFacts:
    try:
        store = facts.station.buffer.path if facts.station else store_of(facts.file)
    except StationFileError as error:
        return AgentFacts(None, str(error), None, unknown=True)
    pid = await look(lambda: holder(store, Path("/proc/locks").read_text(encoding="ascii")))
    holds = None if isinstance(pid, Verdict) else pid
    try:
        return AgentFacts(await socket.ask(socket.socket_path(store), timeout_s=LOOK_S), "", holds)
    except socket.NotRunning as error:
        return AgentFacts(None, str(error), holds, hidden=isinstance(error.__cause__, PermissionError))


async def _background(
    station: Station, user: User, agent: AgentFacts, clock: Clock
) -> tuple[Background, list[Line]]:
    """Key and store, on which the checks of the network stand."""
    path = station.identity.key
    key_facts = await look(lambda: look_at_key(path, user))
    said = lines("key", "", [key_facts] if isinstance(key_facts, Verdict) else judge_key(key_facts))
    key = None if isinstance(key_facts, Verdict) or key_facts.public is None else signing_key(path)
    store = await look(lambda: look_at_store(station, key, user))
    said += lines("store", "", [store] if isinstance(store, Verdict) else judge_store(store))
    return Background(station, key, None if isinstance(store, Verdict) else store, agent, clock), said


def _of_machine(agent: AgentFacts, clock: Clock) -> list[Check]:
    return [
        judged("service", "", partial(look_at_service, agent.pid), judge_service),
        judged("clock", "", partial(look_at_clock, clock.wall_ms()), judge_clock),
    ]


def _of_station(known: Background, user: User) -> list[Check]:
    station = known.station
    per_day = forecast(station).volume.bytes_per_day
    checks = [judged("disk", "", partial(look_at_disk, station, per_day), judge_disk)]
    checks += _lines(station, user, known)
    checks += [
        Check("rest", each.id, partial(look_at_destination, known, each), dialling.BOUND_S)
        for each in station.destinations
    ]
    return checks


def _lines(station: Station, user: User, known: Background) -> list[Check]:
    wires = [(line.id, wire_of(line)) for line in station.lines if wire_of(line).machine is None]
    serial = [(name, wire.endpoint.path) for name, wire in wires if isinstance(wire.endpoint, SerialPort)]
    ports = [
        judged("port", name, partial(look_at_port, path, user, known.agent.pid), judge_port)
        for name, path in serial
    ]
    secured = [
        judged("cert", name, partial(_certificates, wire, known.clock.wall_ms()), list)
        for name, wire in wires
        if wire.ca or wire.cert
    ]
    return [*(ports or [judged("port", "", no_ports, list)]), *secured]


def _certificates(wire: LineSettings, wall_ms: int) -> list[Verdict]:
    return judge_files("line", wire.ca, wire.cert, wire.cert_key, wall_ms)
