"""What an analyzer kept while nobody could ask it: every missed minute is signed as said, and nobody is disturbed."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from agent.backfill import LONGEST_WAIT_MS, MOST_RECORDS, Backfill
from agent.field import plan_of
from agent.station import check_station
from agent.tables import settings_of
from drivers.clink import ClinkDriver
from drivers.errors import DriverError, Garbled, NoAnswer, Refused
from drivers.kept import AT_FORMAT, KeptClock, KeptRecord
from sim.moment import Moment
from sim.served import ServedLog
from sim.talk import TalkFace
from sim.talkers.clink import VIETNAM, ClinkTalker
from sim.twin import Wishes, wires
from telemetry.bodies import BootBody, BootReason, EventBody
from telemetry.record import ClockState, Kind
from tests.agent.polled_line import KEY, TIMEOUT_S, Wire
from tests.drivers.simulated_talk import TalkingLine, moment
from tests.virtual_time import in_virtual_time

AWAY = NoAnswer("no answer in 1 s", hint="check the cable")


class Analyzer:
    """It keeps a record of every full minute, by a clock that shows `shows` when the story begins.

    At `set_at_s` of the story somebody sets its clock back by `set_back_s`.
    """

    backfills = True

    def __init__(self, shows: datetime = datetime(2026, 11, 29, 13, 0, 20, tzinfo=UTC)) -> None:
        self.shows = shows
        self.set_at_s = float("inf")
        self.set_back_s = 0.0
        self.tells_clock = True
        self.keeps = 5_000
        self.takes_s = 0.3
        self.error: Exception | None = None
        self.asked_s: list[float] = []
        self.looks = 0

    def kept(self) -> "Analyzer":
        self.looks += 1
        return self

    async def clock(self) -> KeptClock:
        await self._answer()
        now = self._now()
        return (
            KeptClock(f"{now:%m-%d-%y %H:%M:%S}", f"{now:{AT_FORMAT}}") if self.tells_clock else KeptClock()
        )

    async def total(self) -> int | None:
        return self.keeps

    async def record(self, back: int) -> KeptRecord | None:
        await self._answer()
        if back > self.keeps:
            return None
        then_s = asyncio.get_running_loop().time() - 60 * (back - 1)
        at, minute = self._shown(then_s), (self.shows + timedelta(seconds=then_s)).minute
        return KeptRecord(f"{at:{AT_FORMAT}}", (("flags", "0C100400"), ("o3", f"{minute}.5")))

    async def _answer(self) -> None:
        self.asked_s.append(asyncio.get_running_loop().time())
        if self.error is not None:
            await asyncio.sleep(TIMEOUT_S)
            raise self.error
        await asyncio.sleep(self.takes_s)

    def _now(self) -> datetime:
        return self._shown(asyncio.get_running_loop().time())

    def _shown(self, at_s: float) -> datetime:
        return self.shows + timedelta(seconds=at_s - (self.set_back_s if at_s >= self.set_at_s else 0))


class Station(Wire):
    """A line with an analyzer that keeps records, and beside it a meter that keeps none."""

    def __init__(self, *, every_ms: int = 5_000, off_ms: int | None = None) -> None:
        super().__init__("o3", "meter", every_ms=every_ms)
        self.analyzer = Analyzer()
        self.room = True
        recorder = self.line.recorder
        recorder.accepting = lambda: self.room
        if off_ms is not None:
            last_sign = (self.clock.wall_ms() - off_ms, 7)
            recorder.booted(BootBody(KEY.public, BootReason.UNCLEAN_STOP, last_sign, None, "tram"))
        self.devices["o3"].backfill = Backfill("o3", self.analyzer, recorder, self.clock, self.reported)

    async def silent_for(self, seconds: float, error: Exception = AWAY) -> None:
        self.instruments["o3"].error = error
        await self.runs_for(seconds)
        self.instruments["o3"].error = None
        while self.devices["o3"].silent_since_mono_ms is not None:
            await self._polls_once()

    async def _polls_once(self) -> None:
        """Without a question behind it."""
        asyncio.get_running_loop().call_soon(setattr, self.line, "ending", True)
        await self.line.run()
        self.line.ending = False

    def events(self, what: str) -> list[dict[str, object]]:
        bodies = [EventBody.decode(body) for body in self.bodies(Kind.EVENT, "")]
        return [dict(body.detail) for body in bodies if body.what == what]  # type: ignore[call-overload]

    @property
    def minutes(self) -> list[str]:
        return [str(kept["at"])[-5:] for kept in self.events("kept")]

    def late_s(self, name: str, *, since_s: float) -> list[float]:
        """How long after its instant on the wall's grid of 5 s each poll was."""
        first_s = (-(self.clock.wall_ms() / 1_000 - asyncio.get_running_loop().time())) % 5
        return [(at_s - first_s + 1) % 5 - 1 for at_s in self.instruments[name].asked_s if at_s > since_s]

    @property
    def ends(self) -> list[tuple[object, object]]:
        return [(end["records"], end["why"]) for end in self.events("kept-end")]


