"""One task per line: each device at its period, the dead one last."""

import asyncio
from itertools import pairwise

import pytest

from agent.field import LAST_POLL_S
from drivers.errors import Garbled, NoAnswer, Refused, Unreachable
from telemetry.bodies import GapBody, GapReason
from telemetry.reading import Flag
from telemetry.record import Kind
from tests.agent.polled_line import Wire
from tests.virtual_time import VirtualClock, in_virtual_time


@in_virtual_time
async def test_the_first_poll_is_at_once_and_the_others_are_on_the_walls_grid() -> None:
    wire = Wire("ph")
    wire.instruments["ph"].takes_s = 0.3
    offset_s = (wire.clock.wall_ms() / 1_000) % 5
    await wire.runs_for(21)
    first, *others = wire.instruments["ph"].asked_s
    assert first == 0
    assert len(others) == 4
    for asked_s in others:
        assert (asked_s + offset_s) % 5 == pytest.approx(0, abs=0.002)


@in_virtual_time
async def test_a_dead_device_costs_its_own_timeout_and_the_others_keep_their_period() -> None:
    wire = Wire("ph", "cod", "tss")
    wire.instruments["cod"].error = NoAnswer("no answer in 1 s", hint="check the cable")
    await wire.runs_for(300)
    assert len(wire.instruments["ph"].asked_s) == len(wire.instruments["tss"].asked_s) == 60
    assert 8 <= len(wire.instruments["cod"].asked_s) <= 12
    assert (
        max(
            b - a
            for a, b in zip(
                wire.instruments["cod"].asked_s, wire.instruments["cod"].asked_s[1:], strict=False
            )
        )
        <= 61
    )


@in_virtual_time
async def test_a_dead_device_is_asked_behind_those_that_answer_so_that_they_keep_their_place() -> None:
    wire = Wire("dead", "ph", "gone", "tss")
    for name in ("dead", "gone"):
        wire.instruments[name].error = NoAnswer("no answer in 1 s", hint="check the cable")
    await wire.runs_for(300)
    first_s = (-wire.clock.wall_ms() / 1_000) % 5
    for name in ("ph", "tss"):
        # The first poll found out that two devices are dead.
        late_s = [(asked_s - first_s) % 5 for asked_s in wire.instruments[name].asked_s[1:]]
        assert len(late_s) == 59
        assert late_s == pytest.approx([0.0] * 59, abs=0.002), name
    for name in ("dead", "gone"):
        asked_s = wire.instruments[name].asked_s
        assert 8 <= len(asked_s) <= 12
        assert max(later - earlier for earlier, later in pairwise(asked_s)) <= 62


class TwoLooks(VirtualClock):
    """The two clocks are read one after the other: what lies between the looks is never twice the same."""

    def both_ms(self) -> tuple[float, float]:
        self._looks = getattr(self, "_looks", 0) + 1
        return self.wall_ms() + self._looks * 7 % 11 / 100, self.mono_ms()


@in_virtual_time
async def test_devices_that_are_due_together_are_asked_in_the_files_order_each_time() -> None:
    names = ("ph", "cod", "tss", "nh4")
    wire = Wire(*names)
    wire.line.clock = TwoLooks()
    for name in names:
        wire.instruments[name].takes_s = 0.006
    await wire.runs_for(102)
    rounds = list(zip(*(wire.instruments[name].asked_s for name in names), strict=True))
    assert len(rounds) > 15
    assert [asked_s for asked_s in rounds if list(asked_s) != sorted(asked_s)] == []


