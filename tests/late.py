"""Late answers by the thousand: is one ever signed as the answer to another question?

Twenty pseudo-terminals at once, three units on each; a third of all answers come late, by anything up to
timeout + guard. Each cycle is read by the real driver over the real bus and signed; afterwards every signed value is
compared with what the simulator served. `python -m tests.late --answers 2000` prints the count.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import NamedTuple

from agent.clock import SystemClock
from agent.flag import ClockTrust
from agent.sign import DevicePlan, Recorder
from buffer.store import Entry
from drivers.bus import Bus
from drivers.driver import DriverSettings
from drivers.errors import DriverError
from drivers.line import LineSettings
from drivers.modbus import ModbusDriver
from drivers.protocols.modbus import Point
from sim.face import Face
from sim.faults import Slow
from sim.hosts.pty import PtyHost
from sim.instrument import Instrument, Quantity
from sim.reconcile import Stored, Verdict, reconcile
from sim.script import Rule, Script
from sim.served import ServedLog
from sim.signals import Constant, Signal
from sim.wire import Wire
from telemetry.envelope import RECORD, Sealer, unseal
from telemetry.keys import KeyRing, SigningKey
from telemetry.ledger import Ledger
from telemetry.pack import PackEncoder, decode_pack
from telemetry.record import Boot, decode_record

TIMEOUT_S, GUARD_S = 0.06, 0.12
UNITS = (1, 2, 3)
LATE_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Ticking:
    """A value that no other request gets: the millisecond, told apart by `lane`. Exact in 32-bit floats."""

    lane: int

    def at(self, utc_s: float, up_s: float) -> float:
        """Between 0 and 2 097 152, in eighths."""
        return (int(utc_s * 1_000) * 8 + self.lane) % 2**24 / 8


class Outcome(NamedTuple):
    """What one run showed."""

    late: int
    silent_cycles: int
    signed_cycles: int
    verdict: Verdict


class Line:
    """One pseudo-terminal with three units, a bus and the drivers."""

    def __init__(self, number: int, served: ServedLog, seed: int) -> None:
        self.number = number
        self.instruments = {unit: _instrument(number, unit) for unit in UNITS}
        lateness = Slow(TIMEOUT_S * 0.98, GUARD_S + TIMEOUT_S * 0.02, name="late")
        script = Script([Rule(lateness, probability=LATE_SHARE)], seed)
        self.host = PtyHost(Wire(f"pty{number}", Face(self.instruments), script, served))

    async def read(self, recorder: Recorder, clock: SystemClock, until: "Enough", guard_s: float) -> None:
        settings = LineSettings.model_validate(
            {"url": f"serial://{self.host.path}?baudrate=115200&parity=N", "timeout": f"{int(TIMEOUT_S * 1000)}ms",
             "guard": f"{int(guard_s * 1000)}ms"}
        )  # fmt: skip
        async with Bus(settings, clock.mono_ms) as bus:
            drivers = {unit: ModbusDriver(_settings(unit), bus.exchange) for unit in UNITS}
            plans = {unit: _plan(self.number, unit) for unit in UNITS}
            while not until.enough():
                for unit, driver in drivers.items():
                    try:
                        cycle = await driver.read()
                    except DriverError:
                        until.silent_cycles += 1
                    else:
                        recorder.readings(plans[unit], cycle.blocks)


class Enough:
    """Counts late answers as they are served."""

    def __init__(self, answers: int, served: ServedLog) -> None:
        self.answers = answers
        self.served = served
        self.silent_cycles = 0

    def late(self) -> int:
        return sum(1 for answer in self.served.kept if answer.faults)

    def enough(self) -> bool:
        return self.late() >= self.answers


def _name(line: int, unit: int) -> str:
    return f"d{line}-{unit}"


def _points(unit: int) -> list[Point]:
    return [
        Point("tick", "holding", 0, "float32", "ABCD", 2, None),
        Point("who", "holding", 2, "uint16", "ABCD", 1, None),
        *([Point("more", "holding", 3, "uint16", "ABCD", 1, None)] if unit == UNITS[-1] else []),
    ]


def _instrument(line: int, unit: int) -> Instrument:
    who = Constant(line * 100 + unit)
    signals: dict[str, Signal] = {"tick": Ticking(unit), "who": who, "more": who}
    return Instrument(_name(line, unit), [Quantity(point, signals[point.channel]) for point in _points(unit)])


def _settings(unit: int) -> DriverSettings:
    channels = [
        {"id": p.channel, "table": p.table, "address": p.address, "type": p.type, "unit": "1"}
        for p in _points(unit)
    ]
    return ModbusDriver.settings.model_validate_json(json.dumps({"unit": unit, "channel": channels}))


def _plan(line: int, unit: int) -> DevicePlan:
    names = tuple(point.channel for point in _points(unit))
    return DevicePlan(
        _name(line, unit), names, PackEncoder("LATE", _name(line, unit), [(n, "1") for n in names]), {}
    )


async def run(answers: int, *, lines: int = 20, seed: int = 1, guard_s: float = GUARD_S) -> Outcome:
    """Until so many late answers were served. Every signed value is compared with what was served.

    Answers are late by up to TIMEOUT_S + GUARD_S, where the promise ends. A simulator on a busy machine is later than
    it was told: where other work runs beside, give the line a longer guard.
    """
    clock, key = SystemClock(), SigningKey.generate()
    served = ServedLog(keep=10**7)
    kept: list[Entry] = []
    recorder = Recorder(
        ledger=Ledger("LATE", b"L" * 16),
        boot=Boot(1, b"bootboot"),
        sealer=Sealer(key, RECORD),
        clock=clock,
        trust=ClockTrust(0),
        keep=kept.append,
        accepting=lambda: True,
    )
    until = Enough(answers, served)
    async with AsyncExitStack() as stack:
        all_lines = [Line(number, served, seed + number) for number in range(lines)]
        for line in all_lines:
            await stack.enter_async_context(line.host)
        async with asyncio.TaskGroup() as tasks:
            for line in all_lines:
                tasks.create_task(line.read(recorder, clock, until, guard_s))
    verdict = reconcile(served.kept, stored(kept, KeyRing([key.public])))
    return Outcome(until.late(), until.silent_cycles, len(kept), verdict)


def stored(kept: Sequence[Entry], ring: KeyRing) -> list[Stored]:
    """The signed records as a reader of the ledger sees them."""
    cycles = []
    for entry in kept:
        record = decode_record(unseal(entry.envelope, RECORD, ring).payload)
        values = {m.channel: m.value for m in decode_pack(record.body) if m.value is not None}
        cycles.append(Stored(entry.device, entry.seq, record.moment.mono_ms, values))
    return cycles


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    outcome = asyncio.run(run(arguments.answers, seed=arguments.seed))
    verdict = outcome.verdict
    print(
        f"late answers {outcome.late}, cycles refused {outcome.silent_cycles}, cycles signed {outcome.signed_cycles}, "
        f"wrong values signed {len(verdict.wrong)}, doubled {verdict.doubled}"
    )
    for wrong in verdict.wrong[:20]:
        print(f"  {wrong}")
    return 1 if verdict.wrong or verdict.doubled or outcome.late < arguments.answers else 0


if __name__ == "__main__":
    sys.exit(main())
