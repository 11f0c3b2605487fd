"""A short run of the fuzzer, and a codec without its check, which it must find."""

from dataclasses import replace

import pytest

from drivers.protocols.text import take_line
from tests.drivers.protocols.codecs import CODECS
from tests.drivers.protocols.fuzz import fuzz
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
