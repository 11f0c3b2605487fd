"""`tram demo`: the whole story in a minute, on real processes, and a table that says whether it was true."""

import asyncio
import random
import signal
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.outcome import Outcome, table

if TYPE_CHECKING:
    from agent.rehearsal import Rehearsal
    from sim.reconcile import Verdict
    from sim.served import ServedLog
    from sim.stations import DemoStation

STATIONS = ("BD_VSIP_NUO001", "BD_MYPH_NUO002", "BD_SOTH_KHI003")
LATE, KILLED, FORGED = STATIONS
TIMEOUT_S = 0.5
FRESH_RECORDS = 40
DESTINATION = """
[[destination]]
id = "so-tnmt"
kind = "mqtt"
url = "{url}"
ack = "receipt"
receipt_keys = ["{key}"]
"""


@click.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Keep everything in this folder, for a look.")
@click.option("--seed", default=1, show_default=True, help="Other instruments' values.")
def demo(keep: Path | None, seed: int) -> None:
    """Three stations of ten instruments, a broker stop, a kill -9, a forgery, a replay, a late answer.

    Exits 0 only if every value at the centre is one that an instrument served, and nothing is lost or doubled.

    Example: tram demo
    """
    from agent.rehearsal import refuse_what_is_there

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or all of the stage stays behind
    with tempfile.TemporaryDirectory(prefix="tram-demo-") as temporary:
        refuse_what_is_there(keep or Path(temporary))
        rows = asyncio.run(_play(keep or Path(temporary), seed))
    click.echo(table(rows))
    failures = [f"{row.station}: {failure}" for row in rows for failure in row.failures()]
    for failure in failures:
        click.echo(f"  ✗ {failure}")
    if failures:
        raise click.exceptions.Exit(1)
    click.echo("  ✓ nothing lost, nothing doubled, nothing false")


@dataclass(slots=True)
class Actor:
    """One station of the play: its instruments, its files, what happened to it."""

    id: str
    station: "DemoStation"
    served: "ServedLog"
    folder: Path
    killed_mono_ms: tuple[int, int] | None = None
    rejected_before: int = 0
    replayed_before: int = 0

    @property
    def file(self) -> Path:
        return self.folder / "station.toml"

    @property
    def key(self) -> Path:
        return self.folder / "keys" / "station.pem"


