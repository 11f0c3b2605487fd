"""docs/wire.md says what the code does: its tables and its walk are held against them."""

import re
from pathlib import Path

import pytest

from telemetry.bodies import BootReason, GapReason
from telemetry.envelope import HEAD, MAX_ENVELOPE_BYTES, RECEIPT, RECORD
from telemetry.finding import FindingKind
from telemetry.reading import RULES, is_valid, words
from telemetry.receipt import ReceiptStatus
from telemetry.record import ClockState, Kind
from tests.telemetry.receiver import REASONS
from tests.telemetry.test_vectors import FORGED, VALID
from tests.vectors import walk

PAGE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")


def flags_table() -> str:
    """The flags as section 5 shows them."""
    rows = ["| bit | flag | measurement | priority | TT10 | HJ 212 |", "|---|---|---|---|---|---|"]
    for rule in RULES:
        bit = int(rule.flag).bit_length() - 1
        rows.append(
            f"| {bit} | {rule.words} | {'yes' if rule.valid else 'no'} | {rule.priority} | {rule.tt10} | {rule.hj212} |"
        )
    return "\n".join(rows)


def test_the_walk_is_through_the_vector_and_through_every_byte_of_it() -> None:
    walked = walk.walk()
    assert walked in PAGE, "run: python -m tests.vectors.walk, and put it into section 12"
    shown = "".join(re.sub(r"\s", "", line[6:54]) for line in walked.splitlines())
    assert shown == next(case["envelope"] for case in VALID["cases"] if case["name"] == walk.NAME)


def test_the_flags_are_those_of_the_code() -> None:
    assert flags_table() in PAGE


@pytest.mark.parametrize("names", [BootReason, GapReason, ReceiptStatus, ClockState])
def test_the_numbers_are_those_of_the_code(
    names: type[BootReason | GapReason | ReceiptStatus | ClockState],
) -> None:
    flat = re.sub(r"\s*\n\s*;?\s*", " ", PAGE)
    said = " ".join(f"{member.value} {member.name.lower().replace('_', ' ')}" for member in names)
    assert said.replace("re enrol", "re-enrol") in flat


def test_the_kinds_are_those_of_the_code() -> None:
    for kind in (k for k in Kind if k < Kind.AVERAGES):
        assert re.search(
            rf"\| {kind.value} \| {kind.name.lower().replace('_', '[ -]').replace('handover', 'hand-over')} \|",
            PAGE,
        )


def test_types_limits_findings_and_reasons_are_named() -> None:
    for said in (RECORD, RECEIPT, HEAD, str(MAX_ENVELOPE_BYTES)):
        assert said in PAGE
    for kind in FindingKind:
        assert f"`{kind.value}`" in PAGE
    for reason in {*REASONS.values(), *(case["refused_as"] for case in FORGED["cases"])}:
        assert f"`{reason}`" in PAGE


@pytest.mark.pure
def test_flags_are_said_in_order_of_importance() -> None:
    assert words(0b1001) == ("no communication", "calibration")
    assert is_valid(0)
    assert is_valid(1 << 7 | 1 << 11)
    assert not is_valid(1 << 7 | 1 << 3)
