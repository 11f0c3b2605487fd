"""A calibration valve on another module's input: what its position does to the analyzer's values, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest

from agent.read import Device, Line
from agent.schedule import Due
from agent.sign import DevicePlan
from agent.station import check_station
from agent.status_from import NOBODY, standings_of
from buffer.store import Entry
from drivers.driver import Cycle
from drivers.errors import DriverError, NoAnswer, Refused
from telemetry.envelope import RECORD, unseal
from telemetry.keys import KeyRing
from telemetry.pack import PackEncoder, decode_pack
from telemetry.reading import Block, Flag, Reading
from telemetry.record import Kind, decode_record
from tests.agent.polled_line import KEY, recorder_of
from tests.agent.report import Reported
from tests.virtual_time import VirtualClock, in_virtual_time

CAL, MAINT, SILENT = Flag.CALIBRATION, Flag.MAINTENANCE, Flag.NO_COMMUNICATION

STATION = """
[station]
id = "STACK"

[[line]]
id = "stack"
url = "tcp://127.0.0.1:9"

[[line]]
id = "lan"
url = "tcp://127.0.0.2:9"

[[device]]
id = "gas"
line = "stack"
driver = "modbus"
unit = 1
every = "5s"
channel = [
    { id = "SO2", table = "input", address = 0, type = "float32", unit = "mg/m3" },
    { id = "T", table = "input", address = 2, type = "float32", unit = "degC" },
]

[[device.status_from]]
device = "inputs"
channel = "valve"
flags = { 1 = "calibration" }
flagged = ["SO2"]

[[device.status_from]]
device = "inputs"
channel = "switch"
flags = { 0 = "maintenance", 1 = "valid" }

[[device]]
id = "inputs"
line = "lan"
driver = "modbus"
unit = 2
every = "5s"
channel = [
    { id = "valve", table = "discrete", address = 0, type = "bit" },
    { id = "switch", table = "discrete", address = 1, type = "bit" },
]
"""


class Analyzer:
    """Says two numbers, `takes_s` after it was asked."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.takes_s = 0.02
        self.error: DriverError | None = None
        self.asked = 0

    async def read(self) -> Cycle:
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return Cycle((Block(self.clock.mono_ms(), self.readings()),))

    def readings(self) -> tuple[Reading, ...]:
        return Reading("SO2", 85.0), Reading("T", 21.5)


class Module(Analyzer):
    """Two contacts; the valve closes its one while calibration gas flows, the switch opens for maintenance.

    `answered`: when it said what of the valve, ms.
    """

    valve: int | None = 0
    switch = 1
    doubt = 0

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.answered: list[tuple[int, int | None]] = []

    def readings(self) -> tuple[Reading, ...]:
        self.answered.append((self.clock.mono_ms(), self.valve))
        gone = int(Flag.INSTRUMENT_FAULT) if self.valve is None else self.doubt
        return Reading("valve", self.valve, gone), Reading("switch", self.switch, self.doubt)


class Stack:
    """The station of the file with both devices on the air, and what was signed of the analyzer."""

    def __init__(self, text: str = STATION) -> None:
        self.clock = VirtualClock()
        self.kept: list[Entry] = []
        self.reported = Reported()
        self.gas, self.inputs = Analyzer(self.clock), Module(self.clock)
        station = check_station(text, Path("station.toml"))
        self.standings = standings_of(station, self.clock.mono_ms())
        recorder = recorder_of("STACK", self.clock, self.kept)
        drivers = {"gas": (self.gas, ("SO2", "T")), "inputs": (self.inputs, ("valve", "switch"))}
        self.lines = {}
        for line in station.lines:
            devices = [
                self._device(table.id, *drivers[table.id], table.every_ms)
                for table in station.devices
                if table.line == line.id
            ]
            self.lines[line.id] = Line(line.id, devices, recorder, self.clock, self.reported)

    def _device(self, name: str, driver: Analyzer, channels: tuple[str, ...], every_ms: int) -> Device:
        plan = DevicePlan(name, channels, PackEncoder("STACK", name, [(c, "1") for c in channels]), {})
        device = Device(plan, driver, Due(every_ms, self.clock.mono_ms()))  # type: ignore[arg-type]
        device.source = self.standings.sources.get(name)
        device.standing = self.standings.of.get(name, NOBODY)
        return device

    @asynccontextmanager
    async def polled(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(line.run()) for line in self.lines.values() if line.devices]
        try:
            await asyncio.sleep(1)  # the first poll is at once, the others are on the wall's grid
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def flags(self, channel: str = "SO2") -> list[int]:
        """Of every record of the analyzer so far."""
        ring = KeyRing([KEY.public])
        bodies = [
            decode_record(unseal(entry.envelope, RECORD, ring).payload).body
            for entry in self.kept
            if entry.kind == Kind.READINGS and entry.device == "gas"
        ]
        return [
            measured.flags for body in bodies for measured in decode_pack(body) if measured.channel == channel
        ]


