"""An error is one line: what, where, evidence, what to do."""

import pytest

from drivers.errors import Garbled, NoAnswer, Refused, Unreachable
from telemetry.reading import Flag

pytestmark = pytest.mark.pure


def test_an_error_is_one_line_with_its_evidence_and_a_hint() -> None:
    error = Garbled("unit 3: no sound answer", hint="check the parity", evidence=bytes.fromhex("f7 03 08"))
    assert str(error) == "unit 3: no sound answer (heard f7 03 08); check the parity"
    assert str(NoAnswer("silence")) == "silence"


def test_long_evidence_is_cut() -> None:
    assert str(Garbled("x", evidence=bytes(200))).endswith("00 ...)")


def test_an_error_says_what_the_missing_readings_carry() -> None:
    assert Unreachable("x").flags == NoAnswer("x").flags == Garbled("x").flags == Flag.NO_COMMUNICATION
    assert Refused("x", code=2).flags == Flag.INSTRUMENT_FAULT
