"""A fixed piece of work in plain Python: how fast this machine is just now, and whether others are using it."""

import hashlib
import os
import struct
import time
from dataclasses import dataclass

ROUNDS = 40_000


@dataclass(frozen=True, slots=True, order=True)
class Calibration:
    """The same work each time. `wall_ms` well above `cpu_ms`: the CPU was shared; the figures are then too high."""

    cpu_ms: float
    wall_ms: float
    load_1min: float


def calibrate() -> Calibration:
    """The best of three."""
    return min(_once() for _ in range(3))


def _once() -> Calibration:
    wall, cpu = time.perf_counter(), time.process_time()
    table: dict[str, float] = {}
    digest = hashlib.sha256()
    for number in range(ROUNDS):
        packed = struct.pack(">If", number, number / 7)
        table[f"ch{number % 50}"] = struct.unpack(">If", packed)[1] * 1.5
        digest.update(packed)
    spent = time.process_time() - cpu, time.perf_counter() - wall
    return Calibration(spent[0] * 1000, spent[1] * 1000, os.getloadavg()[0])
