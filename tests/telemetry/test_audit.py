"""The auditor: envelopes in any order, and what they prove."""

import random

import pytest

from telemetry import audit as auditing
from telemetry.audit import LedgerReport, audit
from telemetry.bodies import ClockStepBody, EventBody
from telemetry.envelope import RECORD, Sealer
from telemetry.finding import FindingKind
from telemetry.keys import KeyRing, SigningKey
from telemetry.ledger import Ledger
from telemetry.record import Kind
from tests.vectors.world import LEDGER, STATION, STATION_KEY, STRANGER_KEY, Pen, boot_body, cose

pytestmark = pytest.mark.pure

RING = KeyRing([STATION_KEY.public])


def ledger(readings: int = 20) -> list[bytes]:
    pen = Pen()
    return [*pen.start(), *(pen.readings(7.0 + n / 64) for n in range(readings))]


def only(reports: list[LedgerReport]) -> LedgerReport:
    assert len(reports) == 1
    return reports[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_whole_ledger_is_proven_in_any_order(seed: int) -> None:
    envelopes = ledger()
    random.Random(seed).shuffle(envelopes)
    report = only(audit(envelopes, RING))
    assert report.is_proven
    assert (report.station, report.ledger) == (STATION, LEDGER)
    assert (report.verified, report.newest, report.starts_here) == ((1, 23), 23, True)
    assert report.kinds == {0: 1, 1: 20, 4: 2}
    assert report.findings == ()


def test_a_deleted_record_is_a_hole_and_no_excuse() -> None:
    envelopes = ledger()
    report = only(audit([*envelopes[:9], *envelopes[11:]], RING))
    assert not report.is_proven
    assert report.verified == (1, 9)
    assert report.holes == ((10, 11),)
    assert [(f.what, f.seq) for f in report.findings] == [(FindingKind.HOLE, 10)]


def test_an_export_from_the_middle_is_proven_from_where_it_starts() -> None:
    report = only(audit(ledger()[10:], RING))
    assert report.is_proven
    assert report.verified == (11, 23)
    assert not report.starts_here
    assert report.holes == ()


def test_an_edited_record_is_a_bad_signature_and_leaves_a_hole() -> None:
    envelopes = ledger()
    envelopes[5] = envelopes[5][:-1] + bytes((envelopes[5][-1] ^ 1,))
    report = only(audit(envelopes, RING))
    assert [(f.what, f.seq) for f in report.findings] == [
        (FindingKind.BAD_SIGNATURE, 6),
        (FindingKind.HOLE, 6),
    ]


def test_duplicates_are_counted_and_harmless() -> None:
    envelopes = ledger()
    report = only(audit([*envelopes, *envelopes[:7]], RING))
    assert report.is_proven
    assert report.duplicates == 7


def test_a_ledger_has_one_key() -> None:
    other = SigningKey.generate()
    pen = Pen()
    envelopes = [*pen.start(), pen.readings()]
    pen.sealer = Sealer(other, RECORD)
    envelopes.append(pen.readings())
    report = only(audit(envelopes, KeyRing([STATION_KEY.public, other.public])))
    assert report.verified == (1, 4)
    assert [(f.what, f.seq) for f in report.findings] == [(FindingKind.REJECTION, 5)]


def test_a_boot_record_names_the_key_that_signed_it() -> None:
    pen = Pen(sealer=Sealer(STRANGER_KEY, RECORD))
    report = only(audit([pen.write(Kind.BOOT, boot_body().encode())], KeyRing([STRANGER_KEY.public])))
    assert report.verified is None
    assert not report.is_proven
    assert [f.what for f in report.findings] == [FindingKind.REJECTION]


def test_bytes_that_name_no_ledger_are_reported_under_none() -> None:
    reports = audit([*ledger(1), b"noise", cose(b"\x00")], RING)
    assert [(r.station, r.ledger) for r in reports] == [(STATION, LEDGER), ("", b"")]
    assert [f.what for f in reports[1].findings] == [FindingKind.REJECTION] * 2
    assert reports[1].verified is None


def test_a_key_that_is_not_trusted_is_said() -> None:
    report = only(audit(ledger(1), KeyRing([])))
    assert {f.what for f in report.findings} == {FindingKind.UNKNOWN_KEY}
    assert len(report.of_kind(FindingKind.UNKNOWN_KEY)) == 4


def test_a_kind_of_a_later_version_does_not_spoil_the_proof() -> None:
    pen = Pen()
    envelopes = [*pen.start(), pen.write(99, b"\x00"), pen.write(Kind.EVENT, EventBody("x").encode())]
    report = only(audit(envelopes, RING))
    assert report.is_proven
    assert [f.what for f in report.findings] == [FindingKind.FOREIGN_KIND]


@pytest.mark.parametrize("stated", [True, False])
def test_a_clock_step_spoils_the_proof_unless_the_station_said_so(stated: bool) -> None:
    pen = Pen()
    envelopes = pen.start()
    body = ClockStepBody(1, 2, 3).encode() if stated else EventBody("x").encode()
    envelopes.append(pen.write(Kind.CLOCK_STEP if stated else Kind.EVENT, body, step_ms=60_000))
    report = only(audit(envelopes, RING))
    assert [f.what for f in report.findings] == [FindingKind.CLOCK_STEP]
    assert report.is_proven is stated


def test_two_stations_are_two_reports_and_no_news() -> None:
    other = Pen(Ledger("OTHER", LEDGER))
    reports = audit([*ledger(1), *other.start()], RING)
    assert [r.station for r in reports] == [STATION, "OTHER"]
    assert all(r.is_proven for r in reports)


def test_a_long_export_from_the_middle_does_not_wait_for_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditing, "_MOST_WAITING", 10)
    envelopes = ledger(60)
    assert only(audit(envelopes[20:], RING)).is_proven
    late = only(audit([*envelopes[20:], *envelopes[5:20]], RING))
    assert late.is_proven
    assert late.verified == (6, 63)
