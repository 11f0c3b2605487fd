"""A gateway that stands still: the few files of /proc that a station asks of itself, with numbers that we know."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from drivers.protocols.modbus import Value
from sim.reconcile import Stored

FILES = {
    "proc/loadavg": "0.52 0.48 0.31 1/345 12345\n",
    "proc/uptime": "93600.00 180000.00\n",
    "proc/meminfo": "MemTotal:        4000000 kB\nMemFree:          900000 kB\nMemAvailable:    2500000 kB\n",
}
SAYS: Mapping[str, Value] = {"load": 0.52, "uptime": 26, "memory_free": 62.5}
"""By channel, in the units of the stations' files (h, %). Of the disk nobody knows what it must be."""


def write(root: Path) -> str:
    """Write the files; the url of the line that leads there."""
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return f"local://{root.resolve()}"


def differing(stored: Iterable[Stored]) -> Iterator[str]:
    """What the records of the gateway have otherwise."""
    for cycle in stored:
        for channel, value in cycle.values.items():
            if channel in SAYS and value != SAYS[channel]:
                yield f"record {cycle.seq} of {cycle.device}: {channel} is {value!r}, {SAYS[channel]!r} is there"
