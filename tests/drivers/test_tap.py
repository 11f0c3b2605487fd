"""The tap on a line: everything that passes is told, in order, and nobody who watches changes what happens."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import pytest

from drivers.characters import Talk
from drivers.errors import NoAnswer, Unreachable
from drivers.protocols.modbus_pdu import Malformed
from drivers.statements import Said, Statement
from drivers.tap import Passed, Tap, read_aloud, said
from drivers.udp_wire import UdpWire
from tests.drivers.simulated_talk import SimulatedLine, take
from tests.drivers.virtual_time import run


def listening(tap: Tap) -> list[tuple[str, bytes, str]]:
    """What the tap tells from now on."""
    told: list[tuple[str, bytes, str]] = []
    tap.join(lambda passed: told.append((passed.kind, passed.octets, passed.words)))
    return told


def test_a_question_and_its_answer_pass_with_what_the_driver_read() -> None:
    async def story() -> list[tuple[str, bytes, str]]:
        line = SimulatedLine(lambda _: [(0.05, b"7."), (0.06, b"85\r\n")])
        told = listening(line.bus.tap)
        async with line.bus:
            await line.bus.ask(b"D\r", take)
        return told

    assert run(story()) == [
        ("opened", b"", "/dev/ttyUSB0"),
        ("sent", b"D\r", ""),
        ("heard", b"7.", ""),
        ("heard", b"85\r\n", ""),
        ("read", b"", "7.85"),
    ]


def test_silence_a_late_answer_and_noise_pass_as_what_they_are() -> None:
    async def story() -> list[tuple[str, bytes, str]]:
        answers = iter([[(1.4, b"1\r\n")], [(0.1, b"x\r\n"), (0.2, b"2\r\n")]])
        line = SimulatedLine(lambda _: next(answers))
        told = listening(line.bus.tap)
        async with line.bus:
            with pytest.raises(NoAnswer):
                await line.bus.ask(b"D\r", take)
            await line.bus.ask(b"D\r", take)
        return told[1:]

    assert run(story()) == [
        ("sent", b"D\r", ""),
        ("trouble", b"", "no answer to 'D' within 1 s"),
        ("unasked", b"1\r\n", ""),
        ("sent", b"D\r", ""),
        ("heard", b"x\r\n", ""),
        ("read", b"", "not read: no number"),
        ("heard", b"2\r\n", ""),
        ("read", b"", "2"),
    ]


def test_a_line_that_does_not_open_says_why_without_repeating_where_it_is() -> None:
    async def story() -> list[tuple[str, bytes, str]]:
        line = SimulatedLine()
        line.opening = [
            Unreachable("/dev/ttyUSB0: there is no such device", hint="is the adapter plugged in?")
        ]
        told = listening(line.bus.tap)
        async with line.bus:
            with pytest.raises(Unreachable):
                await line.bus.ask(b"D\r", take)
        return told

    assert run(story()) == [("trouble", b"", "there is no such device; is the adapter plugged in?")]


def test_what_a_stream_says_passes_when_it_comes_and_when_it_is_read() -> None:
    async def story() -> list[tuple[str, bytes, str]]:
        line = SimulatedLine(streams=True)
        told = listening(line.bus.tap)
        async with line.bus:
            line.say(b"1\r\n2\r\n", 0.5)
            await line.bus.listen(take, within_s=3)
        return told[1:]

    assert run(story()) == [("heard", b"1\r\n2\r\n", ""), ("read", b"", "1"), ("read", b"", "2")]


def test_a_question_without_words_waits_for_a_message_and_sends_nothing() -> None:
    async def conversation(talk: Talk) -> str:
        return (await talk.ask(b"", take)).message

    async def story() -> list[tuple[str, bytes, str]]:
        line = SimulatedLine()
        told = listening(line.bus.tap)
        async with line.bus:
            line.say(b"5\r\n", 2.2)
            await line.bus.converse(conversation)
        return told[1:]

    assert run(story()) == [("sent", b"", ""), ("heard", b"5\r\n", ""), ("read", b"", "5")]


def test_who_leaves_hears_no_more_and_the_others_do() -> None:
    async def story() -> None:
        tap = Tap()
        first: list[bytes] = []
        second: list[bytes] = []

        def hear_first(passed: Passed) -> None:
            first.append(passed.octets)

        def hear_second(passed: Passed) -> None:
            second.append(passed.octets)

        tap.join(hear_first)
        tap.join(hear_second)
        tap.tell("sent", b"1")
        tap.leave(hear_first)
        tap.tell("sent", b"2")
        watched = [tap.is_watched]
        tap.leave(hear_second)
        tap.leave(hear_second)
        assert [*watched, tap.is_watched] == [True, False]
        assert (first, second) == ([b"1"], [b"1", b"2"])

    run(story())


def test_a_reader_that_is_read_aloud_gives_what_it_gives_without() -> None:
    async def story() -> None:
        told = listening(tap := Tap())
        aloud = read_aloud(tap, take)
        assert aloud(bytearray(b"7.8")) is None
        assert aloud(bytearray(b"7.85\r\n")) == "7.85"
        with pytest.raises(Malformed):
            aloud(bytearray(b"x\r\n"))
        assert [kind for kind, *_ in told] == ["read", "read"]

    run(story())


async def test_a_datagram_without_a_question_passes_as_unasked() -> None:
    from drivers.line import LineSettings

    wire = UdpWire(LineSettings.model_validate({"url": "udp://127.0.0.1:502"}), lambda: 0)
    told = listening(wire.tap)
    wire.datagram_received(b"?", None)
    assert told == [("unasked", b"?", "")]


class Pair(NamedTuple):
    name: str
    note: str = ""


@dataclass(frozen=True)
class Gas:
    value: Decimal
    unit: str
    flags: tuple[str, ...] = ()


@pytest.mark.pure
@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Statement({"wind_speed": Said(Decimal("3.1"), "m/s")}, ("hot",)), "wind_speed 3.1 m/s, notes hot"),
        ({"level": Decimal("3.210"), "T": None}, "level 3.210, T no value"),
        (Gas(Decimal("12.5"), "ppb"), "12.5 ppb"),
        (Gas(Decimal("0"), "ppb", ("zero", "warm")), "0 ppb, flags zero | warm"),
        (Pair("SO2"), "name SO2"),
        ((Pair("SO2"), Pair("NO", "old")), "name SO2 | name NO, note old"),
        (b"\x01\xff", "01 FF"),
        ("OK", "OK"),
    ],
)
def test_a_message_of_any_codec_is_a_line(message: Mapping[str, object] | object, words: str) -> None:
    assert said(message) == words