@in_virtual_time
async def test_a_value_is_calibration_gas_while_the_valve_on_another_module_is_open() -> None:
    stack = Stack()
    async with stack.polled():
        await asyncio.sleep(10)
        stack.inputs.valve = 1
        await asyncio.sleep(10)
        stack.inputs.valve = 0
        await asyncio.sleep(10)
    assert stack.flags() == [0, 0, 0, CAL, CAL, 0, 0]
    assert stack.flags("T") == [0] * 7  # it is not the valve's gas that has this temperature
    assert stack.reported.events == []


@in_virtual_time
async def test_the_first_value_of_all_waits_for_the_first_status() -> None:
    stack = Stack()
    stack.inputs.valve, stack.inputs.switch = 1, 0
    stack.gas.takes_s, stack.inputs.takes_s = 0.01, 0.2
    async with stack.polled():
        pass
    assert stack.flags() == [CAL | MAINT]
    assert stack.flags("T") == [MAINT]


@in_virtual_time
async def test_a_valve_that_opens_between_two_polls_is_seen_in_the_same_instant_as_the_value() -> None:
    """The module's answer comes 50 ms after the analyzer's, and still counts for it."""
    stack = Stack()
    stack.inputs.takes_s = 0.07
    async with stack.polled():
        await asyncio.sleep(4)
        stack.inputs.valve = 1
        await asyncio.sleep(1)
    assert stack.flags() == [0, CAL]


@in_virtual_time
async def test_an_analyzer_that_answers_a_hair_before_the_module_is_asked_waits_for_it() -> None:
    stack = Stack()
    stack.gas.takes_s = 0.001
    async with stack.polled():
        (gas,), (inputs,) = (line.devices for line in stack.lines.values())
        for device, late_ms in ((gas, 0), (inputs, 8)):
            device.due = replace(device.due, due_ms=stack.clock.mono_ms() + 4_000 + late_ms)
        assert inputs.source is not None
        inputs.source.due_ms = inputs.due.due_ms
        await asyncio.sleep(3.9)
        stack.inputs.valve = 1
        await asyncio.sleep(0.5)
    assert stack.flags() == [0, CAL]


@in_virtual_time
async def test_a_calibration_between_two_values_flags_the_later_one() -> None:
    """The module is asked every second, the analyzer every five: a valve open for a second is not missed."""
    stack = Stack(STATION.replace('unit = 2\nevery = "5s"', 'unit = 2\nevery = "1s"'))
    async with stack.polled():
        await asyncio.sleep(5)
        stack.inputs.valve = 1
        await asyncio.sleep(1)
        stack.inputs.valve = 0
        await asyncio.sleep(9)
    assert stack.flags() == [0, 0, CAL, 0]


@in_virtual_time
async def test_a_module_that_dies_makes_no_value_good() -> None:
    stack = Stack()
    async with stack.polled():
        await asyncio.sleep(10)
        stack.inputs.error = NoAnswer("no answer in 1 s", hint="check the cable")
        await asyncio.sleep(120)
        stack.inputs.error = None
        await asyncio.sleep(61)
    before, silent, back = stack.flags()[:3], stack.flags()[3:27], stack.flags()[-1]
    assert before == [0, 0, 0]
    assert silent == [0, 0, *[SILENT] * 22]  # the answer of 2.5 periods ago still counts, and no older one
    assert back == 0
    assert stack.reported.events == ["device.silent", "device.partial", "device.back"]
    assert 'its status is unknown, device "inputs" says nothing of "valve"' in str(stack.reported.said[1])


@in_virtual_time
async def test_an_open_valve_stays_open_until_the_module_says_otherwise_or_is_not_believed_any_more() -> None:
    stack = Stack()
    async with stack.polled():
        stack.inputs.valve = 1
        await asyncio.sleep(5)
        stack.inputs.error = NoAnswer("no answer in 1 s", hint="check the cable")
        await asyncio.sleep(15)
    assert stack.flags() == [0, CAL, CAL, CAL, SILENT]


@in_virtual_time
async def test_a_module_that_was_never_heard_makes_no_value_good() -> None:
    stack = Stack()
    stack.inputs.error = NoAnswer("no answer in 1 s", hint="check the cable")
    async with stack.polled():
        await asyncio.sleep(20)
    assert stack.flags() == [SILENT] * 5
    assert stack.flags("T") == [SILENT] * 5


