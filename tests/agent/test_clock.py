"""This machine's clocks, where the machine does not tell everything."""

from pathlib import Path

from agent.clock import SystemClock


def test_a_start_of_the_machine_has_one_name() -> None:
    assert SystemClock().boot_id() == SystemClock().boot_id()
    assert len(SystemClock().boot_id()) == 8


def test_a_machine_that_hides_the_name_of_its_start_has_one_for_each_run(tmp_path: Path) -> None:
    """Two runs on one monotonic clock with two names are judged by the wall clock: less is proven, nothing is wrong."""
    one, other = SystemClock(tmp_path / "boot_id"), SystemClock(tmp_path / "boot_id")
    assert one.boot_id() == one.boot_id() != other.boot_id()
    assert len(one.boot_id()) == 8
