"""The promises, in as many worlds as there is time for."""

import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.world.run import run

BUDGET_S = 35.0
AT_LEAST = 48
AT_MOST = 200
AT_ONCE = 8
ROOT = Path(__file__).parent.parent.parent

MUST_STRIKE = (
    "killed",
    "killed after steps",
    "killed at a commit: death just before",
    "killed at a commit: death just after",
    "power cut",
    "disk full",
    "damage",
    "old copy",
    "store lost",
    "clock stepped",
    "centre killed",
    "line cut",
    "line dead",
    "message dropped",
    "message overtaken",
    "message refused",
    "answer garbled",
    "answer late",
    "answer silent",
)


def test_no_world_breaks_a_promise() -> None:
    began_s, done, struck = time.monotonic(), 0, Counter[str]()
    with ProcessPoolExecutor(2) as pool:
        while done < AT_MOST and (done < AT_LEAST or time.monotonic() - began_s < BUDGET_S):
            for outcome in pool.map(run, range(done + 1, done + AT_ONCE + 1)):
                again = f"again: python -m tests.world --seed {outcome.seed} --story"
                assert not outcome.violations, f"{outcome.violations}; {again}"
                struck.update(outcome.faults)
            done += AT_ONCE
    never = [kind for kind in MUST_STRIKE if not struck[kind]]
    assert not never, f"in {done} worlds this never happened: {never}"


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_is_the_same_world_in_every_process(hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "COVERAGE_PROCESS_CONFIG": ""}
    command = [sys.executable, "-c", "from tests.world.run import run; print(run(7).digest)"]
    told = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120
    )
    assert told.stdout.strip() == run(7).digest
