"""What an analyzer kept while nobody could ask it: told as it says it, one record at a time."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.station import check_station
from agent.tables import settings_of
from drivers.clink import ClinkDriver, Settings
from drivers.errors import Garbled, NoAnswer, Refused
from drivers.kept import Keeps, Kept, KeptClock, KeptRecord, newest
from sim.served import ServedLog
from sim.talk import TalkFace
from sim.talkers.clink import ClinkTalker
from sim.twin import Wishes, wires
from tests.drivers.simulated_talk import SimulatedLine, TalkingLine, moment
from tests.virtual_time import in_virtual_time

OZONE = "05:26 07-19-22 flags 0C100400 o3 30.781 hio3 0.000 pres 493.7"
BEFORE = "05:25 07-19-22 flags 0C100400 o3 29.112 hio3 0.000 pres 493.6"
TOLD = KeptRecord(
    "2022-07-19 05:26", (("flags", "0C100400"), ("o3", "30.781"), ("hio3", "0.000"), ("pres", "493.7"))
)


def analyzer(answers: dict[str, Any], **more: Any) -> tuple[SimulatedLine, ClinkDriver]:
    """These answers to these words, of a list one after the other; other words it does not know."""

    def answer(request: bytes) -> list[tuple[float, bytes]]:
        words = request.lstrip(b"\xb1").rstrip(b"\r").decode()
        said = answers.get(words, "bad cmd")
        if isinstance(said, list):
            said = said.pop(0)
        return [] if said is None else [(0.05, f"{words} {said}".encode() + b"\r")]

    line = SimulatedLine(answer)
    table = {"unit": 49, "channel": [{"id": "O3", "field": "o3", "unit": "ppb"}], **more}
    return line, ClinkDriver(Settings.model_validate_json(json.dumps(table)), line.bus)


async def kept(answers: dict[str, Any], count: int = 2) -> Kept:
    line, driver = analyzer(answers)
    async with line.bus:
        return await newest(driver.kept(), count)


@in_virtual_time
async def test_the_newest_records_are_told_with_the_analyzers_clock_beside_them() -> None:
    answers = {
        "date": "07-19-22",
        "time": "05:26:40",
        "no of lrec": "1440",
        "lrec 1 1": OZONE,
        "lrec 2 1": BEFORE,
    }
    said = await kept(answers)
    assert said.records[0] == TOLD
    assert [record.at for record in said.records] == ["2022-07-19 05:26", "2022-07-19 05:25"]
    assert (said.clock, said.total) == (KeptClock("07-19-22 05:26:40", "2022-07-19 05:26"), 1440)


@in_virtual_time
async def test_a_record_stored_between_two_questions_costs_none_and_doubles_none() -> None:
    said = await kept({"lrec 1 1": OZONE, "lrec 2 1": OZONE, "lrec 3 1": BEFORE})
    assert [record.at for record in said.records] == ["2022-07-19 05:26", "2022-07-19 05:25"]
    assert (said.clock, said.total) == (KeptClock(), None)


@in_virtual_time
async def test_records_without_names_take_those_of_the_layout() -> None:
    layout = "%s %s %lx %f %f %f t D L fff flags o3 hio3 pres"
    said = await kept({"lrec layout": layout, "lrec 1 1": "05:26 07-19-22 0C100400 30.781 0.000 493.7"}, 1)
    assert said.records == (TOLD,)


@pytest.mark.parametrize("beyond", ["", "too high"])
@in_virtual_time
async def test_an_analyzer_that_has_no_more_gives_what_it_has(beyond: str) -> None:
    said = await kept({"lrec 1 1": OZONE, "lrec 2 1": beyond}, 60)
    assert said.records == (TOLD,)


@in_virtual_time
async def test_an_analyzer_that_is_busy_does_not_say_that_it_has_no_more() -> None:
    with pytest.raises(Refused, match="service mode"):
        await kept({"lrec 1 1": OZONE, "lrec 2 1": "can't, mode is service"}, 60)


@pytest.mark.parametrize(
    ("date", "time", "at"),
    [
        ("07-19-22", "05:26", "2022-07-19 05:26"),
        ("01-01-70", "00:00:07", "2070-01-01 00:00"),  # as its records write the year: of this century
        ("02-29-00", "23:59:59", "2000-02-29 23:59"),
        ("19.07.22", "05:26", ""),
    ],
)
@in_virtual_time
async def test_the_analyzers_clock_is_understood_as_its_records_are(date: str, time: str, at: str) -> None:
    said = await kept({"date": date, "time": time, "lrec 1 1": OZONE}, 1)
    assert said.clock == KeptClock(f"{date} {time}", at)


@in_virtual_time
async def test_an_analyzer_that_says_the_same_for_ever_is_not_asked_for_ever() -> None:
    line, driver = analyzer({f"lrec {back} 1": OZONE for back in range(1, 100)})
    async with line.bus:
        assert (await newest(driver.kept(), 5)).records == (TOLD,)
    assert len(line.requests) < 20


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({}, Refused),
        ({"lrec 1 1": None}, NoAnswer),
        (
            {"lrec 1 1": "05:26 07-19-22 flags 0C10 o3 30.781"},
            Refused,
        ),  # it is asked for its layout, and knows none
        ({"lrec 1 1": "30.781", "lrec layout": "o3"}, Garbled),
        ({"lrec 1 1": "05:26 07-19-22 0C100400 x", "lrec layout": "%s %s %lx %f t D L f flags o3"}, Garbled),
    ],
)
@in_virtual_time
async def test_what_is_no_record_is_never_told_as_one(
    answers: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await kept(answers)


STATION = """\
[station]
id = "AIR"

[[line]]
id = "rs485"
url = "serial:///dev/ttyS77?baudrate=9600&parity=N"

[[device]]
id = "o3"
line = "rs485"
driver = "clink"
unit = 49
every = "5s"
channel = [{ id = "O3", field = "o3", unit = "ppb" }, { id = "P", field = "pres", unit = "mmHg" }]
"""


@pytest.mark.parametrize("named", [True, False])
@in_virtual_time
async def test_the_twin_keeps_every_minute_by_a_clock_of_its_own(*, named: bool) -> None:
    station = check_station(STATION, Path("station.toml"))
    face = wires(station, Wishes(), ServedLog(), moment)["rs485"].face
    assert isinstance(face, TalkFace)
    talker = face.talker
    assert isinstance(talker, ClinkTalker)
    talker.clock_off_s[49], talker.named[49] = 3_600.0, named
    line = TalkingLine(face)
    driver = ClinkDriver(settings_of(station.devices[0]), line.bus)
    assert isinstance(driver, Keeps)
    async with line.bus:
        said = await newest(driver.kept(), 3)
        now = (await driver.read()).blocks
    # 11:06:40 UTC and two seconds, Viet Nam's seven hours, a wrong one
    assert said.clock == KeptClock("11-18-26 19:06:42", "2026-11-18 19:06")
    assert [record.at for record in said.records] == [
        "2026-11-18 19:06",
        "2026-11-18 19:05",
        "2026-11-18 19:04",
    ]
    assert [name for name, _ in said.records[0].words] == ["flags", "o3", "pres"]
    assert len(now) == 2
