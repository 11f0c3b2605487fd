"""Some seeds of the world in every test run; `make world` runs as many as one likes."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.world.run import Outcome, run

BUDGET_S = 30.0
FEWEST = 96
MOST = 200
PROCESSES = 2
AT_ONCE = 8

STRUCK = {
    "answer busy",
    "answer garbled",
    "answer late",
    "answer silent",
    "answer under another unit",
    "broker down",
    "broker refuses",
    "centre killed",
    "centre killed at a commit: death in the middle of the log's writing",
    "centre killed at a commit: death just after",
    "centre killed at a commit: death just before",
    "centre restored",
    "centre's disk",
    "clock stepped",
    "clock stepped by the time server",
    "commit fails: an error, and all was written",
    "commit fails: an error, and nothing was written",
    "damage",
    "damaged store read",
    "disk full",
    "disk slow",
    "killed",
    "killed after steps",
    "killed at a commit: death in the middle of the log's writing",
    "killed at a commit: death just after",
    "killed at a commit: death just before",
    "line cut",
    "line dead",
    "message doubled",
    "message dropped",
    "message overtaken",
    "message refused",
    "messages slow",
    "old copy",
    "power cut",
    "quota used up",
    "reloaded",
    "sidecar lost",
    "stopped",
    "store lost",
    "wire down",
}


def _seeds() -> list[Outcome]:
    """The first ones in any case, and more while there is time."""
    began_s = time.monotonic()
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        while len(outcomes) < MOST and (len(outcomes) < FEWEST or time.monotonic() - began_s < BUDGET_S):
            first = len(outcomes) + 1
            outcomes += pool.map(run, range(first, first + AT_ONCE))
    return outcomes


def test_whatever_befalls_the_station_every_promise_is_kept_and_every_kind_of_fault_strikes() -> None:
    outcomes = _seeds()
    assert len(outcomes) >= FEWEST
    assert [(o.seed, o.violations) for o in outcomes if o.violations] == []
    assert sum(outcome.records for outcome in outcomes) > 50 * len(outcomes)
    faults: Counter[str] = Counter()
    for outcome in outcomes[:FEWEST]:
        faults.update(outcome.faults)
    assert STRUCK - {*faults} == set()


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    told = {_story(seed=3, hash_seed=hash_seed) for hash_seed in ("0", "1", "4711")}
    assert len(told) == 1
    (story,) = told
    assert "ledger.open reason=ENROLMENT" in story
    assert "\ndigest " in story


def _story(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.world", "--seed", str(seed), "--story"]
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return "".join(line for line in done.stdout.splitlines(keepends=True) if "CPU a seed" not in line)
