"""One gateway alone: its starts, and what it costs while it polls and delivers."""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench import captured, probe
from bench.measure import sleep_between_polls
from bench.peers.evidence import Evidence, Message, Witness
from bench.peers.peer import EVERY_S, NotHere, Peer, Value, descendants
from bench.peers.plant import Read
from bench.trace import now_us

START_S = 60.0
LAST_S = 3.0
"""After the windows: until what was read in them has arrived."""
BEFORE_S = 0.5


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to look: starts with an empty store, then windows of whole seconds after some settling."""

    starts: int
    settle_s: float
    windows: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Costs:
    """Medians over the starts and the windows; memory in bytes, at the end."""

    started_s: float
    cpu_us_per_value: float
    memory: probe.Memory


@dataclass(frozen=True, slots=True)
class Steady:
    """Periods are standard deviations over all devices, ms. `read_share`: reads made of those due, 1 when all were."""

    costs: Costs
    read_period_ms: float
    stamped_period_ms: float
    arrived_period_ms: float
    read_share: float
    payload_bytes: float
    packet_bytes: float


def measure(peer: Peer, witness: Witness, pace: Pace) -> Steady:
    """Start it some times anew, and look at it after the last start. NotHere: it delivers nothing."""
    started_s = [_start(peer, witness) for _ in range(pace.starts)]
    try:
        time.sleep(pace.settle_s)
        sleep_between_polls(0)
        marks = [(now_us(), _cpu_ns(peer))]
        for _ in range(pace.windows):
            sleep_between_polls(pace.window_s)
            marks.append((now_us(), _cpu_ns(peer)))
        memory = _memory(peer)
        time.sleep(LAST_S)
    finally:
        peer.kill()
    witness.look()
    mine = witness.of[peer.name]
    costs_us = [
        (after_ns - before_ns) / 1000 / sum(read.width for read in mine.between(from_us, to_us))
        for (from_us, before_ns), (to_us, after_ns) in pairwise(marks)
    ]
    costs = Costs(statistics.median(started_s), statistics.median(costs_us), memory)
    return _steady(peer, mine, (marks[0][0], marks[-1][0]), costs)


def _start(peer: Peer, witness: Witness) -> float:
    """From the start of the process to its first value at the subscriber, s. It runs on."""
    peer.kill()
    peer.renew()
    time.sleep(BEFORE_S)
    witness.look()
    peer.start()
    deadline = time.monotonic() + START_S
    while (came_us := witness.of[peer.name].first_since(peer.began_us)) is None:
        if time.monotonic() > deadline:
            peer.kill()
            raise NotHere(f"no value arrived within {START_S:g} s of its start")
        time.sleep(0.1)
        witness.look()
    return (came_us - peer.began_us) / 1e6


def _steady(peer: Peer, mine: Evidence, span_us: tuple[int, int], costs: Costs) -> Steady:
    from_us, to_us = span_us
    reads = mine.between(from_us, to_us)
    messages = [message for message in mine.messages if from_us <= message.at_us < to_us]
    count = sum(len(message.values) for message in messages)
    due = (to_us - from_us) / 1e6 / EVERY_S * len(peer.site.ports) * peer.site.channels
    return Steady(
        costs=costs,
        read_period_ms=captured.deviation_ms(_instants_us(reads)),
        stamped_period_ms=captured.deviation_ms(
            _by_device(messages, lambda m, v: round(1000 * v.stamped_ms))
        ),
        arrived_period_ms=captured.deviation_ms(_by_device(messages, lambda m, v: m.at_us)),
        read_share=sum(read.width for read in reads) / due,
        payload_bytes=sum(message.payload_bytes for message in messages) / count,
        packet_bytes=sum(message.packet_bytes for message in messages) / count,
    )


def _instants_us(reads: Sequence[Read]) -> list[list[int]]:
    """When each device's first channel was read."""
    by_device: dict[int, list[int]] = defaultdict(list)
    for read in reads:
        if read.first == 0:
            by_device[read.device].append(read.at_us)
    return list(by_device.values())


def _by_device(messages: Sequence[Message], instant_us: Callable[[Message, Value], int]) -> list[list[int]]:
    """An instant of each device's first channel, as it was stamped or as it came."""
    by_device: dict[int, list[int]] = defaultdict(list)
    for message in messages:
        for value in message.values:
            if value.channel == 0:
                by_device[value.device].append(instant_us(message, value))
    return [sorted(instants) for instants in by_device.values()]


def _pids(peer: Peer) -> list[int]:
    return [peer.pid, *descendants(peer.pid)]


def _cpu_ns(peer: Peer) -> int:
    return sum(map(probe.cpu_ns, _pids(peer)))


def _memory(peer: Peer) -> probe.Memory:
    parts = [probe.memory(pid) for pid in _pids(peer)]
    return probe.Memory(*(sum(getattr(part, name) for part in parts) for name in ("peak", "now", "own")))
