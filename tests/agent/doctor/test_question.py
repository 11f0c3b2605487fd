"""The head that is sent to a centre: only when no agent runs, and the one that the agent would send."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from agent.doctor.destination import Background, question_of
from agent.doctor.ledger import Proof, StoreFacts
from agent.doctor.service import AgentFacts
from agent.doctor.user import User
from agent.start import Start
from agent.station import load_station
from buffer.entry import LedgerHeld, Owed
from telemetry.bodies import BootReason
from telemetry.envelope import HEAD, unseal
from telemetry.head import decode_head
from telemetry.keys import KeyRing
from tests.agent.doctor.bench import NAME, Bench, destination
from tests.agent.hand_clock import HandClock

LEDGER, OLDER = b"L" * 16, b"O" * 16
NOBODY = AgentFacts(None, "nobody", None)
HELD = (LedgerHeld(OLDER, 50, b"o" * 32, 1, 49, 49), LedgerHeld(LEDGER, 8, b"h" * 32, 3, 7, 5))
STORE = StoreFacts(
    path=Path("ledger.db"),
    there=True,
    error=None,
    held=HELD,
    owed=MappingProxyType({"centre": (Owed(OLDER, 1, 49), Owed(LEDGER, 5, 2**62))}),
    next_start=Start(BootReason.CLEAN_STOP, new_ledger=False, before=None, boots=2),
    proof=Proof(7, None),
    strange=(),
    user=User("tram", 990, frozenset()),
    aside=(),
)


@pytest.fixture
def known(tmp_path: Path) -> Background:
    bench = Bench(tmp_path / "station")
    bench.describe(destination("mqtt://127.0.0.1:1883"))
    return Background(load_station(bench.file), bench.key, STORE, NOBODY, HandClock())


def asked(known: Background) -> bool:
    return question_of(known, known.station.destinations[0]) is not None


def test_it_is_the_head_of_the_store_as_it_stands(known: Background) -> None:
    question = question_of(known, known.station.destinations[0])
    assert question is not None
    assert question.topic == f"tram/1/{NAME}/head/{LEDGER.hex()}"
    assert known.key is not None
    head = decode_head(unseal(question.envelope, HEAD, KeyRing([known.key.public])).payload)
    assert (head.station, head.ledger, head.newest, head.newest_hash) == (NAME, LEDGER, 7, b"h" * 32)
    assert (head.lowest_held, head.owed) == (3, ((5, 7),))
    assert head.wall_ms == known.clock.wall_ms()


def test_a_running_agent_asks_itself(known: Background) -> None:
    assert asked(known)
    for agent in (
        AgentFacts({}, "", 7),
        AgentFacts(None, "mute", 7),
        AgentFacts(None, "", None, hidden=True),
    ):
        assert not asked(replace(known, agent=agent))


def test_nothing_is_said_of_a_store_that_will_not_go_on(known: Background) -> None:
    anew = replace(STORE, next_start=Start(BootReason.STORE_RESTORED, new_ledger=True, before=None, boots=2))
    empty = replace(STORE, held=(LedgerHeld(LEDGER, 1, bytes(32), None, None, 0),))
    for store in (anew, empty, replace(STORE, held=()), None):
        assert not asked(replace(known, store=store))


def test_without_a_key_or_without_receipts_there_is_no_question(known: Background) -> None:
    assert not asked(replace(known, key=None))
    by_broker = known.station.destinations[0].model_copy(update={"ack": "broker"})
    assert question_of(known, by_broker) is None
