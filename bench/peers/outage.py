"""The broker is stopped under all gateways at once; in the second round they are killed meanwhile. What is lost?"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.peers.evidence import Evidence, Witness
from bench.peers.peer import Peer
from bench.trace import now_us
from mqtt.local_broker import BrokerProcess

BEFORE_US = 2_000_000
"""Values that are on their way when the broker stops are looked at too."""
DEAD_S = 3.0
PHASE_S = 0.2
"""Each kill comes this much later in its second than the one before it."""
READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Length:
    """Of the outage; of the time behind it whose values are still looked at; and how long a value may take then.

    `kills`: how often the gateways are killed in the second outage.
    """

    settle_s: float
    outage_s: float
    tail_s: float
    patience_s: float
    kills: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Counts of values. `due`: what a gateway reads that never sleeps. Times are from the broker's return.

    `fresh_s`: to the first value that was read after it; `backlog_s`: to the last that was read before it; None:
    there was none. `ended`: the gateway ended by itself.
    """

    due: int
    read: int
    lost: int
    fresh_s: float | None
    backlog_s: float | None
    ended: bool


def measure(
    peers: Sequence[Peer], witness: Witness, broker: BrokerProcess, length: Length, *, killed: bool
) -> dict[str, Loss]:
    """One outage for all of them, who start with an empty store. They are killed in it when `killed`."""
    for peer in peers:
        peer.renew()
        peer.start()
    try:
        _wait(lambda: all(_delivers(peer, witness) for peer in peers), witness, READY_S)
        time.sleep(length.settle_s)
        stopped_us, back_us = _outage(peers, broker, length, killed=killed)
        end_us = back_us + round(length.tail_s * 1e6)
        time.sleep(length.tail_s)
        from_us = stopped_us - BEFORE_US
        everything = lambda: all(_lost(witness.of[p.name], from_us, end_us) == 0 for p in peers)  # noqa: E731
        _wait(everything, witness, length.patience_s - length.tail_s)
        ended = {peer.name for peer in peers if not peer.runs}
    finally:
        for peer in peers:
            peer.kill()
    return {
        peer.name: _loss(peer, witness.of[peer.name], from_us, back_us, end_us, ended=peer.name in ended)
        for peer in peers
    }


def _outage(peers: Sequence[Peer], broker: BrokerProcess, length: Length, *, killed: bool) -> tuple[int, int]:
    """When the broker was stopped, and when it was back (µs)."""
    stopped_us = now_us()
    began = time.monotonic()
    broker.stop()
    for number in range(length.kills if killed else 0):
        planned_s = (number + 1) * (length.outage_s / (length.kills + 1) + PHASE_S)
        time.sleep(max(0.0, began + planned_s - time.monotonic()))
        for peer in peers:
            peer.kill()
        time.sleep(DEAD_S)
        for peer in peers:
            peer.start()
    time.sleep(max(0.0, began + length.outage_s - time.monotonic()))
    broker.start()
    return stopped_us, now_us()


def _delivers(peer: Peer, witness: Witness) -> bool:
    return witness.of[peer.name].first_since(peer.began_us) is not None


def _wait(done: Callable[[], bool], witness: Witness, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    witness.look()
    while not done() and time.monotonic() < deadline:
        time.sleep(1.0)
        witness.look()


def _lost(mine: Evidence, from_us: int, end_us: int) -> int:
    return mine.arrivals(mine.between(from_us, end_us)).count(None)


def _loss(peer: Peer, mine: Evidence, from_us: int, back_us: int, end_us: int, *, ended: bool) -> Loss:
    reads = mine.between(from_us, end_us)
    per_s = len(peer.site.ports) * peer.site.channels
    backlog = [at_us for at_us in mine.arrivals(mine.between(from_us, back_us)) if at_us is not None]
    late_us = max((at_us for at_us in backlog if at_us >= back_us), default=None)
    fresh_us = mine.first_since(back_us)
    return Loss(
        due=round((end_us - from_us) / 1e6 * per_s),
        read=sum(read.width for read in reads),
        lost=mine.arrivals(reads).count(None),
        fresh_s=None if fresh_us is None else (fresh_us - back_us) / 1e6,
        backlog_s=None if late_us is None else (late_us - back_us) / 1e6,
        ended=ended,
    )