@in_virtual_time
async def test_a_silent_device_has_one_flagged_record_per_probe_and_one_gap_when_it_is_back() -> None:
    wire = Wire("ph")
    await wire.runs_for(11)
    before = len(wire.flags("ph"))
    last_answer_ms = wire.devices["ph"].answered_mono_ms
    wire.instruments["ph"].error = NoAnswer("no answer in 1 s", hint="check the cable")
    await wire.runs_for(120)
    silent = wire.flags("ph")[before:]
    assert silent == [Flag.NO_COMMUNICATION] * len(silent)
    assert wire.bodies(Kind.GAP, "ph") == []
    wire.instruments["ph"].error = None
    await wire.runs_for(61)
    (body,) = wire.bodies(Kind.GAP, "ph")
    gap = GapBody.decode(body)
    assert (gap.reason, gap.device, gap.from_mono_ms) == (GapReason.ANALYZER_SILENT, "ph", last_answer_ms)
    assert "check the cable" in str(gap.detail)
    assert wire.flags("ph")[-1] == 0
    assert wire.reported.events == ["device.silent", "device.back"]


@pytest.mark.parametrize(
    ("error", "reason", "flags"),
    [
        (Unreachable("the adapter is gone"), GapReason.LINE_DOWN, Flag.NO_COMMUNICATION),
        (Garbled("half a frame", evidence=b"\x03"), GapReason.ANALYZER_SILENT, Flag.NO_COMMUNICATION),
        (Refused("exception 2", code=2), GapReason.ANALYZER_SILENT, Flag.INSTRUMENT_FAULT),
        (ZeroDivisionError("a defect"), GapReason.ANALYZER_SILENT, Flag.INSTRUMENT_FAULT),
    ],
)
def test_each_failure_has_its_own_flag_and_reason(error: Exception, reason: GapReason, flags: Flag) -> None:
    @in_virtual_time
    async def story() -> None:
        wire = Wire("ph", "cod")
        wire.instruments["ph"].error = error
        await wire.runs_for(7)
        assert set(wire.flags("ph")) == {flags}
        assert set(wire.flags("cod")) == {0}
        wire.instruments["ph"].error = None
        await wire.runs_for(61)
        assert GapBody.decode(wire.bodies(Kind.GAP, "ph")[0]).reason == reason

    story()


@in_virtual_time
async def test_a_block_that_failed_is_said_once_and_the_rest_is_kept() -> None:
    wire = Wire("ph")
    wire.instruments["ph"].notices = (Refused("registers 40..44 refused with exception 2", code=2),)
    await wire.runs_for(60)
    assert wire.reported.events == ["device.partial"]
    assert wire.devices["ph"].partial == 12
    assert set(wire.flags("ph")) == {0}


@in_virtual_time
async def test_a_poll_that_runs_when_the_station_stops_is_still_signed() -> None:
    wire = Wire("ph")
    wire.instruments["ph"].takes_s = LAST_POLL_S / 2
    task = asyncio.create_task(wire.line.run())
    await asyncio.sleep(0.1)
    assert wire.line.polling
    wire.line.ending = True
    await task
    assert len(wire.kept) == 1


@in_virtual_time
async def test_a_device_goes_on_where_it_stood_after_a_reload() -> None:
    wire = Wire("ph")
    wire.instruments["ph"].error = NoAnswer("no answer")
    await wire.runs_for(20)
    again = Wire("ph")
    again.devices["ph"].carry(wire.devices["ph"])
    await again.runs_for(1)
    (body,) = again.bodies(Kind.GAP, "ph")
    assert GapBody.decode(body).from_mono_ms == wire.devices["ph"].silent_since_mono_ms


@in_virtual_time
async def test_a_stuck_line_can_be_seen() -> None:
    wire = Wire("ph")
    wire.instruments["ph"].takes_s = 100_000
    task = asyncio.create_task(wire.line.run())
    await asyncio.sleep(61)
    assert wire.line.back_by_mono_ms < wire.clock.mono_ms()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@in_virtual_time
async def test_a_line_that_waits_for_an_instrument_to_speak_is_not_stuck() -> None:
    wire = Wire("dust")
    wire.devices["dust"].patience_ms = 120_000
    wire.instruments["dust"].takes_s = 100_000
    await wire.runs_for(175)
    assert wire.line.back_by_mono_ms > wire.clock.mono_ms()
    await wire.runs_for(200)
    assert wire.line.back_by_mono_ms < wire.clock.mono_ms()
