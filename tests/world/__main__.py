"""`python -m tests.world --seeds 1000 --first 1 --jobs 2`, or one seed with its story: `--seed 4711 --story`."""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from tests.world.run import Outcome, run

AT_ONCE = 8


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--story", action="store_true", help="tell what happened")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        outcome = run(arguments.seed, with_story=arguments.story)
        if arguments.story:
            print(outcome.story)
        return shown([outcome], outcome.cpu_s)
    began_s = time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        return shown(told(pool.map(run, seeds, chunksize=AT_ONCE)), began_s=began_s)


def told(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Each violation when it is known."""
    kept = []
    for number, outcome in enumerate(outcomes, 1):
        for violation in outcome.violations:
            print(f"seed {outcome.seed}: {violation}", flush=True)
        if number % 200 == 0:
            print(f"... {number} seeds", flush=True)
        kept.append(outcome)
    return kept


def shown(outcomes: list[Outcome], wall_s: float = 0.0, *, began_s: float | None = None) -> int:
    """The account of all seeds; 1 when a promise was broken."""
    if began_s is not None:
        wall_s = time.monotonic() - began_s
    faults: Counter[str] = Counter()
    for outcome in outcomes:
        faults.update(outcome.faults)
    for kind, count in sorted(faults.items()):
        print(f"{count:>8}  {kind}")
    bad = [outcome for outcome in outcomes if outcome.violations]
    records = sum(outcome.records for outcome in outcomes)
    days = sum(outcome.virtual_s for outcome in outcomes) / 86_400
    slowest = max(outcome.recovered_s for outcome in outcomes)
    cpu_s = sum(outcome.cpu_s for outcome in outcomes) / len(outcomes)
    print(
        f"seeds {len(outcomes)}, records {records}, virtual days {days:.1f}, faults {faults.total()}, "
        f"violations in {len(bad)} seeds, slowest recovery {slowest / 60:.1f} min, "
        f"{wall_s:.1f} s ({cpu_s:.2f} s CPU a seed)"
    )
    if len(outcomes) == 1:
        print(f"digest {outcomes[0].digest}")
        for violation in outcomes[0].violations:
            print(f"VIOLATION {violation}")
    for outcome in bad[:20] if len(outcomes) > 1 else ():
        print(f"again: python -m tests.world --seed {outcome.seed} --story")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
