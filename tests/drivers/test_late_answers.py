"""The worst that this product could do is to sign a wrong value: many late answers on many real ptys at once."""

import asyncio
import random
import struct
import time
from collections import deque

import pytest

from drivers.bus import Bus
from drivers.errors import DriverError
from drivers.line import LineSettings
from tests.drivers.raw_slave import Act, RawSlave, on_pty

pytestmark = pytest.mark.system

LINES = 10
READS = 25
TIMEOUT_S = 0.03
GUARD_S = 0.1
LATEST_S = 0.09
"""Later than the timeout by up to 60 ms; 40 ms are left for a machine that is busy with other things."""


class Lateness:
    """Acts for ever: prompt answers, late ones, silence. Late is counted from when the request was sent."""

    def __init__(self, rng: random.Random) -> None:
        self.late = 0
        self._rng = rng

    def act(self, right: bytes) -> list[tuple[float, bytes]]:
        fate = self._rng.random()
        if fate < 0.45:
            return [(0, right)]
        if fate < 0.5:
            return []
        self.late += 1
        delay_s = self._rng.uniform(TIMEOUT_S * 1.02, LATEST_S)
        if fate < 0.9:
            return [(delay_s, right)]
        return [(delay_s, right[:4]), (delay_s + 0.004, right[4:])]


async def one_line(seed: int) -> tuple[int, int, int]:
    """(answered, late, late ones heard) of one line; a wrong value fails the test."""
    rng = random.Random(seed)
    lateness = Lateness(rng)
    slave = RawSlave()
    slave.script = _Endless(lateness.act)
    answered = 0
    async with on_pty(slave) as port:
        line = LineSettings.model_validate(
            {
                "url": f"serial://{port.path}?baudrate=115200",
                "timeout": f"{TIMEOUT_S}s",
                "guard": f"{GUARD_S}s",
            }
        )
        async with Bus(line, lambda: time.monotonic_ns() // 1_000_000) as bus:
            for _ in range(READS):
                unit, address, count = rng.choice([3, 4]), rng.choice([0, 100]), rng.choice([2, 2, 5])
                try:
                    async with asyncio.timeout(rng.choice([None, None, None, GUARD_S + rng.uniform(0, 0.1)])):
                        answer = await bus.exchange(unit, struct.pack(">BHH", 3, address, count))
                except (DriverError, TimeoutError):
                    continue
                answered += 1
                assert list(struct.unpack(f">{count}H", answer.pdu[2:])) == slave.served[-1]
                assert slave.asked[-1][1:] == (unit, 3, address, count)
            return answered, lateness.late, bus.stats.late_frames


class _Endless(deque[Act]):
    """A script that never ends."""

    def __init__(self, act: Act) -> None:
        super().__init__([act])
        self._act = act

    def popleft(self) -> Act:
        return self._act


async def test_late_answers_on_many_lines_at_once_never_give_a_wrong_value() -> None:
    stories = await asyncio.gather(*[one_line(seed) for seed in range(LINES)])
    answered, late, heard = (sum(counts) for counts in zip(*stories, strict=True))
    assert answered > LINES * READS * 0.25
    assert late > LINES * READS * 0.2
    assert heard > late * 0.5
