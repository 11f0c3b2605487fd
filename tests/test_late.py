"""The worst thing this product could do is to sign another question's answer."""

import pytest

from tests.late import run

pytestmark = pytest.mark.system


async def test_late_answers_on_twenty_lines_are_never_signed_as_another_questions() -> None:
    outcome = await run(150, guard_s=0.8)
    assert outcome.late >= 150
    assert outcome.signed_cycles > 150
    assert outcome.verdict.wrong == ()
    assert outcome.verdict.doubled == 0
