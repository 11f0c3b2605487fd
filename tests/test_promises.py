"""Each promise on the page names a test that is there, and has a figure."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
PROMISED, _, NOT_PROMISED = PAGE.partition("## What is not promised")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PROMISED.splitlines()
    if line.startswith("| ") and not line.startswith("| promise ")
]


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def test_there_are_promises_and_limits() -> None:
    assert len(ROWS) >= 20
    for limit in ("Root on the gateway", "analyzer", "tail of an outage"):
        assert limit in NOT_PROMISED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_promise_is_one_sentence_with_a_test_and_a_figure(row: list[str]) -> None:
    promise, shown_by, last_run = row
    assert promise.endswith(".")
    assert last_run
    assert "@@" not in last_run
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", shown_by)
    commands = re.findall(r"`make (\w+)", shown_by)
    assert named or commands
    for path, test in named:
        assert not test or test in names_in(path), f"{path} has no {test}"
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in commands:
        assert re.search(rf"^{command}:", targets, re.MULTILINE), f"there is no make {command}"


def test_each_selection_of_faults_finds_some() -> None:
    from tests.chaos.catalogue import FAULTS

    selections = re.findall(r'make chaos ONLY="?([^"`]+)"?`', PROMISED)
    assert len(selections) > 10
    for selection in selections:
        assert any(selection in fault.name for fault in FAULTS), selection