@in_virtual_time
async def test_after_a_silence_every_missed_minute_is_signed_as_the_analyzer_says_it() -> None:
    station = Station()
    await station.runs_for(60)
    await station.silent_for(300)
    await station.runs_for(120)
    missed = {f"13:0{minute}" for minute in range(1, 7)}
    assert missed <= set(station.minutes)
    assert len(station.minutes) == len(set(station.minutes)) <= len(missed) + 4
    assert station.ends == [(len(station.minutes), "all of it")]
    assert station.reported.events == ["device.silent", "device.back", "device.backfill", "device.backfilled"]
    kept = station.events("kept")[-1]
    minute = int(str(kept["at"])[-2:])
    assert (kept["device"], kept["words"]) == ("o3", [["flags", "0C100400"], ["o3", f"{minute}.5"]])
    said, mono_ms = cast("tuple[str, int]", kept["clock"])
    shown = datetime.strptime(said, "%m-%d-%y %H:%M:%S").replace(tzinfo=UTC)
    at_story_s = (mono_ms - station.clock.mono_ms()) / 1_000 + asyncio.get_running_loop().time()
    assert abs((shown - station.analyzer.shows).total_seconds() - at_story_s) < 1.5


@in_virtual_time
async def test_no_device_of_the_line_moves_while_records_are_fetched() -> None:
    station = Station()
    station.analyzer.takes_s = 0.45
    await station.runs_for(60)
    await station.silent_for(1_800)
    await station.runs_for(60)
    back_s = asyncio.get_running_loop().time()
    await station.runs_for(302)
    assert station.ends == [(len(station.minutes), "all of it")]
    assert len(station.minutes) >= 30
    late_s = {name: station.late_s(name, since_s=back_s + 5) for name in ("o3", "meter")}
    assert [len(each) for each in late_s.values()] == [59, 59]
    assert [late for each in late_s.values() for late in each] == pytest.approx([0.0] * 118, abs=0.002)


@pytest.mark.parametrize("seconds", [4, 20])
@in_virtual_time
async def test_a_short_silence_misses_no_record(seconds: float) -> None:
    station = Station()
    await station.runs_for(60)
    await station.silent_for(seconds)
    await station.runs_for(300)
    assert station.reported.events == ["device.silent", "device.back"]
    assert station.analyzer.asked_s == []


@in_virtual_time
async def test_an_analyzer_that_does_not_tell_its_clock_is_dated_by_its_newest_record() -> None:
    station = Station()
    station.analyzer.tells_clock = False
    await station.runs_for(60)
    await station.silent_for(300)
    await station.runs_for(120)
    assert {f"13:0{minute}" for minute in range(1, 7)} <= set(station.minutes)
    assert station.ends == [(len(station.minutes), "all of it")]
    assert station.events("kept")[0]["clock"][0] == ""  # type: ignore[index]


@in_virtual_time
async def test_what_was_missed_while_the_station_was_off_is_fetched_after_its_first_answer() -> None:
    station = Station(off_ms=600_000)
    await station.silent_for(30)
    await station.runs_for(120)
    assert {f"12:{minute}" for minute in range(51, 60)} <= set(station.minutes)
    assert station.ends == [(len(station.minutes), "all of it")]
    await station.runs_for(600)
    assert len(station.ends) == 1, "the station was off once"