@dataclass(slots=True)
class Play:
    """The stage, the actors and the clock of the play."""

    stage: "Rehearsal"
    actors: dict[str, Actor]
    rng: random.Random
    began_s: float = field(default_factory=time.monotonic)

    def say(self, words: str) -> None:
        """One line of progress."""
        click.echo(f"  {time.monotonic() - self.began_s:5.1f} s  {words}")

    async def rest(self, seconds: float) -> None:
        """Let it run, and show that it does."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            await asyncio.sleep(min(left_s, 3.0))
            answers = sum(actor.served.count for actor in self.actors.values())
            if left_s > 1:
                self.say(f"   … {answers} answers served")


async def _play(folder: Path, seed: int) -> list[Outcome]:
    from agent.rehearsal import Rehearsal
    from sim.stations import serve

    with Rehearsal(folder) as stage:
        stage.start_centre()
        actors = {name: _actor(name, folder, seed + number) for number, name in enumerate(STATIONS)}
        play = Play(stage, actors, random.Random(seed))  # noqa: S311 - a play, no secrets
        play.say("a broker and a centre are running")
        async with AsyncExitStack() as on_the_air:
            for actor in actors.values():
                place = await on_the_air.enter_async_context(serve(actor.station))
                _write_station(actor, dict(place.urls), stage)
            await _acts(play)
        return [await asyncio.to_thread(_outcome, stage, actor) for actor in actors.values()]


def _actor(name: str, folder: Path, seed: int) -> Actor:
    from sim.served import ServedLog
    from sim.stations import demo_station

    served = ServedLog(keep=10**6)
    return Actor(name, demo_station(name, seed=seed, served=served), served, folder / name)


def _write_station(actor: Actor, urls: dict[str, str], stage: "Rehearsal") -> None:
    from telemetry import keyfile

    actor.key.parent.mkdir(parents=True)
    keyfile.create(actor.key)
    destination = DESTINATION.format(url=stage.broker.url, key=stage.centre_key().resolve())
    text = actor.station.toml(urls, timeout=f"{int(TIMEOUT_S * 1_000)}ms", guard="500ms")
    actor.file.write_text(text + destination, encoding="utf-8")


async def _acts(play: Play) -> None:
    await _begin(play)
    await play.rest(4)
    _late_answer(play)
    await play.rest(4)
    await asyncio.to_thread(play.stage.broker.kill)
    play.say("the broker is killed; stations go on polling and keep what they sign")
    await play.rest(4)
    await _kill(play)
    await play.rest(5)
    await asyncio.to_thread(play.stage.broker.start)
    play.say("the broker is back; fresh records first, then the backlog")
    await play.rest(4)
    await _drained(play)
    await _forge(play)
    await play.rest(2)
    await _end(play)


async def _begin(play: Play) -> None:
    for actor in play.actors.values():
        play.stage.start_agent(actor.id, actor.file)
    for actor in play.actors.values():
        await asyncio.to_thread(play.stage.enrol, actor.id, actor.key)
    play.say("three stations poll ten instruments each, six on TCP and four on one serial line; enrolled")


def _late_answer(play: Play) -> None:
    from sim.faults import late

    script, unit = play.actors[LATE].station.script("cod")
    script.add(late(TIMEOUT_S, 0.2), unit)
    play.say(f"{LATE}: the COD analyzer answers 0.2 s after the timeout, once")


async def _kill(play: Play) -> None:
    actor = play.actors[KILLED]
    before_ms = _mono_ms()
    play.stage.agents[KILLED].kill()
    play.say(f"{KILLED}: kill -9, in the middle of everything")
    await asyncio.sleep(1)
    agent = play.stage.start_agent(KILLED, actor.file)
    await asyncio.to_thread(agent.wait_for, "UNCLEAN_STOP")
    actor.killed_mono_ms = (before_ms - 1_500, _mono_ms())
    play.say(f"{KILLED}: started again; its boot record says that the stop was unclean")


async def _forge(play: Play) -> None:
    """Somebody at the broker alters one of a station's records, and sends another one a second time."""
    actor = play.actors[FORGED]
    seen = (await asyncio.to_thread(play.stage.at_the_centre))[FORGED]
    actor.rejected_before, actor.replayed_before = seen["rejected"], seen["replayed"]
    genuine = await asyncio.to_thread(_newest_envelope, play.stage, FORGED)
    forged = bytearray(genuine)
    forged[len(genuine) // 2] ^= 0x01
    await _publish(play.stage, f"tram/1/{FORGED}/live", bytes(forged))
    await _publish(play.stage, f"tram/1/{FORGED}/live", genuine)
    play.say(f"{FORGED}: a forged record and a replayed one are slipped in at the broker")


async def _publish(stage: "Rehearsal", topic: str, payload: bytes) -> None:
    from mqtt.broker import Broker, parse_url
    from mqtt.session import connect

    address = parse_url(stage.broker.url)
    async with connect(Broker(address.host, address.port, "somebody-else")) as session:
        await session.publish(topic, payload)


async def _drained(play: Play) -> None:
    """Until the centre has signed for everything but the freshest records; at most half a minute."""
    for _ in range(30):
        owed = [await asyncio.to_thread(play.stage.owed, actor.file) for actor in play.actors.values()]
        play.say(f"   … {sum(owed)} records have no receipt yet")
        if max(owed) <= FRESH_RECORDS:
            return
        await play.rest(1)


async def _end(play: Play) -> None:
    await asyncio.gather(*(asyncio.to_thread(agent.stop) for agent in play.stage.agents.values()))
    play.say("the stations are stopped (SIGTERM); the centre has the last word")
    for _ in range(50):
        at_the_centre = await asyncio.to_thread(play.stage.at_the_centre)
        missing = [name for name in STATIONS if not _is_complete(play, name, at_the_centre[name])]
        if not missing:
            return
        await asyncio.sleep(0.1)


def _is_complete(play: Play, name: str, seen: dict[str, object]) -> bool:
    ledgers = seen["ledgers"]
    assert isinstance(ledgers, list)
    return int(sum(ledger["verified"] for ledger in ledgers)) >= _signed(play.actors[name])


def _outcome(stage: "Rehearsal", actor: Actor) -> Outcome:
    from central.verify import verify

    seen = stage.at_the_centre()[actor.id]
    verdict = _verdict(stage, actor)
    injected = actor.id == FORGED
    return Outcome(
        station=actor.id,
        served=verdict.served,
        late=verdict.late,
        late_expected=actor.id == LATE,
        unsigned=len(verdict.unsigned),
        unsigned_explained=_explained(verdict, actor),
        signed=_signed(actor),
        received=seen["received"],
        verified=seen["verified"],
        doubled=verdict.doubled,
        forged_rejected=seen["rejected"] - actor.rejected_before if injected else None,
        replay_ignored=seen["replayed"] - actor.replayed_before if injected else None,
        wrong=verdict.wrong,
        proven=all(report.is_proven for report in verify(stage.centre_folder, actor.id)),
    )


def _explained(verdict: "Verdict", actor: Actor) -> bool:
    """Served and never signed is explained by the boot record: in the moment of the kill, once per device."""
    if actor.killed_mono_ms is None:
        return not verdict.unsigned
    first_ms, last_ms = actor.killed_mono_ms
    devices = [answer.device for answer in verdict.unsigned]
    in_time = all(first_ms <= answer.mono_ms <= last_ms for answer in verdict.unsigned)
    return in_time and len(devices) == len(set(devices))


def _verdict(stage: "Rehearsal", actor: Actor) -> "Verdict":
    from central.cycles import cycles
    from sim.reconcile import Stored, reconcile

    stored = [
        Stored(cycle.device, cycle.seq, cycle.mono_ms, cycle.values)
        for cycle in cycles(stage.centre_folder, actor.id)
        if cycle.values
    ]
    return reconcile(actor.served.kept, stored)


def _newest_envelope(stage: "Rehearsal", station: str) -> bytes:
    from central.cycles import envelopes

    return list(envelopes(stage.centre_folder, station))[-1]


def _signed(actor: Actor) -> int:
    """Records in the station's own ledger."""
    from buffer.snapshot import open_snapshot

    with open_snapshot(actor.folder / "data" / "ledger.db") as store:
        return sum(ledger.next_seq - 1 for ledger in store.ledgers())


def _mono_ms() -> int:
    from agent.clock import SystemClock

    return SystemClock().mono_ms()
