"""The way between station and broker: silent in one direction, reset, lossy, narrow, cut."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final, Literal

from agent.rehearsal import Process
from tests.brokers import Mosquitto
from tests.chaos.cable import FAR, PORT, Cable, Way, cable
from tests.chaos.fault import Fault, Outcome
from tests.chaos.outage import EVERY_MS, GAUGES, begin, held, outcome, reckoned, recovery, told
from tests.chaos.reckoning import Reckoning
from tests.system.patience import until
from tests.system.station import Station, destination, station_at

NOTICED_S: Final = 130.0
"""A publish without its PUBACK ends a connection after 60 s, and a dial without an answer fails after 10 s."""
ROUNDS: Final = 5
LOSS: Final = "0.2"
RATE: Final = "32kbit"
RATE_BYTES_PER_S: Final = 4_000


@contextmanager
def at_a_distance(folder: Path) -> Iterator[tuple[Station, Reckoning, Cable, Process]]:
    """A station at work at one end of a cable, broker and centre at the other."""
    with cable() as wire:
        broker = Mosquitto(folder / "broker", extra=[f"listener {PORT} {FAR}"])
        with station_at(folder, broker, gauges=0) as station:
            station.plant.do(wire.move_here)
            station.lines = [station.plant.tcp(f"gauge{n}", every_ms=EVERY_MS) for n in range(GAUGES)]
            station.trust()
            keys = f'["{station.stage.centre_key().resolve()}"]'
            station.describe(destination("centre", wire.url, ack="receipt", receipt_keys=keys))
            agent = begin(station, prefix=wire.into_near)
            yield station, Reckoning(station), wire, agent


def half_open(first: Way) -> Callable[[Path, Random], Outcome]:
    """Packets vanish in one direction until the agent has had enough, then in both."""

    def inject(folder: Path, rng: Random) -> Outcome:
        with at_a_distance(folder) as (station, reckoning, wire, agent):
            began_s = time.monotonic()
            wire.filter(first, "-j", "DROP")
            agent.wait_for("destination.disconnected", within_s=NOTICED_S)
            noticed_s = time.monotonic() - began_s
            why = told(agent, "destination.disconnected")[0]["why"].split(": ", 1)[-1]
            wire.filter("out" if first == "in" else "in", "-j", "DROP")
            held(station, rng.uniform(10, 20))
            dropped = wire.filtered()
            assert dropped > 0, "nothing was dropped"
            ended_s = time.monotonic()
            wire.free()
            back_s = recovery(station, ended_s)
            found = reckoned(station, reckoning)
        words = f"{dropped} packets dropped in {ended_s - began_s:.0f} s"
        return outcome(words, found, back_s, f'noticed after {noticed_s:.0f} s ("{why}")')

    return inject


def resets(folder: Path, rng: Random) -> Outcome:
    """As soon as the station is connected again, or a little later, what it sends is answered with a reset."""
    with at_a_distance(folder) as (station, reckoning, wire, agent):
        sent, ended_s = 0, 0.0
        for _ in range(ROUNDS):
            until(lambda: station.destination("centre")["connected"], "a connection", within_s=60)
            held(station, rng.uniform(0.5, 4))
            wire.filter("in", "-j", "REJECT", "--reject-with", "tcp-reset")
            until(lambda: not station.destination("centre")["connected"], "its end")
            sent += wire.filtered()
            wire.free()
            ended_s = time.monotonic()
        back_s = recovery(station, ended_s)
        found = reckoned(station, reckoning)
        whys = [t["why"] for t in told(agent, "destination.disconnected")]
        connected = len(told(agent, "destination.connected"))
    assert connected > ROUNDS, f"{connected} connections were all that the agent made"
    words = f"{sent} resets, {ROUNDS} connections lost"
    return outcome(words, found, back_s, f'"{whys[0].split(": ", 1)[-1]}"')


def lossy(folder: Path, rng: Random) -> Outcome:
    """One packet in five vanishes, in each direction."""
    with at_a_distance(folder) as (station, reckoning, wire, _):
        for way in ("in", "out"):
            wire.filter(way, "-m", "statistic", "--mode", "random", "--probability", LOSS, "-j", "DROP")
        before = len(station.at_the_centre())
        signed = held(station, 40)
        dropped = wire.filtered()
        assert dropped > 10, f"{dropped} packets were dropped"
        through = len(station.at_the_centre()) - before
        ended_s = time.monotonic()
        wire.free()
        back_s = recovery(station, ended_s)
        found = reckoned(station, reckoning)
    words = f"20 % of the packets dropped each way for 40 s ({dropped})"
    return outcome(words, found, back_s, f"{signed} signed meanwhile, {through} came through")


def narrow(folder: Path, rng: Random) -> Outcome:
    """A line that is hardly faster than the station, with a backlog to carry."""
    with at_a_distance(folder) as (station, reckoning, wire, agent):
        wire.filter("in", "-j", "REJECT", "--reject-with", "tcp-reset")
        agent.wait_for("destination.disconnected", within_s=30)
        held(station, rng.uniform(12, 18))
        before = len(station.at_the_centre())
        backlog = len(station.rows()) - before
        wire.narrow(RATE)
        wire.free()
        began_s = time.monotonic()
        held(station, 60)
        through = len(station.at_the_centre()) - before
        ended_s = time.monotonic()
        sent, waited = wire.widen()
        assert waited > 0, "nothing had to wait"
        assert sent <= RATE_BYTES_PER_S * (ended_s - began_s) * 1.1, f"{sent} B is more than the line carries"
        assert through > 0, "nothing came through"
        back_s = recovery(station, ended_s)
        found = reckoned(station, reckoning)
    words = f"a line of {RATE}/s for 60 s ({sent // 1_000} kB sent)"
    return outcome(words, found, back_s, f"a backlog of {backlog} at its beginning, {through} came through")


def partition(end: Literal["near", "far"]) -> Callable[[Path, Random], Outcome]:
    """The link is down at one end, for less time than anybody needs to notice by silence."""

    def inject(folder: Path, rng: Random) -> Outcome:
        with at_a_distance(folder) as (station, reckoning, wire, agent):
            began_s = time.monotonic()
            wire.plug(end, is_in=False)
            before = station.at_the_centre()
            signed = held(station, rng.uniform(18, 25))
            assert len(station.at_the_centre()) - len(before) < signed / 2, "the link was not down"
            ended_s = time.monotonic()
            wire.plug(end, is_in=True)
            back_s = recovery(station, ended_s)
            found = reckoned(station, reckoning)
            lost = len(told(agent, "destination.disconnected"))
        words = f"the link down for {ended_s - began_s:.0f} s"
        note = f"{signed} signed meanwhile, connection {'lost' if lost else 'kept'}"
        return outcome(words, found, back_s, note)

    return inject


NEEDS: Final = ("root", "netns", "nsenter", "iptables", "mosquitto")

FAULTS: Final = (
    Fault("network half-open, nothing arrives", NEEDS, half_open("in"), short=False, about_s=80),
    Fault("network half-open, no answer arrives", NEEDS, half_open("out"), short=False, about_s=90),
    Fault("network resets", NEEDS, resets, short=False, about_s=40),
    Fault("network loses 20 %", NEEDS, lossy, short=False, about_s=50),
    Fault("network of 32 kbit/s", (*NEEDS, "tc"), narrow, short=False, about_s=95),
    Fault("network cut at the broker", NEEDS, partition("far"), short=False, about_s=35),
    Fault("network cut at the station", NEEDS, partition("near"), short=False, about_s=35),
)
