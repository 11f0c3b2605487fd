"""The check of one destination: its certificates, its broker, the centre behind it."""

from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.doctor.bounded import asked
from agent.doctor.broker import judge_broker
from agent.doctor.centre import CentreFacts, judge_centre, view_of
from agent.doctor.certificates import judge_files
from agent.doctor.dialling import Heard, Question, look_at_broker
from agent.doctor.ledger import StoreFacts
from agent.doctor.service import AgentFacts
from agent.doctor.verdict import Line, lines
from config.station import Destination, Station
from telemetry import keyfile
from telemetry.envelope import HEAD, Sealer
from telemetry.head import Head
from telemetry.keys import KeyRefused, KeyRing, SigningKey, fingerprint
from telemetry.ranges import clip


@dataclass(frozen=True, slots=True)
class Background:
    """What is known of the station before its network is looked at. None: it could not be had."""

    station: Station
    key: SigningKey | None
    store: StoreFacts | None
    agent: AgentFacts
    clock: Clock


async def look_at_destination(known: Background, destination: Destination) -> list[Line]:
    """All its lines, in the order of the way to the centre."""
    files = (destination.ca, destination.cert, destination.cert_key)
    certificates = await asked(lambda: judge_files("ca", *files, known.clock.wall_ms()))
    said = lines("cert", destination.id, certificates)
    keys = await asked(lambda: pinned(destination))
    question = question_of(known, destination)
    broker, heard = await look_at_broker(known.station, destination, keys, question)
    said += judge_broker(destination.id, broker, known.clock.wall_ms())
    return said + lines("centre", destination.id, judge_centre(_centre(known, destination, keys, heard)))


def question_of(known: Background, destination: Destination) -> Question | None:
    """The head that the agent would send. None while it runs, for then it asks itself; and while nothing is signed."""
    held = known.store.current if known.store else None
    runs = known.agent.status is not None or known.agent.pid is not None or known.agent.hidden
    if runs or known.key is None or held is None or held.next_seq == 1 or destination.ack != "receipt":
        return None
    assert known.store is not None
    newest = held.next_seq - 1
    owed = [
        (each.first, each.last)
        for each in known.store.owed.get(destination.id, ())
        if each.ledger == held.ledger
    ]
    head = Head(
        station=known.station.id,
        ledger=held.ledger,
        newest=newest,
        newest_hash=held.prev,
        lowest_held=held.lowest or 0,
        owed=clip(owed, 1, newest),
        wall_ms=known.clock.wall_ms(),
        clock=known.clock.quality(),
    )
    topic = f"{destination.root}/{known.station.id}/head/{held.ledger.hex()}"
    return Question(topic, Sealer(known.key, HEAD).seal(head.encode()), held.ledger)


def pinned(destination: Destination) -> KeyRing:
    """The centre's keys that can be read; the file's own check says which cannot."""
    found = []
    for path in destination.receipt_keys:
        public = _public(path)
        if public is not None:
            found.append(public)
    return KeyRing(found)


def _public(path: Path) -> bytes | None:
    try:
        return keyfile.load_public(path)
    except (keyfile.KeyFileError, KeyRefused):
        return None


def _centre(known: Background, destination: Destination, keys: KeyRing, heard: Heard | None) -> CentreFacts:
    held = known.store.current if known.store else None
    return CentreFacts(
        by_receipt=destination.ack == "receipt",
        station=known.station.id,
        fingerprint=fingerprint(known.key.public) if known.key else "–",
        ledger=held.ledger if held and held.next_seq > 1 else None,
        newest=held.next_seq - 1 if held else 0,
        heard=heard.receipts if heard else None,
        strangers=heard.strangers if heard else (),
        pinned=tuple(kid.hex() for kid in keys),
        asked=bool(heard and heard.asked),
        waited_s=heard.waited_s if heard else 0.0,
        agent=view_of(known.agent.status, destination.id),
        wall_ms=known.clock.wall_ms(),
    )
