"""`python -m tests.soak --minutes 10`: the demo station under random faults, what was lost and what grew.

It fails when something is lost, doubled or wrong, when the station does not recover by itself within two minutes, and
when descriptors, threads or tasks of the agent grow. The slope of its memory is told, and judged by whoever reads it.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.soak.run import Report, pace_of, soak


def main() -> int:
    """1: not good; what it left behind is kept then."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1, help="other troubles at other moments")
    parser.add_argument("--keep", type=Path, help="leave everything in this folder, for a look")
    arguments = parser.parse_args()
    os.environ["COVERAGE_PROCESS_CONFIG"] = ""
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="tram-soak-"))
    report = soak(
        folder, pace_of(arguments.minutes * 60), arguments.seed, lambda words: print(words, flush=True)
    )
    print(f"\n{as_text(report)}")
    for complaint in report.complaints:
        print(f"BAD   {complaint}")
    if report.complaints:
        print(f"everything is left in {folder}")
        return 1
    if not arguments.keep:
        shutil.rmtree(folder)
    return 0


def as_text(report: Report) -> str:
    """For people."""
    longest_s, after = max(report.log.recoveries, default=(0.0, "nothing"))
    rows = [
        ("seed", report.seed),
        ("minutes", f"{report.seconds / 60:.1f}"),
        ("answers served", report.served),
        ("records signed and durable", report.records),
        ("lost", report.lost),
        ("doubled", report.doubled),
        ("wrong", len(report.log.wrong)),
        ("gap records", report.gaps),
        ("answers that a kill took along", report.taken_along),
        ("answers whose record says: not received", report.failed),
        ("longest recovery, s", f"{longest_s:.1f} after {after}"),
        ("largest write-ahead log, MB", f"{report.wal_most / 1e6:.2f}"),
    ]
    lines = [f"  {name:<40} {value}" for name, value in rows]
    lines += [f"    {number:>4} x {name}" for name, number in report.log.done.most_common()]
    lines += [f"       - {skipped}" for skipped in report.skipped]
    lines += ["", "  the agent's processes, warmed up    s   RSS MB   MB/h   descriptors   threads   tasks"]
    for stretch in report.stretches:
        slope = "-" if stretch.slope_mb_h is None else f"{stretch.slope_mb_h:+.1f}"
        lines.append(
            f"  {stretch.pid:>24} {stretch.seconds:>12.0f} {stretch.rss_mb:>8.1f} {slope:>6} {stretch.descriptors:>13}"
            f" {stretch.threads:>9} {stretch.tasks:>7}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
