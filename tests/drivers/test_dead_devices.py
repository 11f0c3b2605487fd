"""Dead devices on a line: what they cost it, and that the living keep their period.

`python -m bench.silence` measures the same with processes and clocks.
"""

import asyncio
import statistics
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from agent.station import check_station
from agent.tables import settings_of, wire_of
from config.station import Station
from drivers.lines import AnyBus, bus_for
from sim.hosts.rtu_tcp import RtuTcpHost
from sim.served import ServedLog
from sim.twin import Wishes, wires
from tests.drivers.every_fault import Notes, Poll, line_of, world_moment
from tests.drivers.memory_network import run

LINES, PER_LINE, EVERY_S, MINUTES = 4, 8, 5, 5
DEAD = (0, 5, 8, 15, 17, 30)
TIMEOUT_S, GUARD_S = 1.0, 1.0
HEAD = '[station]\nid = "DEAD"\n'
LINE = """
[[line]]
id = "line{line}"
url = "rtu+tcp://127.0.0.1:{port}"
timeout = "1s"
guard = "1s"
"""
DEVICE = """
[[device]]
id = "d{place}"
line = "line{line}"
driver = "modbus"
unit = {unit}
every = "5s"
channel = [ {{ id = "pH", table = "holding", address = 0, type = "float32", unit = "pH" }} ]
"""


def station() -> Station:
    """Nobody knows who is dead before it is asked."""
    text = HEAD
    for line in range(LINES):
        text += LINE.format(line=line, port=47_001 + line)
        for unit in range(1, PER_LINE + 1):
            text += DEVICE.format(line=line, unit=unit, place=line * PER_LINE + unit - 1)
    return check_station(text, Path("station.toml"))


async def polled() -> tuple[list[Poll], list[int]]:
    """Five minutes of all lines: the polls, and how often each dead device was asked."""
    made, served, polls = station(), ServedLog(), list[Poll]()
    silent = tuple(f"silent/d{place}" for place in DEAD)
    built = wires(made, Wishes(faults=silent), served, now=world_moment)
    async with AsyncExitStack() as stack:
        tasks = []
        for number, table in enumerate(made.lines):
            await stack.enter_async_context(RtuTcpHost(built[table.id], port=47_001 + number))
            devices = [settings_of(device) for device in made.devices if device.line == table.id]
            bus: AnyBus = await stack.enter_async_context(
                bus_for(wire_of(table), devices, lambda: 0, jitter=lambda: 1.0)
            )
            tasks.append(asyncio.create_task(line_of(table.id, made, bus, Notes(), polls).run()))
        await asyncio.sleep(60 * MINUTES)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    asked = [built[f"line{place // PER_LINE}"].script.asked(place % PER_LINE + 1) for place in DEAD]
    return polls, asked


@pytest.mark.pure
def test_of_32_devices_on_4_lines_6_are_dead_and_the_living_keep_their_period() -> None:
    polls, asked = run(polled())
    began_s = {f"d{place}": [p.began_s for p in polls if p.device == f"d{place}"] for place in range(32)}
    periods = [
        later - earlier
        for place in set(range(LINES * PER_LINE)) - set(DEAD)
        for earlier, later in pairwise(began_s[f"d{place}"][2:])  # the first poll found out who is dead
    ]
    assert len(periods) >= 26 * (60 * MINUTES / EVERY_S - 4)
    assert statistics.pstdev(periods) < 0.005
    assert max(abs(period - EVERY_S) for period in periods) < 0.005
    for place, questions in zip(DEAD, asked, strict=True):
        dead = [poll for poll in polls if poll.device == f"d{place}"]
        assert questions == len(dead), "one question for each step, and so one timeout"
        longest_s = max(poll.ended_s - poll.began_s for poll in dead)
        assert longest_s < TIMEOUT_S + GUARD_S + TIMEOUT_S + 0.1, "the silence of another one before its own"
        steps_s = [
            round((later - earlier) / EVERY_S) for earlier, later in pairwise(began_s[f"d{place}"][1:])
        ]
        assert steps_s[:5] == [1, 2, 4, 8, 12], "periods: later and later, at least once a minute"
