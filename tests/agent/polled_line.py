"""A line in virtual time: instruments that answer as the story says, and what was signed of them."""

import asyncio

from agent.flag import ClockTrust
from agent.read import Device, Line
from agent.schedule import Due
from agent.sign import DevicePlan, Recorder
from buffer.store import Entry
from drivers.driver import Cycle
from drivers.errors import DriverError
from telemetry.envelope import RECORD, Sealer, unseal
from telemetry.keys import KeyRing, SigningKey
from telemetry.ledger import Ledger
from telemetry.pack import PackEncoder, decode_pack
from telemetry.reading import Block, Reading
from telemetry.record import Boot, Kind, decode_record
from tests.agent.report import Reported
from tests.virtual_time import VirtualClock

KEY = SigningKey.generate()
TIMEOUT_S = 1.0


def recorder_of(station: str, clock: VirtualClock, kept: list[Entry]) -> Recorder:
    """Signs with KEY into `kept`; there is always room."""
    return Recorder(
        ledger=Ledger(station, b"L" * 16),
        boot=Boot(1, b"bootboot"),
        sealer=Sealer(KEY, RECORD),
        clock=clock,
        trust=ClockTrust(0),
        keep=kept.append,
        accepting=lambda: True,
    )


class Instrument:
    """A driver that answers, fails or hangs as the story says; it notes when it was asked."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.error: Exception | None = None
        self.takes_s = 0.0
        self.asked_s: list[float] = []
        self.notices: tuple[DriverError, ...] = ()

    async def read(self) -> Cycle:
        self.asked_s.append(asyncio.get_running_loop().time())
        if self.error is not None:
            await asyncio.sleep(TIMEOUT_S)
            raise self.error
        await asyncio.sleep(self.takes_s)
        return Cycle((Block(self.clock.mono_ms(), (Reading("pH", 7.5), Reading("Temp", 21))),), self.notices)


class Wire:
    """A line with its devices, a recorder and what was signed."""

    def __init__(self, *names: str, every_ms: int = 5_000) -> None:
        self.clock = VirtualClock()
        self.kept: list[Entry] = []
        self.reported = Reported()
        recorder = recorder_of("BD_1", self.clock, self.kept)
        self.instruments = {name: Instrument(self.clock) for name in names}
        self.devices = {
            name: Device(
                DevicePlan(
                    name, ("pH", "Temp"), PackEncoder("BD_1", name, [("pH", "pH"), ("Temp", "oC")]), {}
                ),
                instrument,  # type: ignore[arg-type]
                Due(every_ms, self.clock.mono_ms()),
            )
            for name, instrument in self.instruments.items()
        }
        self.line = Line("rs485", tuple(self.devices.values()), recorder, self.clock, self.reported)

    async def runs_for(self, seconds: float) -> None:
        task = asyncio.create_task(self.line.run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def bodies(self, kind: Kind, device: str) -> list[object]:
        ring = KeyRing([KEY.public])
        return [
            decode_record(unseal(entry.envelope, RECORD, ring).payload).body
            for entry in self.kept
            if entry.kind == kind and entry.device == device
        ]

    def flags(self, device: str) -> list[int]:
        return [decode_pack(body)[0].flags for body in self.bodies(Kind.READINGS, device)]