@in_virtual_time
async def test_a_gateway_without_a_battery_clock_fetches_its_night_when_it_knows_the_time() -> None:
    station = Station(off_ms=1_000)
    clock = station.clock
    quality = [(int(ClockState.UNSYNCHRONISED), 16_000)]
    clock.quality = lambda: quality[-1]  # type: ignore[method-assign]
    await station.runs_for(60)
    assert station.analyzer.asked_s == []
    clock.step_ms(4 * 3_600_000)
    await station.runs_for(10)
    quality.append((int(ClockState.SYNCHRONISED), 3))
    await station.runs_for(600)
    assert len(station.minutes) >= 240
    assert station.ends == [(len(station.minutes), "all of it")]
    assert clock.quality() == quality[-1]


@in_virtual_time
async def test_an_analyzer_gives_what_it_has_and_a_week_gives_no_more_than_a_day() -> None:
    station = Station(off_ms=7 * 86_400_000)
    station.analyzer.keeps = 100
    await station.runs_for(300)
    assert station.ends[0][1] == "it keeps no more"
    assert len(station.minutes) in (99, 100)
    station = Station(off_ms=7 * 86_400_000)
    await station.runs_for(3_600)
    assert station.ends == [(MOST_RECORDS, f"no more than {MOST_RECORDS} are fetched")]
    assert len(station.minutes) == MOST_RECORDS


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (AWAY, 3),
        (Garbled("no record", evidence=b"05:26"), 3),
        (Refused("the command is not recognized", code=0), 3),
    ],
)
@in_virtual_time
async def test_questions_without_an_answer_end_it_and_cost_the_line_little(
    error: DriverError, asked: int
) -> None:
    station = Station()
    station.analyzer.error = error
    await station.runs_for(60)
    await station.silent_for(300)
    polls = len(station.instruments["meter"].asked_s)
    await station.runs_for(602)
    assert len(station.analyzer.asked_s) == asked
    assert station.ends == [(0, str(error))]
    assert len(station.instruments["meter"].asked_s) - polls == 120


@in_virtual_time
async def test_one_question_without_an_answer_is_asked_again() -> None:
    station = Station()
    await station.runs_for(60)
    await station.silent_for(300)
    station.analyzer.error = AWAY
    await station.runs_for(30)
    station.analyzer.error = None
    await station.runs_for(180)
    assert {f"13:0{minute}" for minute in range(1, 7)} <= set(station.minutes)


@in_virtual_time
async def test_a_line_without_room_is_not_asked_for_records_and_says_so_in_the_end() -> None:
    station = Station(every_ms=1_000)
    station.instruments["meter"].takes_s = 0.1
    await station.runs_for(60)
    await station.silent_for(300)
    await station.runs_for(LONGEST_WAIT_MS / 1_000 + 120)
    assert station.analyzer.asked_s == []
    assert station.ends == [(0, "between the polls of its line there was no room")]


@in_virtual_time
async def test_a_line_that_is_never_idle_says_so_too() -> None:
    station = Station(every_ms=1_000)
    for instrument in station.instruments.values():
        instrument.takes_s = 1.1
    await station.runs_for(60)
    await station.silent_for(300)
    await station.runs_for(LONGEST_WAIT_MS / 1_000 + 120)
    assert station.ends == [(0, "between the polls of its line there was no room")]


@in_virtual_time
async def test_a_slow_analyzer_is_asked_only_where_its_answer_fits() -> None:
    station = Station(every_ms=5_000)
    station.analyzer.takes_s = 3
    await station.runs_for(60)
    await station.silent_for(300)
    await station.runs_for(60)
    asked = len(station.analyzer.asked_s)
    assert asked == 1, "the first one showed that it takes 3 s"
    for device in station.devices.values():
        device.due = replace(device.due, every_ms=10_000)
    await station.runs_for(300)
    assert len(station.analyzer.asked_s) > asked
    assert station.ends[0][1] == "all of it"


