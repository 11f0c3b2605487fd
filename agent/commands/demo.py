"""`tram demo`: the whole story in a minute, on real processes, and a table that says whether it was true."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.outcome import Outcome, table

if TYPE_CHECKING:
    from agent.rehearsal import Rehearsal
    from sim.kinds.kind import Kind
    from sim.reconcile import Verdict
    from sim.staged import StagedStation

LATE, KILLED, FORGED = "wastewater", "ambient-air", "stack"
"""Kinds of stations, and what happens to each."""
LATE_DEVICE = "cod"
EVERY = "2s"
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
    """A station of each kind, a broker stop, a kill -9, a forgery, a replay, a late answer.

    Wastewater, stack, ambient air, surface water, groundwater: docs/examples/stations, polled as they are there.

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

    stage: "StagedStation"
    folder: Path
    killed_mono_ms: tuple[int, int] | None = None
    rejected_before: int = 0
    replayed_before: int = 0

    @property
    def id(self) -> str:
        return self.stage.station.id

    @property
    def file(self) -> Path:
        return self.folder / "station.toml"

    @property
    def key(self) -> Path:
        return self.folder / "keys" / "station.pem"

    def signed(self) -> int:
        """Records in its own ledger."""
        from agent.rehearsal import signed

        return signed(self.folder / "data" / "ledger.db")


