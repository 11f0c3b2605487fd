"""Every codec under torture; and takers with planted faults, which torture must find."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal, malformed, take_line, xor_of
from tests.drivers.protocols.codecs import CODECS
from tests.drivers.protocols.torture import TORTURES, Codec

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("torture", TORTURES.values(), ids=TORTURES)
@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_a_codec_bears(codec: Codec, torture: Callable[[Codec, Random], object]) -> None:
    torture(codec, Random(20260118))


def test_every_codec_has_a_name_of_its_own_and_examples() -> None:
    assert len({codec.name for codec in CODECS}) == len(CODECS)
    assert all(codec.examples for codec in CODECS)


def _checked(line: bytes) -> bytes:
    return line + f"*{xor_of(line):02X}\r".encode()


EXAMPLE, NO = _checked(b"ph 7.85"), _checked(b"no")


def take(buffer: bytearray) -> bytes | None:
    """Lines of `text*check`, check: exclusive or in two hexadecimal digits."""
    line = take_line(buffer, b"\r")
    if line is None:
        return None
    if _checked(line[:-3]) != line + b"\r":
        raise Malformed("a wrong check", line or b"\r")
    if line == NO[:-1]:
        raise Refusal("no", line)
    return line[:-3]


SOUND = Codec("sound", take, (EXAMPLE,), (NO,), checked=True)


@pytest.mark.parametrize("torture", TORTURES.values(), ids=TORTURES)
def test_a_sound_taker_bears_it(torture: Callable[[Codec, Random], object]) -> None:
    torture(SOUND, Random(1))


def unchecked(buffer: bytearray) -> bytes | None:
    """Does not look at the check."""
    line = take_line(buffer, b"\r")
    return line if line is None else line[:-3]


def greedy(buffer: bytearray) -> bytes | None:
    """Throws away what follows a message."""
    message = take(buffer)
    if message is not None:
        buffer.clear()
    return message


def eager(buffer: bytearray) -> bytes | None:
    """Does not wait for the check."""
    return EXAMPLE[:-4] if buffer.startswith(EXAMPLE[:-4]) else take(buffer)


def silent(buffer: bytearray) -> bytes | None:
    """Does not show its noise."""
    try:
        return take(buffer)
    except Malformed as error:
        raise Malformed("something", b"") from error


def stuck(buffer: bytearray) -> bytes | None:
    """Leaves its noise in the buffer: whoever calls again never ends."""
    probe = bytearray(buffer)
    message = take(probe)
    buffer[:] = probe
    return message


def forgetful(buffer: bytearray) -> bytes | None:
    """Says None and removes bytes all the same."""
    if len(buffer) == 5:
        del buffer[0]
    return take(buffer)


def hoarding(buffer: bytearray) -> bytes | None:
    """Waits for an end for ever."""
    return take(buffer) if b"\r" in buffer else None


def trusting(buffer: bytearray) -> object:
    """Believes that a line is what it should be."""
    line = take_line(buffer, b"\r")
    return line if line is None else line.split(b" ")[1][:-3]


def deaf(buffer: bytearray) -> bytes | None:
    """Drops all that came when noise is in front, the message behind it too."""
    if buffer and not EXAMPLE.startswith(bytes(buffer[: len(EXAMPLE)])):
        raise malformed("noise", buffer, len(buffer))
    return take(buffer)


def quadratic(buffer: bytearray) -> bytes | None:
    """Looks through the whole buffer and cuts off one byte."""
    if len(buffer) > len(EXAMPLE) and not buffer.count(EXAMPLE[-6:-4]):
        raise malformed("noise", buffer, 1)
    return take(buffer)


def yielding(buffer: bytearray) -> bytes | None:
    """Takes a refusal for an answer."""
    try:
        return take(buffer)
    except Refusal as error:
        return error.evidence


FAULTS: dict[str, tuple[Callable[[bytearray], object], type[Exception], str]] = {
    "one bit wrong": (unchecked, AssertionError, "made"),
    "whole": (greedy, AssertionError, "is left of two"),
    "byte by byte": (eager, AssertionError, "already a message"),
    "random bytes": (silent, AssertionError, "no evidence"),
    "truncated": (stuck, AssertionError, "nothing was removed"),
    "noise around": (deaf, AssertionError, "is lost behind"),
    "linear time": (quadratic, AssertionError, "take"),
}
MORE_FAULTS: tuple[tuple[str, Callable[[bytearray], object], type[Exception], str], ...] = (
    ("linear time", hoarding, AssertionError, "kept without an error"),
    ("random bytes", trusting, IndexError, "index"),
    ("random bytes", forgetful, AssertionError, "became"),
    ("whole", yielding, AssertionError, "is no refusal"),
    ("truncated", unchecked, AssertionError, "made"),
)


@pytest.mark.parametrize(
    ("torture", "taker", "error", "words"),
    [*((name, *fault) for name, fault in FAULTS.items()), *MORE_FAULTS],
    ids=lambda part: part.__name__ if callable(part) and not isinstance(part, type) else "",
)
def test_torture_finds_a_taker_that_is(
    torture: str, taker: Callable[[bytearray], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        TORTURES[torture](replace(SOUND, take=taker), Random(1))


def test_every_torture_finds_something() -> None:
    assert set(FAULTS) == set(TORTURES)