@in_virtual_time
async def test_one_slow_answer_is_no_slow_analyzer() -> None:
    station = Station()
    await station.runs_for(60)
    await station.silent_for(1_800)
    await station.runs_for(6)
    assert station.minutes
    station.analyzer.takes_s = 3.0
    asked = len(station.analyzer.asked_s)
    while len(station.analyzer.asked_s) == asked:
        await station.runs_for(5)
    station.analyzer.takes_s = 0.3
    await station.runs_for(120)
    assert station.ends == [(len(station.minutes), "all of it")]


@in_virtual_time
async def test_an_analyzer_that_was_slow_once_is_asked_again_after_the_next_silence() -> None:
    station = Station()
    station.analyzer.takes_s = 3.0
    await station.runs_for(60)
    await station.silent_for(300)
    await station.runs_for(LONGEST_WAIT_MS / 1_000 + 120)
    assert station.ends == [(0, "between the polls of its line there was no room")]
    station.analyzer.takes_s = 0.3
    await station.silent_for(300)
    await station.runs_for(120)
    assert station.ends[1:] == [(len(station.minutes), "all of it")]


@in_virtual_time
async def test_while_the_store_takes_nothing_no_record_is_asked_for() -> None:
    station = Station()
    await station.runs_for(60)
    await station.silent_for(300)
    station.room = False
    await station.runs_for(120)
    assert station.analyzer.asked_s == []
    station.room = True
    await station.runs_for(120)
    assert station.ends == [(len(station.minutes), "all of it")]


@in_virtual_time
async def test_a_backfill_that_waited_for_the_store_has_not_waited_for_room() -> None:
    station = Station()
    await station.runs_for(60)
    await station.silent_for(300)
    station.room = False
    await station.runs_for(2 * LONGEST_WAIT_MS / 1_000)
    station.room = True
    backfill = station.devices["o3"].backfill
    assert backfill is not None
    assert not await backfill.step(500)
    assert station.ends == []


@in_virtual_time
async def test_two_analyzers_of_one_line_take_turns() -> None:
    station = Station(every_ms=10_000)
    other = Analyzer()
    station.analyzer.takes_s = other.takes_s = 2.2
    station.devices["meter"].backfill = Backfill(
        "meter", other, station.line.recorder, station.clock, station.reported
    )
    await station.runs_for(60)
    station.instruments["meter"].error = AWAY
    await station.silent_for(86_400)
    station.instruments["meter"].error = None
    await station.runs_for(4 * 3_600)
    assert station.ends == [(MOST_RECORDS, f"no more than {MOST_RECORDS} are fetched")] * 2


@in_virtual_time
async def test_a_second_silence_meanwhile_costs_no_minute_and_doubles_none() -> None:
    station = Station(every_ms=2_000)
    station.analyzer.takes_s = 0.9
    await station.runs_for(60)
    await station.silent_for(1_800)
    await station.runs_for(40)
    assert 5 < len(station.minutes) < 25
    await station.silent_for(240)
    await station.runs_for(900)
    assert len(station.minutes) == len(set(station.minutes)) >= 35
    assert station.ends == [(len(station.minutes), "all of it")]


@in_virtual_time
async def test_the_minutes_between_two_silences_are_signed_once() -> None:
    station = Station()
    await station.runs_for(60)
    await station.silent_for(300)
    await station.runs_for(60)
    before = len(station.minutes)
    assert station.ends == [(before, "all of it")]
    await station.silent_for(100)
    await station.runs_for(60)
    assert len(station.minutes) == len(set(station.minutes)) >= before + 2
    assert station.ends[1:] == [(len(station.minutes) - before, "all of it")]


@in_virtual_time
async def test_an_analyzer_whose_clock_was_set_back_meanwhile_has_two_records_of_a_minute_and_both_are_signed() -> (
    None
):
    station = Station()
    station.analyzer.set_at_s, station.analyzer.set_back_s = 2_400, 1_200
    await station.runs_for(60)
    await station.silent_for(3_000)
    await station.runs_for(120)
    values = [cast("list[list[str]]", kept["words"])[1][1] for kept in station.events("kept")]
    assert {f"{minute}.5" for minute in range(2, 52)} <= set(values)
    assert station.minutes.count("13:30") == 2


