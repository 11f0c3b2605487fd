"""A past that never was: a ledger as the agent would have written it in weeks without a centre, made in seconds.

The real recorder signs, the real store keeps; only the clock is ours.
"""

import asyncio
import os
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.configuration import configuration_of
from agent.field import plan_of
from agent.flag import ClockTrust
from agent.ledger import NOTE_CONFIGURATION
from agent.sign import DevicePlan, Recorder
from agent.start import NOTE_BOOTS, NOTE_SIGNER
from agent.station import load_station
from agent.version import SOFTWARE
from buffer.store import Entry, Store, Tail
from config.station import Station
from telemetry import keyfile
from telemetry.bodies import BootBody, BootReason
from telemetry.envelope import RECORD, Sealer
from telemetry.keys import SigningKey
from telemetry.ledger import Ledger
from telemetry.reading import Block, Reading
from telemetry.record import Boot, ClockState

BATCH_CYCLES = 200


@dataclass(slots=True)
class PassedClock:
    """Shows what it was set to. The machine was synchronised, and booted when `booted_ms` was now."""

    now_ms: int
    booted_ms: int

    def wall_ms(self) -> int:
        """Unix ms."""
        return self.now_ms

    def mono_ms(self) -> int:
        """Since the boot."""
        return self.now_ms - self.booted_ms

    def both_ms(self) -> tuple[float, float]:
        """Both, with fractions."""
        return float(self.wall_ms()), float(self.mono_ms())

    def boot_id(self) -> bytes:
        """Not this machine's: its clock went on without it."""
        return b"long ago"

    def quality(self) -> tuple[int, int]:
        """Synchronised to 5 ms."""
        return int(ClockState.SYNCHRONISED), 5


class Instruments:
    """What every device of a station says, float32 values that wander as measured ones do."""

    def __init__(self, station: Station, seed: int = 1) -> None:
        self.plans = [plan_of(station.id, device) for device in station.devices]
        self._rng = random.Random(seed)
        self._values = {plan.device: [50.0 for _ in plan.channels] for plan in self.plans}

    def answer(self, plan: DevicePlan, at_mono_ms: int) -> Sequence[Block]:
        """One device's answer at that moment."""
        values = self._values[plan.device]
        for at, value in enumerate(values):
            values[at] = _float32(value + self._rng.uniform(-0.5, 0.5))
        return (Block(at_mono_ms, tuple(map(Reading, plan.channels, values))),)


class Yesterdays:
    """Signs what a station polled every `every_ms`, from `from_ms` (Unix ms) on, as long as it is asked to.

    `up_ms`: how long the machine had been up by then. From day 50 on its clock takes four bytes more in each record.
    """

    def __init__(
        self, station: Station, key: SigningKey, from_ms: int, every_ms: int, up_ms: int = 60_000
    ) -> None:
        self.clock = PassedClock(from_ms, from_ms - up_ms)
        self.ledger = Ledger(station.id, os.urandom(16))
        self.configuration = configuration_of(station, SOFTWARE)
        self._instruments = Instruments(station)
        self._every_ms = every_ms
        self._signed: list[Entry] = []
        self._recorder = Recorder(
            ledger=self.ledger,
            boot=Boot(1, self.clock.boot_id()),
            sealer=Sealer(key, RECORD),
            clock=self.clock,
            trust=ClockTrust(0),
            keep=self._signed.append,
            accepting=lambda: True,
        )
        self.notes = {
            NOTE_BOOTS: (1).to_bytes(8),
            NOTE_SIGNER: key.kid + station.id.encode(),
            NOTE_CONFIGURATION: self.configuration.hash8,
        }
        self._recorder.booted(BootBody(key.public, BootReason.ENROLMENT, None, None, SOFTWARE))
        self._recorder.configured(*self.configuration)

    @property
    def tail(self) -> Tail:
        """The ledger's head after what was taken."""
        return Tail(self.ledger.ledger, self.ledger.next_seq, self.ledger.prev)

    def cycle(self) -> None:
        """Every device is polled once more."""
        self.clock.now_ms += self._every_ms
        for plan in self._instruments.plans:
            self._recorder.readings(plan, self._instruments.answer(plan, self.clock.mono_ms()))

    def take(self) -> list[Entry]:
        """What was signed since it was asked last."""
        taken = self._signed.copy()
        self._signed.clear()
        return taken


def fabricate(file: Path, from_ms: int, to_ms: int, every_ms: int) -> int:
    """Fill the new store of a station file with what was polled in this time. Gives the newest seq."""
    return asyncio.run(_fabricate(load_station(file), from_ms, to_ms, every_ms))


async def _fabricate(station: Station, from_ms: int, to_ms: int, every_ms: int) -> int:
    past = Yesterdays(station, keyfile.load(station.identity.key), from_ms, every_ms)
    buffer = station.buffer
    async with await Store.open(
        buffer.path,
        destinations=[destination.id for destination in station.destinations],
        quota_bytes=buffer.quota_bytes,
        keep_ms=buffer.keep_ms,
    ) as store:
        await store.begin_with(past.take(), past.tail, past.notes)
        while past.clock.now_ms < to_ms:
            for _ in range(BATCH_CYCLES):
                past.cycle()
            await store.append(past.take(), past.tail)
    return past.tail.next_seq - 1


def _float32(value: float) -> float:
    exact: float = struct.unpack(">f", struct.pack(">f", value))[0]
    return exact
