"""The table of codecs is whole: every function that reads bytes is called by a row, or named here with its reason."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, ModuleType

import pytest

from drivers import protocols
from drivers.protocols.modbus_pdu import Malformed
from tests.drivers.protocols.codecs import CODECS
from tests.drivers.protocols.torture import Codec, drain, original

pytestmark = pytest.mark.pure

NO_BYTES_OF_A_WIRE = {
    "current_loop.decode": "a current in, a quantity out: what a converter counted; test_current_loop",
    "recording.decode": "a file of our own, as text; test_recording",
    **dict.fromkeys(
        (
            "frame_words.answer_words",
            "frame_words.ascii_message",
            "frame_words.crc_words",
            "frame_words.lrc_words",
            "frame_words.registers",
            "frame_words.request_words",
            "frame_words.text",
        ),
        "words for eyes, no value; whatever passes on a line has some: drivers/test_described",
    ),
}
"""Readers that no row calls, and why."""


def _modules() -> list[ModuleType]:
    return [
        importlib.import_module(f"{protocols.__name__}.{found.name}")
        for found in pkgutil.iter_modules(protocols.__path__)
    ]


def _readers(module: ModuleType) -> Iterator[str]:
    """Public functions that are given bytes, or say by their name that they decode."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ != module.__name__ or name.startswith("_"):
            continue
        first = next(iter(inspect.get_annotations(function).values()), None)
        if name.startswith(("take", "decode")) or "bytes" in str(first) or "bytearray" in str(first):
            yield f"{module.__name__.rpartition('.')[2]}.{name}"


@contextmanager
def _calls() -> Iterator[set[str]]:
    """The functions of drivers.protocols that are called meanwhile."""
    called: set[str] = set()
    before = sys.getprofile()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith(protocols.__name__):
            called.add(f"{module.rpartition('.')[2]}.{frame.f_code.co_qualname}")

    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(before)


def _called_by(codecs: tuple[Codec, ...]) -> set[str]:
    with _calls() as called:
        for codec in codecs:
            for example in (*codec.examples, *codec.refusals):
                with suppress(Malformed):
                    codec.take(bytearray(example))
    return called


def test_every_reader_is_in_the_table_or_has_a_reason() -> None:
    readers = {reader for module in _modules() for reader in _readers(module)}
    called = _called_by(CODECS)
    assert readers - called == set(NO_BYTES_OF_A_WIRE)


def test_a_reader_without_a_row_is_found() -> None:
    without_wind = tuple(codec for codec in CODECS if codec.name != "nmea wind")
    assert _called_by(CODECS) - _called_by(without_wind) >= {"nmea0183.decode_wind"}


LINES = (
    "line",
    "c-link command",
    "c-link reply",
    "c-link value",
    "c-link layout",
    "teledyne command",
    "teledyne command, computer mode",
    "teledyne message",
    "teledyne reply",
    "bam-1020 header",
    "bam-1020 record",
    "bam-1020 report",
    "line text reply, no check",
    "sdi-12 service request",
    "sdi-12 announcement",
    "sdi-12 data",
    "wxt command",
    "wxt message",
    "wxt reply",
)
"""Codecs whose messages begin anywhere: only an end tells where the next one begins."""


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("piece", [1, 64, 100_000])
def test_the_tail_of_a_line_that_is_too_long_is_no_message(name: str, piece: int) -> None:
    (codec,) = (codec for codec in CODECS if codec.name == name)
    for example in codec.examples:
        buffer = bytearray()
        wire = b"x" * (2 * codec.most_kept) + example
        messages: list[object] = []
        for start in range(0, len(wire), piece):
            buffer += wire[start : start + piece]
            messages += drain(codec, buffer).messages
        assert messages == []
        assert not buffer
        assert drain(codec, bytearray(example)).messages == [original(codec, example)]