@dataclass(slots=True)
class Play:
    """The stage, the actors by kind and the clock of the play."""

    stage: "Rehearsal"
    actors: dict[str, Actor]
    began_s: float = field(default_factory=time.monotonic)

    def say(self, words: str) -> None:
        """One line of progress."""
        click.echo(f"  {time.monotonic() - self.began_s:5.1f} s  {words}")

    async def rest(self, seconds: float) -> None:
        """Let it run, and show that it does."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            await asyncio.sleep(min(left_s, 3.0))
            answers = sum(actor.stage.served.count for actor in self.actors.values())
            if left_s > 1:
                self.say(f"   … {answers} answers served")


async def _play(folder: Path, seed: int) -> list[Outcome]:
    from agent.rehearsal import Rehearsal
    from sim.staged import KINDS, serve

    with Rehearsal(folder) as stage:
        stage.start_centre()
        actors = {kind.file: _actor(kind, folder, seed + 100 * number) for number, kind in enumerate(KINDS)}
        play = Play(stage, actors)
        play.say("a broker and a centre are running")
        async with AsyncExitStack() as on_the_air:
            for actor in actors.values():
                urls = await on_the_air.enter_async_context(serve(actor.stage, actor.folder / "wires"))
                _write_station(actor, urls, stage)
            await _acts(play)
        return [await asyncio.to_thread(_outcome, stage, actor) for actor in actors.values()]


def _actor(kind: "Kind", folder: Path, seed: int) -> Actor:
    from agent.station import load_station
    from sim.served import ServedLog
    from sim.staged import example, staged

    station = load_station(example(kind), elsewhere=True)
    return Actor(staged(kind, station, seed=seed, served=ServedLog(keep=10**6)), folder / station.id)


def _write_station(actor: Actor, urls: Mapping[str, str], stage: "Rehearsal") -> None:
    from telemetry import keyfile

    actor.key.parent.mkdir(parents=True)
    keyfile.create(actor.key)
    destination = DESTINATION.format(url=stage.broker.url, key=stage.centre_key().resolve())
    actor.file.write_text(actor.stage.toml(urls, every=EVERY) + destination, encoding="utf-8")


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
    from sim.staged import described

    for actor in play.actors.values():
        play.stage.start_agent(actor.id, actor.file)
    for actor in play.actors.values():
        await asyncio.to_thread(play.stage.enrol, actor.id, actor.key)
    for words in described([actor.stage for actor in play.actors.values()]):
        play.say(words)


def _late_answer(play: Play) -> None:
    from sim.faults import late

    actor = play.actors[LATE]
    script, unit = actor.stage.script(LATE_DEVICE)
    script.add(late(actor.stage.timeout_s(LATE_DEVICE), 0.2), unit)
    play.say(f"{actor.id}: the COD analyzer answers 0.2 s after the timeout, once")


async def _kill(play: Play) -> None:
    actor = play.actors[KILLED]
    before_ms = _mono_ms()
    play.stage.agents[actor.id].kill()
    play.say(f"{actor.id}: kill -9, in the middle of everything")
    await asyncio.sleep(1)
    agent = play.stage.start_agent(actor.id, actor.file)
    await asyncio.to_thread(agent.wait_for, "UNCLEAN_STOP")
    actor.killed_mono_ms = (before_ms - 1_500, _mono_ms())
    play.say(f"{actor.id}: started again; its boot record says that the stop was unclean")


async def _forge(play: Play) -> None:
    """Somebody at the broker alters one of a station's records, and sends another one a second time."""
    actor = play.actors[FORGED]
    seen = (await asyncio.to_thread(play.stage.at_the_centre))[actor.id]
    actor.rejected_before, actor.replayed_before = seen["rejected"], seen["replayed"]
    genuine = await asyncio.to_thread(_newest_envelope, play.stage, actor.id)
    forged = bytearray(genuine)
    forged[len(genuine) // 2] ^= 0x01
    for payload in (bytes(forged), genuine):
        await play.stage.slip_in(f"tram/1/{actor.id}/live", payload)
    play.say(f"{actor.id}: a forged record and a replayed one are slipped in at the broker")


async def _drained(play: Play) -> None:
    """Until the centre has signed for everything but the freshest records; at most half a minute."""
    for _ in range(30):
        owed = await asyncio.gather(
            *(asyncio.to_thread(play.stage.owed, actor.file) for actor in play.actors.values())
        )
        play.say(f"   … {sum(owed)} records have no receipt yet")
        if max(owed) <= FRESH_RECORDS:
            return
        await play.rest(1)


async def _end(play: Play) -> None:
    await asyncio.gather(*(asyncio.to_thread(agent.stop) for agent in play.stage.agents.values()))
    play.say("the stations are stopped (SIGTERM); the centre has the last word")
    for _ in range(50):
        at_the_centre = await asyncio.to_thread(play.stage.at_the_centre)
        if all(_is_complete(actor, at_the_centre[actor.id]) for actor in play.actors.values()):
            return
        await asyncio.sleep(0.1)


def _is_complete(actor: Actor, seen: dict[str, object]) -> bool:
    ledgers = seen["ledgers"]
    assert isinstance(ledgers, list)
    return int(sum(ledger["verified"] for ledger in ledgers)) >= actor.signed()


def _outcome(stage: "Rehearsal", actor: Actor) -> Outcome:
    from central.verify import verify

    seen = stage.at_the_centre()[actor.id]
    verdict = _verdict(stage, actor)
    kind = actor.stage.kind.file
    injected = kind == FORGED
    return Outcome(
        station=actor.id,
        served=verdict.served,
        late=verdict.late,
        late_expected=kind == LATE,
        unsigned=len(verdict.unsigned),
        unsigned_explained=_explained(verdict, actor),
        signed=actor.signed(),
        received=seen["received"],
        verified=seen["verified"],
        doubled=verdict.doubled,
        forged_rejected=seen["rejected"] - actor.rejected_before if injected else None,
        replay_ignored=seen["replayed"] - actor.replayed_before if injected else None,
        wrong=verdict.wrong,
        proven=all(report.is_proven for report in verify(stage.centre_folder, actor.id)),
    )


def _explained(verdict: "Verdict", actor: Actor) -> bool:
    """Served and never signed is explained by the boot record: in the moment of the kill, one poll of a device."""
    from sim.reconcile import is_one_poll

    if actor.killed_mono_ms is None:
        return not verdict.unsigned
    first_ms, last_ms = actor.killed_mono_ms
    in_time = all(first_ms <= answer.mono_ms <= last_ms for answer in verdict.unsigned)
    return in_time and is_one_poll(verdict.unsigned)


def _verdict(stage: "Rehearsal", actor: Actor) -> "Verdict":
    from central.cycles import cycles
    from sim.reconcile import Stored

    return actor.stage.verdict(
        Stored(cycle.device, cycle.seq, cycle.mono_ms, cycle.values, cycle.flags)
        for cycle in cycles(stage.centre_folder, actor.id)
        if cycle.values
    )


def _newest_envelope(stage: "Rehearsal", station: str) -> bytes:
    from central.cycles import envelopes

    return list(envelopes(stage.centre_folder, station))[-1]


def _mono_ms() -> int:
    from agent.clock import SystemClock

    return SystemClock().mono_ms()
