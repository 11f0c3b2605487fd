"""The broker: killed, frozen, refusing, forgetful, and full without a word. The station keeps what it owes."""

import os
import signal
import time
from pathlib import Path
from random import Random
from typing import Final

from tests.brokers import Iotcore, Mosquitto
from tests.chaos.bystander import Bystander
from tests.chaos.fault import Fault, Outcome
from tests.chaos.outage import at_work, begin, held, outcome, reckoned, recovery, told
from tests.system.patience import until
from tests.system.station import destination

NOTICED_S: Final = 100.0
"""A silent broker is noticed within twice the keepalive of 30 s, or 60 s after a publish."""

DROPPED: Final = "$SYS/broker/publish/messages/dropped"
QUEUE: Final = 5
UNDER_WAY: Final = 100
"""The centre's Receive Maximum; mosquitto counts what it may have under way on top of its queue."""
SOME: Final = 10

OPEN: Final = "topic readwrite #\n"
NO_RECORDS: Final = "topic read #\ntopic write tram/1/+/head/+\ntopic write tram/1/+/receipt/+\n"


def killed(folder: Path, rng: Random) -> Outcome:
    """SIGKILL, and the same broker again, which has forgotten everything."""
    with at_work(folder) as (station, reckoning):
        agent = begin(station)
        station.stage.broker.kill()
        agent.wait_for("destination.disconnected")
        away_s = rng.uniform(1, 2)
        signed = held(station, away_s)
        ended_s = time.monotonic()
        station.stage.broker.start()
        back_s = recovery(station, ended_s)
        found = reckoned(station, reckoning)
    return outcome(f"kill -9, back after {away_s:.1f} s", found, back_s, f"{signed} signed meanwhile")


def frozen(folder: Path, rng: Random) -> Outcome:
    """SIGSTOP until the agent notices; the kernel takes bytes for the broker all the while."""
    broker = Iotcore(folder / "broker")
    with at_work(folder, broker) as (station, reckoning):
        agent = begin(station)
        began_s = time.monotonic()
        broker.freeze()
        agent.wait_for("destination.disconnected", within_s=NOTICED_S)
        noticed_s = time.monotonic() - began_s
        signed = held(station, rng.uniform(3, 10))
        ended_s = time.monotonic()
        broker.thaw()
        back_s = recovery(station, ended_s)
        found = reckoned(station, reckoning)
        why = told(agent, "destination.disconnected")[0]["why"].split(": ", 1)[-1]
    words = f"SIGSTOP for {ended_s - began_s:.0f} s, then SIGCONT"
    return outcome(words, found, back_s, f'noticed after {noticed_s:.0f} s ("{why}"), {signed} signed after')


def publishes_refused(folder: Path, rng: Random) -> Outcome:
    """An access list that forbids records and allows the rest, taken back later."""
    broker = Mosquitto(folder / "broker", acl=OPEN)
    with at_work(folder, broker) as (station, reckoning):
        agent = begin(station)
        (broker.folder / "acl").write_text(NO_RECORDS, encoding="utf-8")
        os.kill(broker.pid, signal.SIGHUP)
        agent.wait_for('"fault": "Refused"', within_s=30)
        signed = held(station, rng.uniform(8, 14))
        assert station.destination("centre")["owed"] > signed
        (broker.folder / "acl").write_text(OPEN, encoding="utf-8")
        ended_s = time.monotonic()
        os.kill(broker.pid, signal.SIGHUP)
        back_s = recovery(station, ended_s, within_s=120)
        found = reckoned(station, reckoning)
        why = told(agent, "destination.disconnected")[0]["why"]
        until(lambda: not station.destination("centre")["alarm"], "the end of the alarm")
    return outcome("an ACL forbids live and past, then allows them", found, back_s, f'"{why}"')


