"""Instruments of the station file that speak lines: whose request it is, and numbers as their wording takes them."""

from decimal import Decimal
from typing import Any

import pytest

from drivers.protocols.line_text import Check, Lines, Wording, compiled_lines, take_reply
from drivers.protocols.modbus_pdu import Malformed
from sim.signals import Constant
from sim.speaker import Figure, Speaker
from sim.talk import Asked
from sim.talkers.lines import EVERY_S, LinesTalker
from tests.sim.bench import NOON

pytestmark = pytest.mark.pure


def lines(request: str = r"A?\r", **wording: Any) -> Lines:
    return compiled_lines(Wording(request=request, **(wording or {"pattern": "{x}"})))


def talker(*wordings: Lines, value: float = 7.85) -> LinesTalker:
    """One instrument for each wording, the first has number 1."""
    figure = Figure("X", "x", Constant(value), scale=Decimal("0.1"))
    speakers = {unit: Speaker(f"meter-{unit}", [figure]) for unit, _ in enumerate(wordings, 1)}
    return LinesTalker(speakers, dict(enumerate(wordings, 1)))


def test_each_instrument_knows_its_request() -> None:
    both = talker(lines(r"A?\r"), lines(r"B?\r"))
    buffer = bytearray(b"B?\rA?\rA")
    assert both.take(buffer) == Asked(2, b"B?\r")
    assert both.take(buffer) == Asked(1, b"A?\r")
    assert both.take(buffer) is None
    assert buffer == b"A"


def test_a_request_that_begins_like_another_one_is_told_apart() -> None:
    assert talker(lines("D"), lines("DO")).take(bytearray(b"DO")) == Asked(2, b"DO")
    assert talker(lines("D"), lines("DO")).take(bytearray(b"D")) == Asked(1, b"D")


def test_noise_before_a_request_goes_byte_by_byte() -> None:
    buffer = bytearray(b"?A?\r")
    with pytest.raises(Malformed) as noise:
        talker(lines()).take(buffer)
    assert noise.value.evidence == b"?"
    assert talker(lines()).take(buffer) == Asked(1, b"A?\r")


def test_an_instrument_without_a_request_talks_every_second_and_answers_nobody() -> None:
    weather = talker(lines(""))
    assert weather.every_s == EVERY_S
    assert talker(lines()).every_s is None
    buffer = bytearray(b"?")
    with pytest.raises(Malformed):
        weather.take(buffer)
    assert buffer == b""


@pytest.mark.parametrize(
    ("wording", "message"),
    [
        ({"pattern": "X={x}"}, b"X=78.500\r\n"),
        ({"pattern": r"(?P<x>\d+\.\d)"}, b"78.5\r\n"),
        ({"pattern": r"(?P<x>[+-]\d{4}\.\d\d) mg"}, b"+0078.50 mg\r\n"),
        ({"pattern": r"(?P<x>\d{3})", "terminator": r"\r"}, b"078\r"),
        ({"pattern": "{y},{x}"}, b"0.000,78.500\r\n"),
        ({"separator": ";", "fields": (("x", 3),), "count": 4}, b"0;0;78.500;0\r\n"),
        ({"separator": "", "fields": (("x", 2),), "decimal_comma": True}, b"0 78,500\r\n"),
        ({"pattern": "{x}", "start": r"\x02", "check": Check("xor", mark="*")}, b"\x0278.500*14\r\n"),
    ],
)
def test_a_number_is_written_as_the_wording_takes_it(wording: dict[str, Any], message: bytes) -> None:
    """78.5 on its display is 7.85 at a scale of 0.1."""
    meter = talker(lines(**wording))
    said = meter.answer(Asked(1, b"A?\r"), NOON)
    assert said is not None
    assert said.message == message
    read = take_reply(bytearray(message), lines(**wording))
    assert read is not None
    assert isinstance(read["x"], Decimal)
    assert said.values == {"X": float(read["x"] / 10)}


def test_a_number_below_zero_is_one_for_a_wording_with_a_sign() -> None:
    assert talker(lines(pattern=r"(?P<x>-?\d\.\d)"), value=-0.25).tell(1, NOON).message == b"-2.5\r\n"


def test_a_wording_that_takes_no_number_is_told_with_the_device() -> None:
    with pytest.raises(ValueError, match='device "meter-1": its wording does not take'):
        talker(lines(pattern="(?P<x>[A-F])")).tell(1, NOON)
