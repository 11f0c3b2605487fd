"""Reading: one task for each physical line asks its devices in turn and hands every cycle to the recorder.

    line rs485:  ── ph ── cod ── tss ·········· ph ── cod ── tss ····    due times on the wall's grid
    line tcp-1:  ── flow ··· flow ··· flow ··· flow ··· flow ··· flow    never waits for another line

A device that does not answer costs its line one timeout, gets one flagged record, and is asked again later and
later (agent.schedule), behind those that answer: they keep their period. When it is back one gap record says from when
to when it was silent, and what it kept meanwhile is asked for where the line is idle (agent.backfill).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent.backfill import Backfill
from agent.clock import Clock
from agent.flag import silent
from agent.schedule import Due
from agent.sign import DevicePlan, Recorder
from agent.status_from import NOBODY, Source, Standing
from drivers.driver import Cycle, Driver
from drivers.errors import Defect, DriverError, Unreachable
from telemetry.bodies import GapReason
from telemetry.reading import Block

T = TypeVar("T")
Report = Callable[[str, dict[str, object]], None]

PLACE_S = 0.00002
"""Lines that are due at one instant start this far apart: each keeps its place in the burst, and with it its period."""

STATUS_FIRST_MS = 5
"""Of devices that are due within so many ms, the one whose channels are a status of others is asked first."""

SILENT_LAST_MS = 50
"""Devices that are due within so many ms after a silent one are asked before it: its timeout costs them nothing."""

TOGETHER_MS = 1
"""Due times that differ by less are one instant: each was worked out from a look of its own at the two clocks."""

LONGEST_CYCLE_MS = 60_000
"""A line that did not come round within this after its due time is stuck (agent.watchdog)."""


@dataclass(slots=True)
class Device:
    """One device at run time. `silent_since_mono_ms`: when it last answered, while it does not.

    `patience_ms`: how long a poll may wait for its line, and for it to speak. `source` and `standing`: what it says of
    the values of others, and they of its own (agent.status_from). `backfill` None: it keeps nothing that is fetched.
    """

    plan: DevicePlan
    driver: Driver
    due: Due
    patience_ms: int = 0
    last_blocks: tuple[Block, ...] = ()
    answered_mono_ms: int | None = None
    silent_since_mono_ms: int | None = None
    silence: GapReason = GapReason.ANALYZER_SILENT
    trouble: str | None = None
    polls: int = 0
    failures: int = 0
    partial: int = 0
    source: Source | None = None
    standing: Standing = NOBODY
    backfill: Backfill | None = None

    def carry(self, before: "Device") -> None:
        """Go on where the same device stood before the station file was read again."""
        self.answered_mono_ms = before.answered_mono_ms
        self.silent_since_mono_ms, self.silence = before.silent_since_mono_ms, before.silence
        self.polls, self.failures, self.partial = before.polls, before.failures, before.partial
        if self.backfill is not None and before.backfill is not None:
            self.backfill.carry(before.backfill)


@dataclass(slots=True)
class Line:
    """The task of one physical line, and the instant by which it must have come round again.

    `place`: its number among the station's lines.
    """

    line: str
    devices: Sequence[Device]
    recorder: Recorder
    clock: Clock
    report: Report
    back_by_mono_ms: int = 0
    polling: bool = False
    ending: bool = False
    place: int = 0

    async def run(self) -> None:
        """Polls until `ending` is set while a poll runs; while it sleeps, cancel it."""
        while not self.ending:
            device = next_of(self.devices)
            _, now_ms = self.clock.both_ms()
            wait_ms = device.due.due_ms - now_ms
            begins_ms = int(max(now_ms, device.due.due_ms))
            self.back_by_mono_ms = begins_ms + LONGEST_CYCLE_MS + device.patience_ms
            if await self._backfilled(wait_ms):
                continue
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1_000 + self.place * PLACE_S)
            self.polling = True
            await self._poll(device)
            self.polling = False

    async def _poll(self, device: Device) -> None:
        device.polls += 1
        cycle = await self._asked(device, device.driver.read())
        if isinstance(cycle, DriverError):
            self._failed(device, cycle)
        else:
            await device.standing.wait(self.line, self.clock.mono_ms())
            self._answered(device, cycle)

    async def _backfilled(self, spare_ms: float) -> bool:
        """Whether a device was asked something in the time that is left until the next poll, maybe none.

        The one that asked longest ago goes first: a day of one device's records may take hours.
        What a backfill does not take for an answer is its own affair; one with a defect is not asked again.
        """
        answering = [
            (device.backfill, device)
            for device in self.devices
            if device.backfill is not None and device.silent_since_mono_ms is None
        ]
        for backfill, device in sorted(answering, key=lambda pair: pair[0].asked_mono_ms):
            asked = await self._asked(device, backfill.step(spare_ms))
            if isinstance(asked, DriverError):
                device.backfill = None
            if asked:
                return True
        return False

    async def _asked(self, device: Device, answer: Awaitable[T]) -> T | DriverError:
        try:
            return await answer
        except DriverError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the bulkhead: one device's defect stops no other device
            self.report("device.defect", {"device": device.plan.device, "error": repr(error)})
            return Defect(str(error))

    def _answered(self, device: Device, cycle: Cycle) -> None:
        since_mono_ms = device.silent_since_mono_ms
        if since_mono_ms is not None:
            self._back(device, since_mono_ms)
        if device.backfill is not None:
            device.backfill.answered(since_mono_ms)
        trouble = str(cycle.errors[0]) if cycle.errors else None
        if trouble:
            device.partial += 1
        now_ms = self.clock.mono_ms()
        self._say(device, trouble or device.standing.trouble(now_ms), "device.partial")
        blocks = device.standing.flagged(cycle.blocks, now_ms)
        device.last_blocks = self.recorder.readings(device.plan, blocks)
        wall_ms, mono_ms = self.clock.both_ms()
        device.answered_mono_ms = int(mono_ms)
        device.due = device.due.after_answer(mono_ms, wall_ms - mono_ms)
        if device.source is not None:
            device.source.heard(cycle.blocks, device.due.due_ms)

    def _failed(self, device: Device, error: DriverError) -> None:
        device.failures += 1
        now_ms = self.clock.mono_ms()
        if device.silent_since_mono_ms is None:
            device.silent_since_mono_ms = (
                now_ms if device.answered_mono_ms is None else device.answered_mono_ms
            )
            device.silence = _reason(error)
        self._say(device, str(error), "device.silent")
        blocks = device.standing.flagged([silent(device.plan.channels, now_ms, error.flags)], now_ms)
        device.last_blocks = self.recorder.readings(device.plan, blocks)
        wall_ms, mono_ms = self.clock.both_ms()
        device.due = device.due.after_failure(mono_ms, wall_ms - mono_ms)
        if device.source is not None:
            device.source.missed(error.flags, device.due.due_ms)

    def _back(self, device: Device, since_mono_ms: int) -> None:
        now_ms = self.clock.mono_ms()
        self.recorder.gap(device.silence, device.plan.device, since_mono_ms, now_ms, device.trouble)
        device.silent_since_mono_ms = None
        silent_s = (now_ms - since_mono_ms) // 1_000
        self.report("device.back", {"device": device.plan.device, "silent_for_s": silent_s})

    def _say(self, device: Device, trouble: str | None, event: str) -> None:
        """One log line when the trouble begins or becomes another one."""
        if trouble is not None and trouble != device.trouble:
            self.report(event, {"device": device.plan.device, "line": self.line, "error": trouble})
        device.trouble = trouble


def next_of(devices: Sequence[Device]) -> Device:
    """Who is asked next: of those that are due together the first in the file, so that each keeps its place."""
    earliest_ms = min(map(_due_ms, devices))
    return next(device for device in devices if _due_ms(device) < earliest_ms + TOGETHER_MS)


def _due_ms(device: Device) -> float:
    """A status goes before the values that it speaks for, and who did not answer the last time behind all others."""
    if device.due.failures:
        return device.due.due_ms + SILENT_LAST_MS
    return device.due.due_ms - (STATUS_FIRST_MS if device.source is not None else 0)


def _reason(error: DriverError) -> GapReason:
    return GapReason.LINE_DOWN if isinstance(error, Unreachable) else GapReason.ANALYZER_SILENT