def connections_refused(folder: Path, rng: Random) -> Outcome:
    """Everybody is thrown out and asked for a password that nobody has, for a while; the centre too."""
    broker = Mosquitto(folder / "broker")
    with at_work(folder, broker) as (station, reckoning):
        agent = begin(station)
        configuration = broker.folder / "mosquitto.conf"
        text = configuration.read_text(encoding="utf-8")
        configuration.write_text(
            text.replace("allow_anonymous true", "allow_anonymous false"), encoding="utf-8"
        )
        os.kill(broker.pid, signal.SIGHUP)
        agent.wait_for('"fault": "Refused"', within_s=30)
        signed = held(station, rng.uniform(6, 12))
        configuration.write_text(text, encoding="utf-8")
        ended_s = time.monotonic()
        os.kill(broker.pid, signal.SIGHUP)
        back_s = recovery(station, ended_s, within_s=120)
        found = reckoned(station, reckoning)
        refusals = [t["why"] for t in told(agent, "destination.disconnected") if t["fault"] == "Refused"]
    note = f'"{refusals[-1].split(": ", 1)[-1]}", {signed} signed meanwhile'
    return outcome("all clients thrown out and refused as not authorized", found, back_s, note)


def silently_full(folder: Path, rng: Random, *, ack: str = "receipt", for_s: float = 15.0) -> Outcome:
    """The centre stands still, others fill its queue, and the broker acknowledges what it then throws away."""
    broker = Mosquitto(folder / "broker", extra=(f"max_queued_messages {QUEUE}", "sys_interval 1"))
    with at_work(folder, broker) as (station, reckoning), Bystander(broker.url, DROPPED) as others:
        if ack == "broker":
            station.describe(destination("centre", broker.url, ack="broker"))
        begin(station)
        centre = station.stage.centre
        assert centre is not None
        centre.send(signal.SIGSTOP)
        for _ in range(UNDER_WAY + QUEUE + SOME):
            others.say("tram/1/OTHER/live", b"of nobody that the centre knows")
        of_others = until(lambda: _dropped(others), "a full queue")
        held(station, for_s)
        dropped = until(lambda: _dropped(others) - of_others, "messages that the broker dropped")
        ended_s = time.monotonic()
        centre.send(signal.SIGCONT)
        back_s = recovery(station, ended_s)
        found = reckoned(station, reckoning)
        assert station.destination("centre")["connected"]
    words = f"{dropped} messages acknowledged (PUBACK 0x00) and dropped by mosquitto"
    return outcome(words, found, back_s, f"max_queued_messages {QUEUE}, the centre frozen for {for_s:g} s")


def _dropped(witness: Bystander) -> int:
    """What the broker itself counts."""
    return max((int(m.payload) for m in witness.heard if m.topic == DROPPED), default=0)


def forgetful(folder: Path, rng: Random) -> Outcome:
    """Restarted twice: with its store, which keeps retained messages, then without it."""
    data = folder / "broker" / "data"
    data.mkdir(parents=True)
    lines = ("persistence true", f"persistence_location {data}/")
    broker = Mosquitto(folder / "broker", extra=lines)
    with at_work(folder, broker) as (station, reckoning):
        begin(station)
        with Bystander(broker.url) as client:
            client.say("chaos/kept", b"here", retain=True)
        broker.restart()
        assert _retained(broker.url) == ["chaos/kept"], "a store that is kept does not keep"
        station.grows()
        broker.stop()
        size = (data / "mosquitto.db").stat().st_size
        (data / "mosquitto.db").unlink()
        ended_s = time.monotonic()
        broker.start()
        assert _retained(broker.url) == [], "the broker has forgotten nothing"
        back_s = recovery(station, ended_s)
        found = reckoned(station, reckoning)
        topics = until(lambda: _retained(broker.url, "tram/1/#"), "heads and receipts at the broker again")
    words = f"broker restarted, its store of {size} B deleted"
    return outcome(words, found, back_s, f"{len(topics)} retained heads and receipts there again")


def _retained(url: str, topic: str = "chaos/kept") -> list[str]:
    with Bystander(url, topic, name="reader") as reader:
        reader.catch_up()
        return [message.topic for message in reader.heard if message.retained]


MOSQUITTO: Final = ("mosquitto",)

FAULTS: Final = (
    Fault("broker killed and back", (), killed, short=True, about_s=10),
    Fault("broker frozen", (), frozen, short=False, about_s=75),
    Fault("broker refuses publishes", MOSQUITTO, publishes_refused, short=False, about_s=20),
    Fault("broker refuses connections", MOSQUITTO, connections_refused, short=False, about_s=20),
    Fault("broker full, drops silently", MOSQUITTO, silently_full, short=False, about_s=30),
    Fault("broker restarted without its store", MOSQUITTO, forgetful, short=False, about_s=10),
)
