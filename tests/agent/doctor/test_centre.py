"""What receipts, or their absence, say of the centre."""

from dataclasses import replace

import pytest

from agent.doctor.centre import AgentsView, CentreFacts, ReceiptSeen, judge_centre, view_of
from telemetry.receipt import ReceiptStatus
from tests.agent.doctor.spoken import spoken

pytestmark = pytest.mark.pure

NOW = 1_800_000_000_000
LEDGER, OLDER = b"L" * 16, b"O" * 16
ANSWER = ReceiptSeen(LEDGER, 9, 40, NOW - 200, ReceiptStatus.OK, fresh=True)
KEPT = replace(ANSWER, fresh=False, number=8, wall_ms=NOW - 3_600_000)
VIEW = AgentsView(connected=True, receipt_age_s=12.0, owed=3, trouble="", alarm="")
ASKED = CentreFacts(
    by_receipt=True,
    station="BD_1",
    fingerprint="abcd-efgh",
    ledger=LEDGER,
    newest=40,
    heard=(ANSWER,),
    strangers=(),
    pinned=("aa" * 8,),
    asked=True,
    waited_s=0.4,
    agent=None,
    wall_ms=NOW,
)
RUNS = replace(ASKED, asked=False, heard=(KEPT,), agent=VIEW)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (ASKED, ["ok centre-answers"]),
        (replace(ASKED, heard=(KEPT, ANSWER)), ["ok centre-answers"]),
        (replace(ASKED, heard=(KEPT,)), ["wrong centre-silent"]),
        (replace(ASKED, heard=()), ["wrong centre-never"]),
        (replace(ASKED, heard=(replace(ANSWER, ledger=OLDER),)), ["wrong centre-never"]),
        (replace(ASKED, heard=(), strangers=("bb" * 8,)), ["wrong centre-other-key"]),
        (replace(ASKED, heard=(ANSWER,), strangers=("bb" * 8,)), ["ok centre-answers"]),
        (replace(ASKED, heard=None), ["skipped centre-not-reached"]),
        (replace(ASKED, ledger=None, heard=()), ["skipped centre-nothing-signed"]),
        (replace(ASKED, by_receipt=False, heard=None), ["skipped centre-by-broker"]),
        (
            replace(ASKED, heard=(replace(ANSWER, wall_ms=NOW - 60_000),)),
            ["ok centre-answers", "warning centre-clock"],
        ),
        (
            replace(ASKED, heard=(replace(ANSWER, wall_ms=NOW + 60_000),)),
            ["ok centre-answers", "warning centre-clock"],
        ),
        (replace(ASKED, heard=(replace(KEPT, wall_ms=NOW - 10**8),)), ["wrong centre-silent"]),
    ],
)
def test_asked_by_the_doctor(facts: CentreFacts, said: list[str]) -> None:
    assert spoken(judge_centre(facts)) == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (RUNS, ["ok centre-agent-ok"]),
        (replace(RUNS, heard=None), ["ok centre-agent-ok"]),
        (replace(RUNS, agent=replace(VIEW, receipt_age_s=181.0)), ["wrong centre-agent-old"]),
        (replace(RUNS, agent=replace(VIEW, receipt_age_s=None)), ["wrong centre-agent-none"]),
        (replace(RUNS, agent=replace(VIEW, connected=False, trouble="refused")), ["wrong centre-agent-away"]),
        (
            replace(RUNS, agent=replace(VIEW, alarm="something")),
            ["ok centre-agent-ok", "warning centre-agent-alarm"],
        ),
        (replace(RUNS, heard=(), strangers=("bb" * 8,)), ["wrong centre-other-key"]),
    ],
)
def test_asked_by_the_running_agent(facts: CentreFacts, said: list[str]) -> None:
    assert spoken(judge_centre(facts)) == said


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (ReceiptStatus.RE_ENROL, "wrong centre-says-re-enrol"),
        (ReceiptStatus.FORK, "wrong centre-says-fork"),
        (ReceiptStatus.HOLE, "warning centre-says-hole"),
    ],
)
def test_the_centres_opinion(status: ReceiptStatus, said: str) -> None:
    answer = replace(ANSWER, status=status)
    assert said in spoken(judge_centre(replace(ASKED, heard=(answer,))))
    assert said in spoken(judge_centre(replace(RUNS, heard=(replace(KEPT, status=status),))))


def test_the_newest_word_counts_and_one_that_was_heard_live_before_all() -> None:
    hole = replace(KEPT, number=99, status=ReceiptStatus.HOLE)  # of a store that was restored since
    assert spoken(judge_centre(replace(ASKED, heard=(hole, ANSWER)))) == ["ok centre-answers"]


def test_the_agents_view_is_the_row_of_the_destination() -> None:
    row = {
        "destination": "centre",
        "connected": True,
        "receipt_age_ms": 1_500,
        "owed": 2,
        "trouble": None,
        "alarm": None,
    }
    status = {"destinations": [{"destination": "other"}, row]}
    assert view_of(status, "centre") == AgentsView(True, 1.5, 2, "", "")
    assert view_of(status, "third") is None
    assert view_of(None, "centre") is None
    assert view_of({}, "centre") is None
