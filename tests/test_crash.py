"""The crash rounds, a few of them: what `make crash` does fifty times."""

from pathlib import Path

import pytest

from tests.crash import ordeal
from tests.system.conftest import unmeasured

__all__ = ["unmeasured"]
pytestmark = pytest.mark.system


def test_an_agent_that_is_killed_again_and_again_loses_nothing_and_invents_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    verdict = ordeal(tmp_path, rounds=5, seed=14, say=said.append)
    assert verdict.account.violations == []
    assert len(said) == verdict.account.rounds == 5
    assert verdict.records >= verdict.at_the_centre > 20
    assert verdict.boots > 1