@in_virtual_time
async def test_a_dead_module_costs_the_analyzers_line_a_quarter_of_a_second_once() -> None:
    stack = Stack()
    async with stack.polled():
        stack.inputs.error = NoAnswer("no answer in 1 s", hint="check the cable")
        stack.inputs.takes_s = 1.0
        before = stack.gas.asked
        await asyncio.sleep(600)
    assert stack.gas.asked - before == 120
    late_ms = [entry.mono_ms % 5_000 for entry in stack.kept if entry.device == "gas"]
    assert [(number, ms) for number, ms in enumerate(late_ms) if ms != 20] == [(1, 270)]


@in_virtual_time
async def test_a_status_without_a_value_and_one_in_doubt_give_their_own_flags() -> None:
    stack = Stack()
    async with stack.polled():
        stack.inputs.valve = None
        await asyncio.sleep(5)
        stack.inputs.valve, stack.inputs.doubt = 0, int(Flag.WRONG_IDENTITY)
        await asyncio.sleep(5)
        stack.inputs.doubt = int(Flag.IMPLAUSIBLE)
        await asyncio.sleep(5)
    assert stack.flags() == [0, Flag.INSTRUMENT_FAULT, Flag.WRONG_IDENTITY, 0]


@in_virtual_time
async def test_a_silent_analyzer_in_maintenance_says_both() -> None:
    stack = Stack()
    async with stack.polled():
        stack.inputs.switch = 0
        await asyncio.sleep(5)
        stack.gas.error = Refused("switched off", code=4)
        await asyncio.sleep(5)
    assert stack.flags() == [0, MAINT, MAINT | Flag.INSTRUMENT_FAULT]


@pytest.mark.parametrize("first", ["gas", "inputs"])
def test_on_one_line_the_status_is_asked_before_the_values(first: str) -> None:
    @in_virtual_time
    async def story() -> None:
        one_line = STATION.replace('line = "lan"', 'line = "stack"').replace(
            '[[line]]\nid = "lan"\nurl = "tcp://127.0.0.2:9"\n', ""
        )
        stack = Stack(one_line)
        line = stack.lines["stack"]
        line.devices = sorted(line.devices, key=lambda device: device.plan.device != first)
        async with stack.polled():
            await asyncio.sleep(4)
            stack.inputs.valve = 1
            await asyncio.sleep(1)
        assert stack.flags() == [0, CAL]

    story()


def possible(
    answered: list[tuple[int, int | None]], before_ms: int, now_ms: int, fresh_ms: int
) -> Iterator[int]:
    """The flags of a record, from what the module had answered. What came in one ms with a record is of either."""
    for late, early in product((0, 1), repeat=2):
        heard = [(ms, valve) for ms, valve in answered if ms <= now_ms - late]
        values = [valve for ms, valve in heard if ms >= before_ms + early]
        fresh = bool(heard) and now_ms - heard[-1][0] <= fresh_ms
        values += [heard[-1][1]] if fresh else []
        yield (CAL if 1 in values else 0) | (0 if fresh else SILENT)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_valve_and_module_do_a_value_is_good_only_when_the_module_just_said_so(seed: int) -> None:
    """Twenty minutes of chance, and what was signed compared with what the module had answered until then."""
    rng = Random(seed)
    gas_s, module_s = rng.choice([1, 5, 30]), rng.choice([1, 2, 5, 10])
    text = STATION.replace('unit = 1\nevery = "5s"', f'unit = 1\nevery = "{gas_s}s"')
    text = text.replace('unit = 2\nevery = "5s"', f'unit = 2\nevery = "{module_s}s"')

    @in_virtual_time
    async def story() -> None:
        stack = Stack(text)
        async with stack.polled():
            for _ in range(40):
                stack.gas.takes_s, stack.inputs.takes_s = rng.uniform(0, 0.6), rng.uniform(0, 0.6)
                stack.inputs.valve = rng.choice([0, 0, 1])
                stack.inputs.error = NoAnswer("no answer", hint="") if rng.random() < 0.3 else None
                await asyncio.sleep(rng.expovariate(1 / 30))
        at_ms = [e.mono_ms for e in stack.kept if e.device == "gas" and e.kind == Kind.READINGS]
        flags = stack.flags()
        for before_ms, now_ms, signed in zip([0, *at_ms], at_ms, flags, strict=False):
            assert signed in set(possible(stack.inputs.answered, before_ms, now_ms, 2_500 * module_s))
        assert 0 < flags.count(0) < len(flags)

    story()