@in_virtual_time
async def test_it_goes_on_after_the_station_file_was_read_again() -> None:
    station = Station()
    await station.runs_for(60)
    await station.silent_for(1_800)
    await station.runs_for(6)
    told = set(station.minutes)
    assert told
    backfill = station.devices["o3"].backfill
    assert backfill is not None
    assert backfill.fetched == len(told)
    again = Station()
    again.devices["o3"].carry(station.devices["o3"])
    await again.runs_for(120)
    assert told.isdisjoint(again.minutes)
    assert len(told) + len(again.minutes) >= 30
    assert again.ends == [(len(told) + len(again.minutes), "all of it")]


@in_virtual_time
async def test_a_defect_in_it_stops_no_poll_and_is_said_once() -> None:
    station = Station()
    station.analyzer.error = ZeroDivisionError("a defect")
    await station.runs_for(60)
    await station.silent_for(300)
    polls = len(station.instruments["o3"].asked_s)
    await station.runs_for(302)
    assert len(station.instruments["o3"].asked_s) - polls == 60
    assert station.reported.events.count("device.defect") == 1
    assert station.analyzer.asked_s[1:] == []


@in_virtual_time
async def test_a_station_that_stops_does_not_wait_for_a_record() -> None:
    station = Station()
    station.analyzer.takes_s = 100
    await station.runs_for(60)
    await station.silent_for(300)
    began_s = asyncio.get_running_loop().time()
    await station.runs_for(10)
    assert station.analyzer.asked_s
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(10)


STATION = """\
[station]
id = "AIR"

[[line]]
id = "air"
url = "tcp://127.0.0.1:9880"

[[device]]
id = "o3"
line = "air"
driver = "clink"
unit = 49
every = "10s"
channel = [{ id = "O3", field = "o3", unit = "ppb" }]
"""


class Cable(TalkingLine):
    """Nothing goes through it while it is `cut`."""

    cut = False

    def write(self, data: bytes) -> None:
        if not self.cut:
            super().write(data)


@in_virtual_time
async def test_the_twins_records_of_a_cut_cable_are_what_it_measured_then() -> None:
    station = check_station(STATION, Path("station.toml"))
    face = wires(station, Wishes(), ServedLog(), moment)["air"].face
    assert isinstance(face, TalkFace)
    assert isinstance(face.talker, ClinkTalker)
    face.talker.clock_off_s[49] = 7_200.0
    wire, cable = Wire("o3", every_ms=10_000), Cable(face)
    driver = ClinkDriver(settings_of(station.devices[0]), cable.bus)
    device = wire.devices["o3"]
    device.plan, device.driver = plan_of("AIR", station.devices[0]), driver
    device.backfill = Backfill("o3", driver, wire.line.recorder, wire.clock, wire.reported)
    async with cable.bus:
        await wire.runs_for(30)
        cable.cut = True
        await wire.runs_for(600)
        cable.cut = False
        await wire.runs_for(120)
    bodies = [EventBody.decode(body) for body in wire.bodies(Kind.EVENT, "")]
    kept = [dict(body.detail) for body in bodies if body.what == "kept"]  # type: ignore[call-overload]
    # It is 11:06 UTC when the story begins, 18:06 in Viet Nam, and the analyzer's clock is two hours fast.
    minutes = sorted(record["at"] for record in kept)
    assert {f"2026-11-18 20:{minute:02d}" for minute in range(8, 18)} <= set(minutes)
    assert len(minutes) == len(set(minutes)) <= 14
    speaker = face.talker.speakers[49]
    for record in kept:
        at = datetime.strptime(record["at"], AT_FORMAT).replace(tzinfo=VIETNAM) - timedelta(hours=2)
        shown = speaker.shown(Moment(at.timestamp(), 0)).numbers["o3"]
        assert dict(record["words"])["o3"] == f"{shown:f}"
    assert (bodies[-1].what, wire.reported.events[-1]) == ("kept-end", "device.backfilled")
