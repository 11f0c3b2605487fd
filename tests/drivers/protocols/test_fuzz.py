"""A short run of the fuzzer, and a codec without its check, which it must find."""

from dataclasses import replace

import pytest

from drivers.protocols.text import malformed, take_line
from tests.drivers.protocols.codecs import CODECS
from tests.drivers.protocols.fuzz import fuzz, tell
from tests.drivers.protocols.torture import Codec

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_no_damaged_message_becomes_another(codec: Codec) -> None:
    fuzzed = fuzz(codec, 10_000, seed=2)
    assert fuzzed.damaged == 50
    assert fuzzed.wrong == ()


def test_a_codec_that_does_not_look_at_its_check_is_found() -> None:
    blind = Codec("blind", lambda buffer: take_line(buffer, b"\r"), (b"ph 7.85*2A\r",), checked=True)
    assert fuzz(blind, 10_000, seed=2).wrong
    assert fuzz(replace(blind, checked=False), 10_000, seed=2).wrong == ()


def test_hypothesis_finds_a_taker_that_loses_the_messages_behind_its_noise() -> None:
    def deaf(buffer: bytearray) -> bytes | None:
        if b"\0" in buffer:
            raise malformed("noise", buffer, len(buffer))
        return take_line(buffer, b"\r")

    with pytest.raises(AssertionError, match="is lost behind"):
        tell(Codec("deaf", deaf, (b"ph 7.85\r",)), 200, number=1)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_a_story_of_a_line_is_borne(codec: Codec) -> None:
    tell(codec, 10, number=3)
