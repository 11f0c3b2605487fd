"""What the stories' processes get."""

import pytest


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No coverage in the processes of a story: a killed one loses it, and it makes their starts three times as long.

    A module whose processes end in order may have a fixture of this name that does nothing.
    """
    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "")
