"""The centre behind a broker: does it answer, with the key that is pinned, and what does it think of us? Pure.

While the agent runs, its own receipts say it. When it does not, the head is sent that it would send, and the centre
answers every head of a station that it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.doctor.verdict import Verdict, ok, skipped, span, warning, wrong
from telemetry.receipt import ReceiptStatus

OLD_S = 180.0
"""The agent asks with a head every 60 s; after three minutes without an answer it raises its own alarm."""
CLOCK_APART_S = 30.0


@dataclass(frozen=True, slots=True)
class ReceiptSeen:
    """A receipt of a pinned key. `fresh`: it came while we listened, the broker did not keep it for us."""

    ledger: bytes
    number: int
    through: int
    wall_ms: int
    status: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class AgentsView:
    """What the running agent says of this destination. Age in s, None: no receipt since it started."""

    connected: bool
    receipt_age_s: float | None
    owed: int
    trouble: str
    alarm: str


@dataclass(frozen=True, slots=True)
class CentreFacts:
    """`heard`: None when the broker did not let us listen. `strangers`: ids of keys that signed and are not pinned.

    `ledger` None: nothing was signed yet, or a new one will begin. `asked`: our head was sent and waited for.
    """

    by_receipt: bool
    station: str
    fingerprint: str
    ledger: bytes | None
    newest: int
    heard: tuple[ReceiptSeen, ...] | None
    strangers: tuple[str, ...]
    pinned: tuple[str, ...]
    asked: bool
    waited_s: float
    agent: AgentsView | None
    wall_ms: int


def view_of(status: Mapping[str, Any] | None, destination: str) -> AgentsView | None:
    """From `tram status`; None when no agent answers, or it does not know the destination yet."""
    rows = status.get("destinations", ()) if status else ()
    row = next((row for row in rows if row.get("destination") == destination), None)
    if row is None:
        return None
    age_ms = row.get("receipt_age_ms")
    return AgentsView(
        connected=bool(row.get("connected")),
        receipt_age_s=None if age_ms is None else age_ms / 1_000,
        owed=int(row.get("owed") or 0),
        trouble=str(row.get("trouble") or ""),
        alarm=str(row.get("alarm") or ""),
    )


def judge_centre(facts: CentreFacts) -> list[Verdict]:
    """The answer first, then what the centre thinks."""
    if not facts.by_receipt:
        return [skipped("centre-by-broker")]
    if facts.heard is None and facts.agent is None:
        return [skipped("centre-not-reached")]
    found = _opinion(facts)
    if not found or facts.agent is None:
        found = [*_answer(facts), *found]
    return [*found, *_agents_words(facts), *_clocks(facts)]


def _answer(facts: CentreFacts) -> list[Verdict]:
    mine = _mine(facts)
    values: dict[str, object] = {
        "station": facts.station,
        "fingerprint": facts.fingerprint,
        "waited": span(facts.waited_s),
        "newest": facts.newest,
    }
    if facts.strangers and not mine:
        keys = {"strangers": ", ".join(facts.strangers), "pinned": ", ".join(facts.pinned)}
        return [wrong("centre-other-key", **keys)]
    if facts.agent is not None:
        return _agents_receipt(facts.agent, values)
    if facts.ledger is None:
        return [skipped("centre-nothing-signed", **values)]
    if mine is not None and mine.fresh:
        return [ok("centre-answers", **values, through=mine.through)]
    if mine is not None:
        age = span(max(0, facts.wall_ms - mine.wall_ms) / 1_000)
        return [wrong("centre-silent", **values, age=age, through=mine.through)]
    return [wrong("centre-never", **values)]


def _agents_receipt(agent: AgentsView, values: dict[str, object]) -> list[Verdict]:
    said = values | {
        "owed": agent.owed,
        "age": "–" if agent.receipt_age_s is None else span(agent.receipt_age_s),
    }
    if not agent.connected:
        return [wrong("centre-agent-away", **said, trouble=agent.trouble or "–")]
    if agent.receipt_age_s is None:
        return [wrong("centre-agent-none", **said)]
    return [
        (wrong if agent.receipt_age_s > OLD_S else ok)(
            "centre-agent-old" if agent.receipt_age_s > OLD_S else "centre-agent-ok", **said
        )
    ]


def _agents_words(facts: CentreFacts) -> list[Verdict]:
    agent = facts.agent
    return [warning("centre-agent-alarm", alarm=agent.alarm)] if agent is not None and agent.alarm else []


_OPINIONS = {
    ReceiptStatus.RE_ENROL: wrong,
    ReceiptStatus.FORK: wrong,
    ReceiptStatus.HOLE: warning,
}


def _opinion(facts: CentreFacts) -> list[Verdict]:
    """What the newest receipt of the current ledger says besides its number."""
    mine = _mine(facts)
    for status, mark in _OPINIONS.items():
        if mine is not None and mine.status == status:
            code = f"centre-says-{status.name.lower().replace('_', '-')}"
            return [mark(code, station=facts.station, fingerprint=facts.fingerprint)]
    return []


def _clocks(facts: CentreFacts) -> list[Verdict]:
    fresh = [seen for seen in facts.heard or () if seen.fresh]
    apart_s = max(((facts.wall_ms - seen.wall_ms) / 1_000 for seen in fresh), key=abs, default=0.0)
    return [warning("centre-clock", apart=span(abs(apart_s)))] if abs(apart_s) > CLOCK_APART_S else []


def _mine(facts: CentreFacts) -> ReceiptSeen | None:
    """The newest receipt of the ledger that is being written."""
    mine = [seen for seen in facts.heard or () if seen.ledger == facts.ledger]
    return max(mine, key=lambda seen: (seen.fresh, seen.number), default=None)
