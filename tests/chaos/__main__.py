"""`python -m tests.chaos`: every fault on the real agent, one after another, and what was lost."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.catalogue import FAULTS
from tests.chaos.report import rehearse, table


def main() -> int:
    """1: something was lost or doubled, or an invariant does not hold; what it left behind is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="faults with this in their name")
    parser.add_argument("--seed", type=int, default=1, help="for everything that is left to chance")
    parser.add_argument("--short", action="store_true", help="only those that the tests run")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    arguments = parser.parse_args()
    wanted = arguments.only or [""]
    faults = [
        f for f in FAULTS if any(name in f.name for name in wanted) and (f.short or not arguments.short)
    ]
    if not faults:
        parser.error("no fault has such a name; see --list")
    if arguments.list:
        print("\n".join(f"{fault.name:<50} about {fault.about_s} s" for fault in faults))
        return 0
    # The processes of a fault are not measured, and one that is killed would leave half a file.
    os.environ["COVERAGE_PROCESS_CONFIG"] = ""
    folder, began_s, rows = Path(tempfile.mkdtemp(prefix="tram-chaos-")), time.monotonic(), []
    for number, fault in enumerate(faults, 1):
        own = folder / str(number)
        rows.append(rehearse(fault, own, arguments.seed))
        print(rows[-1].line(), flush=True)
        if rows[-1].is_good:
            shutil.rmtree(own, ignore_errors=True)
    bad = sum(not row.is_good for row in rows)
    skipped = sum(bool(row.skipped) for row in rows)
    print(f"\n{table(rows)}\n\nseed {arguments.seed}, {time.monotonic() - began_s:.0f} s: "
          f"{len(rows) - skipped} faults, {skipped} not tried, {bad} bad")  # fmt: skip
    if not bad:
        shutil.rmtree(folder, ignore_errors=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
