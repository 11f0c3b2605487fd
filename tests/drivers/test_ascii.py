"""Anything that speaks lines: the technician's mistakes in his words, and readings asked and streamed."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.ascii import AsciiDriver, Settings
from drivers.driver import Cycle
from drivers.errors import DriverError, Garbled, NoAnswer
from sim.plausible import signal
from sim.speaker import Figure, Speaker
from sim.talk import TalkFace
from sim.talkers.lines import LinesTalker
from telemetry.reading import Block, Flag, Reading
from tests.drivers.simulated_talk import SimulatedLine, TalkingLine, now
from tests.virtual_time import in_virtual_time

pytestmark = pytest.mark.pure

FAULT = int(Flag.INSTRUMENT_FAULT)
ASKED = {"request": r"D\r\n", "pattern": "pH={pH};T={T}"}
STREAMED = {"pattern": "pH={pH};T={T}"}
SUMMED = {**ASKED, "check": {"algorithm": "sum", "digits": 4, "mark": "*"}}


def settings(*channels: dict[str, Any], **wording: Any) -> Settings:
    """As the station file hands them over."""
    tables = [{"unit": "pH", **table} for table in channels or ({"id": "pH"},)]
    return Settings.model_validate_json(json.dumps({"channel": tables, **wording}))


def problems(*channels: dict[str, Any], **wording: Any) -> list[tuple[tuple[str | int, ...], str]]:
    return [(problem.path, problem.message) for problem in settings(*channels, **wording).problems()]


def said(answer: bytes, device: Settings) -> SimulatedLine:
    """A line on which every request gets this answer."""
    return SimulatedLine(lambda _: [(0.05, answer)], streams=device.streams())


async def read(line: SimulatedLine, device: Settings) -> Cycle:
    return await AsciiDriver(device, line.bus).read()


async def values(answer: bytes, *channels: dict[str, Any], **wording: Any) -> tuple[Reading, ...]:
    """The readings of one answer."""
    device = settings(*channels, **{"request": "?", **wording})
    assert list(device.problems()) == []
    line = said(answer, device)
    async with line.bus:
        ((_, readings),) = (await read(line, device)).blocks
    return readings


@pytest.mark.parametrize("end", [r"\r\n", r"\r"])
@in_virtual_time
async def test_a_request_that_the_line_repeats_is_no_answer(end: str) -> None:
    """A two-wire adapter hears itself: 1 is the channel that was asked for, not what it measures."""
    more = {"request": r"READ 1\r\n", "terminator": end, "separator": " ", "columns": {"pH": 2}, "count": 2}
    with pytest.raises(Garbled):
        await values(b"READ 1\r\n", **more)
    if end == r"\r\n":
        assert await values(b"READ 1\r\nCH1 7.85\r\n", **more) == (Reading("pH", 7.85),)


# -- settings


def test_settings_in_order_have_no_problem() -> None:
    assert problems(**ASKED) == []
    assert problems(separator=";", columns={"pH": 2, "T": 3}, count=3) == []
    asked, streamed = settings(**ASKED), settings(**STREAMED, silence="30s")
    assert (asked.streams(), asked.patience_s(), asked.asks()) == (False, 0.0, r"D\r\n")
    assert (streamed.streams(), streamed.patience_s(), streamed.asks()) == (True, 30.0, "")
    assert asked.rows() == [["pH", r"D\r\n", "pH", "text", "", 1.0, 0.0, "pH", None]]


@pytest.mark.parametrize(
    ("wording", "path", "words"),
    [
        ({}, ("separator",), "either a pattern or a separator tells where the values are"),
        ({"pattern": "{pH}", "separator": ","}, ("pattern",), "either a pattern or a separator"),
        ({"pattern": "{pH}", "columns": {"pH": 1}}, ("columns",), "columns and count belong to a separator"),
        ({"pattern": "(?P<pH>"}, ("pattern",), "the pattern is no regular expression"),
        ({"pattern": "pH"}, ("pattern",), "an answer without a named field has no value"),
        ({"pattern": "^{pH}"}, ("pattern",), "^ and $ are not needed"),
        ({"pattern": r"(?P<pH>\d+)+"}, ("pattern",), "not repeated with +"),
        (
            {"separator": ",", "columns": {"pH": 1}},
            ("separator",),
            "count is missing: how many fields an answer has",
        ),
        ({"separator": ","}, ("separator",), "an answer without a named field has no value"),
        ({"separator": ",", "columns": {"pH": 3}, "count": 2}, ("columns",), "numbered from 1 up to count"),
        (
            {"separator": ",", "columns": {"pH": 1}, "count": 1, "decimal_comma": True},
            ("separator",),
            "a comma cannot",
        ),
        (
            {"separator": r"\x02", "columns": {"pH": 1}, "count": 1},
            ("separator",),
            "separator: printable characters",
        ),
        ({"pattern": "{pH}", "terminator": ""}, ("terminator",), "an answer ends with something"),
        ({"pattern": "{pH}", "terminator": r"\R"}, ("terminator",), r"escapes are \r \n \t \0 \\ and \x02"),
        ({"pattern": "{pH}", "request": r"\q"}, ("request",), "escapes are"),
        ({"pattern": "{pH}", "request": "đo"}, ("request",), "not ASCII"),
        ({"pattern": "{pH}", "start": "\\x2"}, ("start",), "escapes are"),
        ({"pattern": "{pH}", "separator": r"\q"}, ("separator",), "escapes are"),
        (
            {"pattern": "{pH}", "check": {"algorithm": "xor", "mark": r"\q"}},
            ("check", "mark"),
            "escapes are",
        ),
        (
            {"pattern": "{pH}", "check": {"algorithm": "xor", "digits": 4}},
            ("check", "digits"),
            "xor has 2 hexadecimal digits",
        ),
    ],
)
def test_a_wording_that_cannot_be_meant_is_told_at_its_place(
    wording: dict[str, Any], path: tuple[str, ...], words: str
) -> None:
    ((place, message),) = problems(**wording)
    assert place == path
    assert words in message


def test_every_wrong_text_is_told_at_once() -> None:
    found = problems(pattern="{pH}", request=r"\q", terminator=r"\q")
    assert [path for path, _ in found] == [("request",), ("terminator",)]


def test_a_channel_that_the_answer_does_not_have() -> None:
    assert problems({"id": "ph"}, **ASKED) == [
        (("channel", 0, "id"), 'the answer has no field "ph"; there are: T, pH')
    ]
    assert problems({"id": "a", "field": "b"}, separator=",", columns={"c": 1}, count=1) == [
        (("channel", 0, "field"), 'the answer has no field "b"; there are: c')
    ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"check": {"algorithm": "crc"}}, "'xor' or 'sum'"),
        ({"columns": {"pH": 0}}, "greater than or equal to 1"),
        ({"silence": 30}, 'a duration needs its unit, write "30s"'),
        ({"silence": "2h"}, "less than or equal to 3600"),
        ({"longest": 2000}, "less than or equal to 1024"),
        ({"seperator": ","}, "Extra inputs"),
        ({"unit": 3}, "Extra inputs"),
    ],
)
def test_a_mistake_within_one_setting(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(pattern="{pH}", **wrong)


# -- asked


@in_virtual_time
async def test_an_answer_is_one_block_at_the_time_of_its_last_byte() -> None:
    device = settings({"id": "pH"}, {"id": "Temp", "field": "T", "unit": "degC"}, **ASKED)
    line = said(b"pH=7.85;T=28\r\n", device)
    async with line.bus:
        cycle = await read(line, device)
    ((sent_s, request),) = line.requests
    assert request == b"D\r\n"
    assert cycle == Cycle((Block(round(1000 * (sent_s + 0.05)), (Reading("pH", 7.85), Reading("Temp", 28))),))


@in_virtual_time
async def test_71_tenths_are_7_1() -> None:
    (reading,) = await values(b"71\r\n", {"id": "pH", "scale": 0.1}, pattern="{pH}")
    assert reading == Reading("pH", 7.1)


@pytest.mark.parametrize(
    ("answer", "wording"),
    [
        (b"  1  7.85 \r\n", {"separator": "", "columns": {"pH": 2}, "count": 2}),
        (b"1,7.85,\r\n", {"separator": ",", "columns": {"pH": 2}, "count": 3}),
        (b"1\t7.85\r\n", {"separator": r"\t", "columns": {"pH": 2}, "count": 2}),
        (b"\x027;85;7,85\x03", {
            "separator": ";", "columns": {"pH": 3}, "count": 3, "start": r"\x02", "terminator": r"\x03",
            "decimal_comma": True,
        }),
        (b"pH  +007.85 ok\r", {"pattern": r"pH +{pH} (ok|hi)", "terminator": r"\r"}),
        (b"7.85*14\r\n", {"pattern": "{pH}", "check": {"algorithm": "xor", "mark": "*"}}),
        (b"$7.85*14\r\n", {"pattern": r"\${pH}", "check": {"algorithm": "xor", "mark": "*", "skip": 1}}),
        (b"7.85D2\r\n", {"pattern": "{pH}", "check": {"algorithm": "sum"}}),
    ],
)  # fmt: skip
@in_virtual_time
async def test_answers_as_instruments_word_them(answer: bytes, wording: dict[str, Any]) -> None:
    assert await values(answer, **wording) == (Reading("pH", 7.85),)


@pytest.mark.parametrize("word", [b"----", b"", b"  ", b"OVR"])
@in_virtual_time
async def test_the_instruments_word_for_no_value_is_a_reading_without_one(word: bytes) -> None:
    wording = {"separator": ";", "columns": {"pH": 1, "T": 2}, "count": 2, "no_value": ["----", "OVR"]}
    assert await values(word + b";28\r\n", {"id": "pH"}, {"id": "T"}, **wording) == (
        Reading("pH", None, FAULT),
        Reading("T", 28),
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"ERR 5\r\n",
        b"pH=7.85\r\n",
        b"pH=7.85;T=28;x\r\n",
        b"pH=7,85;T=28\r\n",
        b"pH=nan;T=28\r\n",
        b"pH=7.\xb85;T=28\r\n",
        b"pH=7.85;T=28",
    ],
)
@in_virtual_time
async def test_another_answer_is_garbled_and_never_a_value(answer: bytes) -> None:
    device = settings(**ASKED)
    line = said(answer, device)
    async with line.bus:
        with pytest.raises(Garbled) as error:
            await read(line, device)
    assert error.value.evidence == answer.removesuffix(b"\r\n")


@in_virtual_time
async def test_an_answer_is_as_long_as_the_file_says_and_no_longer() -> None:
    long = b"7.85" + b"0" * 300 + b"\r\n"
    assert await values(long, pattern="{pH}", longest=400) == (Reading("pH", 7.85),)
    for answer in (long, b"7.8500000\r\n"):
        with pytest.raises(Garbled):
            await values(answer, pattern="{pH}", longest=8)


@in_virtual_time
async def test_an_answer_with_a_wrong_check_is_garbled() -> None:
    device = settings(**SUMMED)
    line = said(b"pH=7.85;T=28*0000\r\n", device)
    async with line.bus:
        with pytest.raises(Garbled):
            await read(line, device)


# -- by itself


@in_virtual_time
async def test_of_a_stream_the_newest_line_counts_with_its_own_time() -> None:
    device = settings(**STREAMED)
    line = said(b"", device)
    async with line.bus:
        for second in range(1, 6):
            line.say(b"pH=7.%d;T=28\r\n" % second, second)
        assert (await read(line, device)).blocks == (Block(1000, (Reading("pH", 7.1),)),)
        line.say(b"pH=7.", 4.5)
        await asyncio.sleep(5)
        assert (await read(line, device)).blocks == (Block(5000, (Reading("pH", 7.5),)),)
    assert line.requests == []


@in_virtual_time
async def test_a_stream_that_says_nothing_is_no_answer_after_its_silence() -> None:
    device = settings(**STREAMED, silence="30s")
    line = said(b"", device)
    async with line.bus:
        with pytest.raises(NoAnswer, match="nothing came within 30 s"):
            await read(line, device)
    assert now() == 30


# -- the whole way from the simulators' instruments, with everything that goes wrong

FAULTS = [
    "silent", "slow=0.3", "late=1.5", "truncated=50", "flip=1", "flip=3", "noise", "unit", "function", "short",
    "exception=2", "close", "reboot=3",
]  # fmt: skip


def talking(device: Settings, fault: str, seed: int) -> TalkingLine:
    """The instrument behind a wire on which this goes wrong with every second message, at random."""
    figures = [
        Figure(channel.id, channel.source, signal("pH", 0, 14, seed + place))
        for place, channel in enumerate(device.channel)
    ]
    face = TalkFace(LinesTalker({1: Speaker("meter", figures)}, {1: device.lines}))
    line = TalkingLine(face, faults=(f"{fault}%50",))
    line.wire.script = type(line.wire.script)(line.wire.script.rules, seed)
    return line


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("wording", [SUMMED, {**SUMMED, "request": ""}], ids=["asked", "streamed"])
@in_virtual_time
async def test_with_a_check_no_fault_of_the_line_gives_a_wrong_value_or_hangs(
    wording: dict[str, Any], fault: str
) -> None:
    device = settings({"id": "pH"}, {"id": "T"}, **wording)
    line = talking(device, fault, seed=len(fault))
    answered = failed = 0
    async with line.bus:
        for _ in range(40):
            began_s = now()
            try:
                ((_, readings),) = (await read(line, device)).blocks
            except DriverError:
                failed += 1
                await asyncio.sleep(0.5)
                continue
            finally:
                assert now() - began_s < 70
            answered += 1
            told = [served.values for served in line.wire.served.kept]
            assert {reading.channel: reading.value for reading in readings} in told[-2:]
            assert all(reading.flags == 0 for reading in readings)
    assert answered > 5
    assert failed or device.streams() or fault in {"slow=0.3", "noise", "unit", "short"}
